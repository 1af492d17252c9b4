"""Batches for tests of the outbox."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from probe.formats.batch import Batch, ReportedChange, ReportedStatus, RoundReport
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def verdict(target: str, evidence_bytes: int = 0) -> Verdict:
    """A verdict with so much evidence, which does not compress."""
    return Verdict(
        time=NOON,
        target=target,
        status=Status.BLOCKED,
        evidence=Evidence(error=os.urandom(evidence_bytes // 2).hex()),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def draft(settled: str = "", *, changed: str = "", evidence_bytes: int = 0, control: bool = False) -> Batch:
    """A batch of one round: a settled target, a changed one with its verdict, or a control's verdict."""
    transition = Transition(target=changed, before="reachable", after="blocked", time=NOON, onset=NOON)
    change = ReportedChange(transition=transition, verdict=verdict(changed, evidence_bytes))
    return Batch(
        agent="",
        epoch="",
        seq=0,
        sent=NOON,
        interval=300,
        network=Network(asn=1),
        rounds=(RoundReport(start=NOON, seconds=1, targets=1, measured=1),),
        settled=(ReportedStatus(target=settled, status=Status.REACHABLE, since=NOON),) if settled else (),
        changes=(change,) if changed else (),
        control=(verdict("c", evidence_bytes),) if control else (),
    )
