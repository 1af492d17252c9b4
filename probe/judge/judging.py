"""From evidence to a verdict: rules decide each hop, the first bad hop decides a chain, both chains decide a domain."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from probe.judge import rules
from probe.judge.evidence_hop import EvidenceHop, hops_of
from probe.judge.evidence_view import EvidenceView
from probe.judge.findings import Findings, findings_of
from probe.judge.plain_success import is_plainly_served
from probe.judge.translation import translated
from probe.judge.vantage import concluded_again
from probe.model.glance_evidence import is_acquitted
from probe.model.location import located
from probe.model.observation import TraceReply
from probe.model.target import Target, parse
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageState, Verdict

_STATUS_ORDER = (
    Status.BLOCKED,
    Status.THROTTLED,
    Status.REACHABLE,
    Status.UNKNOWN,
    Status.UNREACHABLE,
    Status.DOWN,
)
"""Of a domain's two chains the status that counts (contract: Targets): interference first, then any chain that works;
of failures the one that claims least."""


class Judgment(msgspec.Struct, frozen=True):
    """The status of a target, the rule that decided it, and what judging found besides."""

    status: Status
    rule: str
    causes: tuple[Cause, ...] = ()
    findings: Findings = msgspec.field(default_factory=Findings)


_CLOSED = frozenset({VantageState.OFFLINE, VantageState.PORTAL})
_SAME = Judgment(Status.REACHABLE, "glance.same")
_DIFFERS = Judgment(Status.UNKNOWN, "glance.differs")
_SERVED = Judgment(Status.REACHABLE, "served")
"""What the table says of a glance that stands alone, and of a target that was plainly served, without the work of
reading hops: most verdicts are such."""


def judge(
    target: Target,
    evidence: Evidence,
    vantage: Vantage | VantageState,
    *,
    time: datetime | None = None,
) -> Judgment:
    """Judge what was seen of a target. Every evidence has a judgment; none raises.

    Args:
        target: what was measured.
        evidence: what was seen, and what of the control was used. What an earlier judgment found is not read.
        vantage: where it was seen, or its state alone.
        time: when the measurement began; a control far older is not used.
    """
    place = vantage if isinstance(vantage, Vantage) else Vantage(state=vantage)
    if evidence.glance and not evidence.observations and not evidence.error and place.state not in _CLOSED:
        return _SAME if is_acquitted(target, evidence.glance) else _DIFFERS
    if is_plainly_served(target, evidence, place):
        return _SERVED
    return judge_by_table(target, evidence, place, time)


def judge_by_table(target: Target, evidence: Evidence, place: Vantage, time: datetime | None) -> Judgment:
    """Judge by the table of rules, as `judge` does where no shorter way leads to the same."""
    view = EvidenceView(
        target,
        translated(_without_traces(evidence)),
        place.state,
        time,
        frozenset(place.notes),
        place.anchors,
        place.ipv6_answered,
    )
    decided = [_decide_chain(hops) for hops in hops_of(view)]
    chosen = min(decided, key=lambda one: _STATUS_ORDER.index(one.rule.status))
    causes = dict.fromkeys(rules.causes_of(chosen.hop, chosen.rule))
    for other in decided:
        if other.rule.status is chosen.rule.status:
            causes.update(dict.fromkeys(rules.causes_of(other.hop, other.rule)))
    hops = [hop for one in decided for hop in one.hops]
    return Judgment(chosen.rule.status, chosen.rule.id, tuple(causes), findings_of(hops, chosen.hop, chosen.rule.id))


def verdict(*, time: datetime, text: str, target: Target, evidence: Evidence, vantage: Vantage) -> Verdict:
    """Judge what was seen of a target and write its verdict.

    Args:
        time: when the measurement began.
        text: the target as it was given.
        target: the same, parsed.
        evidence: what was seen and used; the rest of it is filled in.
        vantage: where it was seen.
    """
    judgment = judge(target, evidence, vantage, time=time)
    found = judgment.findings
    return Verdict(
        time=time,
        target=text,
        status=judgment.status,
        causes=judgment.causes,
        rule=judgment.rule,
        evidence=replace(
            evidence,
            rules=rules.RULES_VERSION,
            server_refusal=found.server_refusal,
            server_alert=found.server_alert,
            families=found.families,
            failing=found.failing,
            hop=found.hop,
            nearer=found.nearer,
            location=located(evidence.observations) if judgment.status is Status.BLOCKED else None,
            notes=found.notes,
        ),
        vantage=vantage,
    )


def again(before: Verdict) -> Verdict:
    """Judge a verdict's evidence with this version's rules. A verdict of this version does not change.

    Raises:
        TargetError: the verdict's target has no known form.
    """
    return verdict(
        time=before.time,
        text=before.target,
        target=parse(before.target),
        evidence=before.evidence,
        vantage=concluded_again(before.vantage),
    )


class _DecidedChain(msgspec.Struct, frozen=True):
    """A chain with the hop that decided it and the hops that were judged."""

    hop: EvidenceHop
    rule: rules.Rule
    hops: tuple[EvidenceHop, ...]


def _decide_chain(hops: tuple[EvidenceHop, ...]) -> _DecidedChain:
    """Decide a chain by its first hop that is not reachable, else by its last, where the page came from."""
    first, *later = hops
    decided = _DecidedChain(first, rules.decide(first), (first,))
    for hop in later:
        if decided.rule.status is not Status.REACHABLE:
            break
        decided = _DecidedChain(hop, rules.decide(hop), (*decided.hops, hop))
    return decided


def _without_traces(evidence: Evidence) -> Evidence:
    """The evidence without traces, which are made once a verdict stands: no rule may read them."""
    read = tuple(one for one in evidence.observations if not isinstance(one, TraceReply))
    return evidence if len(read) == len(evidence.observations) else replace(evidence, observations=read)
