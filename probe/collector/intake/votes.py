"""Whether what an agent reports has a vote: its evidence must be there, be of the target, and be judged alike here.

The collector judges the evidence of every change again, with the rules that the agent used, before it counts. Evidence
that is judged otherwise may come from a newer version, a fault or a liar; the report is kept and shown, and changes no
event. The work of one batch is bounded; what is left is judged later (`probe.collector.fusing.rejudging`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from probe.collector.intake.evidence import EvidenceSampler, Packed
from probe.formats.batch import Batch, ReportedChange, ReportedStatus
from probe.fuse.service import INTERFERENCE
from probe.judge import RULES_VERSION, again
from probe.model.transition import VANTAGE
from probe.model.verdict import Status, Verdict

MAX_JUDGED = 64
"""Verdicts of one batch that are judged before it is stored: a round of a quiet agent has one or two."""
MAX_OBSERVATIONS = 2000
"""Observations of a verdict that is judged. A target has some tens, a range some hundreds."""
NEED_EVIDENCE = frozenset({Status.BLOCKED, Status.THROTTLED, Status.REACHABLE})
"""The statuses after a change that open or lift events. An unblocking needs the same proof as a block."""


class NoVote(StrEnum):
    """Why a span changes no event."""

    NO_EVIDENCE = "no_evidence"
    """It came without a verdict."""
    OTHER_TARGET = "other_target"
    """Its verdict is of another target."""
    JUDGED_OTHERWISE = "judged_otherwise"
    """Its evidence does not show this status."""
    NOT_JUDGED = "not_judged"
    """Its evidence waits to be judged."""


class Vote(msgspec.Struct, frozen=True):
    """Why a report has no vote, empty where it has one; and whether its verdict contradicts its own evidence."""

    no_vote: str = ""
    contradicts: bool = False


class Votes(msgspec.Struct, frozen=True, kw_only=True):
    """The votes of a batch's changes and settled statuses, in their order."""

    changes: tuple[Vote, ...] = ()
    settled: tuple[Vote, ...] = ()

    @property
    def contradicting(self) -> bool:
        """Whether any verdict contradicts its own evidence."""
        return any(vote.contradicts for vote in (*self.changes, *self.settled))

    def reasons(self) -> dict[str, int]:
        """Reason -> how many reports have no vote for it."""
        return dict(Counter(vote.no_vote for vote in (*self.changes, *self.settled) if vote.no_vote))


def votes_of(
    batch: Batch,
    evidence: Sequence[Packed | None] = (),
    sponsor: str = "",
    sampler: EvidenceSampler | None = None,
) -> Votes:
    """The votes of a batch; the evidence of the first `MAX_JUDGED` is judged here.

    Args:
        batch: of a vantage.
        evidence: the packed verdicts of its changes. One that the sampler left out needs no judging, because evidence
            of two sponsors for the same was judged alike before.
        sponsor: of the agent.
        sampler: is told what was judged alike; None for none.
    """
    left = MAX_JUDGED
    packed = evidence or (None,) * len(batch.changes)
    changes, settled = [], []
    for change, kept in zip(batch.changes, packed, strict=True):
        if kept is not None and kept.compressed is None:
            changes.append(Vote())
            continue
        vote, judged = _of_change(change, left > 0)
        left -= judged
        changes.append(vote)
        if judged and not vote.no_vote and sampler is not None:
            transition = change.transition
            sampler.judged_alike(batch.network, transition.target, transition.after, sponsor)
    for status in batch.settled:
        vote, judged = _of_status(status, left > 0)
        left -= judged
        settled.append(vote)
    return Votes(changes=tuple(changes), settled=tuple(settled))


def judged_vote(status: str, verdict: Verdict) -> Vote:
    """The vote of a report with this status after its evidence was judged here."""
    if len(verdict.evidence.observations) > MAX_OBSERVATIONS:
        return Vote(NoVote.JUDGED_OTHERWISE)
    try:
        found = again(verdict).status
    except Exception:  # noqa: BLE001 evidence is hostile: a text where an address belongs, a form of a newer version
        return Vote(NoVote.JUDGED_OTHERWISE)
    contradicts = found is not verdict.status and verdict.evidence.rules == RULES_VERSION
    return Vote("" if _alike(found, status) else NoVote.JUDGED_OTHERWISE, contradicts)


def _of_change(change: ReportedChange, may_judge: bool) -> tuple[Vote, bool]:
    transition = change.transition
    if transition.target == VANTAGE or transition.after not in NEED_EVIDENCE:
        return Vote(), False
    return _vote(transition.target, transition.after, change.verdict, may_judge)


def _of_status(settled: ReportedStatus, may_judge: bool) -> tuple[Vote, bool]:
    """Targets that were always reachable come without evidence: they open and lift nothing by themselves."""
    if settled.status not in INTERFERENCE:
        return Vote(), False
    return _vote(settled.target, settled.status, settled.verdict, may_judge)


def _vote(target: str, status: str, verdict: Verdict | None, may_judge: bool) -> tuple[Vote, bool]:
    """The vote, and whether evidence was judged for it."""
    if verdict is None:
        return Vote(NoVote.NO_EVIDENCE), False
    if verdict.target != target:
        return Vote(NoVote.OTHER_TARGET), False
    if not _alike(verdict.status, status):
        return Vote(NoVote.JUDGED_OTHERWISE), False
    if not may_judge:
        return Vote(NoVote.NOT_JUDGED), False
    return judged_vote(status, verdict), True


def _alike(found: str, status: str) -> bool:
    """Whether both statuses say the same of the network: blocked and throttled are both interference."""
    return found == status or {found, status} <= set(INTERFERENCE)
