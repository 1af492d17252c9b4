"""From evidence to verdict: each hop by the rules, each chain by its first bad hop, a domain by both chains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from probe.judge import rules
from probe.judge.evidence_view import Case, Leg
from probe.judge.findings import Findings, find
from probe.model.location import located
from probe.model.observation import Traced
from probe.model.target import Target, parse
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageState, Verdict

_WEIGHT = (Status.BLOCKED, Status.THROTTLED, Status.REACHABLE, Status.UNKNOWN, Status.UNREACHABLE, Status.DOWN)
"""Of two chains of a domain the status that speaks for it (contract: Targets): interference first, then any that works;
of failures the one that claims least."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """What is said of a target, by which rule, and what was found on the way."""

    status: Status
    rule: str
    causes: tuple[Cause, ...] = ()
    findings: Findings = field(default_factory=Findings)


def judge(
    target: Target,
    evidence: Evidence,
    state: VantageState,
    *,
    notes: Iterable[str] = (),
    time: datetime | None = None,
) -> Judgment:
    """Judge what was seen of a target. Total: any evidence has a judgment, and none raises.

    Args:
        target: what was measured.
        evidence: what was seen, and what of the control was used. What an earlier judgment found is not read.
        state: of the vantage.
        notes: what is wrong with the vantage besides.
        time: when the measurement began; a control far older is not believed.
    """
    case = Case(target, _read(evidence), state, time, frozenset(notes))
    judged = [_chain(legs) for legs in case.chains]
    chosen = min(judged, key=lambda one: _WEIGHT.index(one.rule.status))
    causes = dict.fromkeys(rules.causes_of(chosen.leg, chosen.rule))
    for other in judged:
        if other.rule.status is chosen.rule.status:
            causes.update(dict.fromkeys(rules.causes_of(other.leg, other.rule)))
    seen = [leg for one in judged for leg in one.legs]
    return Judgment(chosen.rule.status, chosen.rule.id, tuple(causes), find(seen, chosen.leg, chosen.rule.id))


def _read(evidence: Evidence) -> Evidence:
    """The evidence without traces: they are made once a verdict stands, and no rule may read them."""
    read = tuple(one for one in evidence.observations if not isinstance(one, Traced))
    return evidence if len(read) == len(evidence.observations) else replace(evidence, observations=read)


def verdict(*, time: datetime, text: str, target: Target, evidence: Evidence, vantage: Vantage) -> Verdict:
    """Judge, and write the verdict as it goes out.

    Args:
        time: when the measurement began.
        text: the target as it was given.
        target: the same, parsed.
        evidence: what was seen and used; the rest is filled in.
        vantage: where it was seen.
    """
    judgment = judge(target, evidence, vantage.state, notes=vantage.notes, time=time)
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
            location=located(evidence.observations) if judgment.status is Status.BLOCKED else None,
            notes=found.notes,
        ),
        vantage=vantage,
    )


def again(before: Verdict) -> Verdict:
    """Judge a verdict's evidence with this version's rules. On this version's own verdicts it changes nothing.

    Raises:
        TargetError: the verdict's target is of no known form.
    """
    return verdict(
        time=before.time,
        text=before.target,
        target=parse(before.target),
        evidence=before.evidence,
        vantage=before.vantage,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A chain, by the leg that decided it."""

    leg: Leg
    rule: rules.Rule
    legs: tuple[Leg, ...]


def _chain(legs: tuple[Leg, ...]) -> _Judged:
    """The first hop that is not reachable speaks for the chain; else the last does, where the page came from."""
    first, *later = legs
    judged = _Judged(first, rules.decide(first), (first,))
    for leg in later:
        if judged.rule.status is not Status.REACHABLE:
            break
        judged = _Judged(leg, rules.decide(leg), (*judged.legs, leg))
    return judged
