"""Which reports have a vote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector.intake.evidence import EvidenceSampler, Packed
from probe.collector.intake.votes import (
    MAX_JUDGED,
    MAX_OBSERVATIONS,
    NoVote,
    Vote,
    Votes,
    judged_vote,
    votes_of,
)
from probe.formats.batch import Batch, ReportedChange, ReportedStatus
from probe.model.event import Network
from probe.model.transition import VANTAGE
from probe.model.verdict import Status, Verdict
from tests.loopback.collector.proofs import proof
from tests.loopback.collector.vantages import blocked_verdict, change, settled, stood

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
T, OTHER = "https://a.example/", "https://b.example/"


def shown(target: str, status: Status) -> Verdict:
    """A verdict with evidence for a status."""
    made = proof(target, status, NOW)
    assert made is not None
    return made


BLOCKED, REACHABLE = shown(T, Status.BLOCKED), shown(T, Status.REACHABLE)
FORGED = msgspec.structs.replace(REACHABLE, status=Status.BLOCKED)


def batch(*changes: ReportedChange, settled: tuple[ReportedStatus, ...] = ()) -> Batch:
    """A batch with these reports."""
    return Batch(
        agent="a", epoch="e", seq=1, sent=NOW, interval=300, network=Network(), changes=changes, settled=settled
    )


@pytest.mark.parametrize(
    ("report", "vote"),
    [
        (change(T, Status.BLOCKED, NOW), Vote()),
        (change(T, Status.THROTTLED, NOW, verdict=BLOCKED), Vote()),
        (change(T, Status.REACHABLE, NOW), Vote()),
        (change(T, Status.BLOCKED, NOW, bare=True), Vote(NoVote.NO_EVIDENCE)),
        (change(T, Status.REACHABLE, NOW, bare=True), Vote(NoVote.NO_EVIDENCE)),
        (change(T, Status.DOWN, NOW, bare=True), Vote()),
        (change(VANTAGE, Status.BLOCKED, NOW, bare=True), Vote()),
        (change(OTHER, Status.BLOCKED, NOW, verdict=BLOCKED), Vote(NoVote.OTHER_TARGET)),
        (change(T, Status.BLOCKED, NOW, verdict=REACHABLE), Vote(NoVote.JUDGED_OTHERWISE)),
        (change(T, Status.REACHABLE, NOW, verdict=BLOCKED), Vote(NoVote.JUDGED_OTHERWISE)),
        (change(T, Status.BLOCKED, NOW, verdict=FORGED), Vote(NoVote.JUDGED_OTHERWISE, contradicts=True)),
    ],
)
def test_a_change_needs_evidence_of_its_target_that_is_judged_alike(report: ReportedChange, vote: Vote) -> None:
    """Only interference and its end need it: nothing else changes an event."""
    assert votes_of(batch(report)).changes == (vote,)


def test_a_block_that_stood_needs_evidence_and_a_reachable_target_needs_none() -> None:
    """A target that was always reachable opens and lifts nothing by itself."""
    found = votes_of(
        batch(settled=(stood(T, NOW), settled(OTHER, NOW, Status.BLOCKED), settled("c", NOW, Status.REACHABLE)))
    )

    assert found == Votes(settled=(Vote(), Vote(NoVote.NO_EVIDENCE), Vote()))
    assert not found.contradicting


def test_evidence_of_other_rules_that_is_judged_otherwise_contradicts_nothing() -> None:
    """Its agent may be newer. It has no vote all the same."""
    newer = msgspec.structs.replace(FORGED, evidence=msgspec.structs.replace(FORGED.evidence, rules=10**6))

    assert judged_vote(Status.BLOCKED, newer) == Vote(NoVote.JUDGED_OTHERWISE)


def test_the_work_of_one_batch_is_bounded() -> None:
    """What is left waits to be judged; a verdict too long to be judged has no vote."""
    found = votes_of(batch(*(change(T, Status.BLOCKED, NOW - timedelta(minutes=n)) for n in range(MAX_JUDGED + 1))))
    many = BLOCKED.evidence.observations * (MAX_OBSERVATIONS // len(BLOCKED.evidence.observations) + 1)
    long = msgspec.structs.replace(BLOCKED, evidence=msgspec.structs.replace(BLOCKED.evidence, observations=many))

    assert [vote.no_vote for vote in found.changes] == [""] * MAX_JUDGED + [NoVote.NOT_JUDGED]
    assert judged_vote(Status.BLOCKED, long) == Vote(NoVote.JUDGED_OTHERWISE)


def test_a_target_of_an_unknown_form_is_not_judged() -> None:
    """A newer agent may know it."""
    strange = msgspec.structs.replace(BLOCKED, target="smtp://a.example")

    assert judged_vote(Status.BLOCKED, strange) == Vote(NoVote.JUDGED_OTHERWISE)


def test_evidence_that_was_left_out_counts_and_what_was_judged_alike_is_told_to_the_sampler() -> None:
    """It is left out only after evidence of two sponsors was judged alike."""
    sampler = EvidenceSampler(kept=0)
    place = (Network(), T, "blocked")
    for sponsor in ("x", "y"):
        assert sampler.keeps(*place, 0.0)
        assert votes_of(batch(change(T, Status.BLOCKED, NOW)), sponsor=sponsor, sampler=sampler).changes == (Vote(),)
    assert not sampler.keeps(*place, 0.0)

    left_out = votes_of(batch(change(T, Status.BLOCKED, NOW, bare=True)), (Packed(b"d", None),))

    assert left_out.changes == (Vote(),)


def test_the_reasons_are_counted() -> None:
    """Of changes and settled statuses together."""
    votes = Votes(changes=(Vote(), Vote(NoVote.NO_EVIDENCE)), settled=(Vote(NoVote.NO_EVIDENCE, contradicts=True),))

    assert votes.reasons() == {"no_evidence": 2}
    assert votes.contradicting


def test_evidence_that_the_judge_cannot_read_has_no_vote() -> None:
    """A text stands where an address belongs; found by tests/fuzz/collector.py."""
    verdict = blocked_verdict(T, "a.example", NOW)
    seen = tuple(
        msgspec.structs.replace(one, addresses=("x",)) if hasattr(one, "addresses") else one
        for one in verdict.evidence.observations
    )
    broken = msgspec.structs.replace(verdict, evidence=msgspec.structs.replace(verdict.evidence, observations=seen))

    assert judged_vote(Status.BLOCKED, broken).no_vote == NoVote.JUDGED_OTHERWISE
