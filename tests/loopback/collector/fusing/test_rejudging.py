"""Evidence that intake left is judged before fusing."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector.fusing.rejudging import judge_some, vote_of_body
from probe.collector.intake import votes
from probe.collector.intake.votes import NoVote, Vote
from probe.model.event import Confidence
from probe.model.verdict import Status, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.proofs import proof
from tests.loopback.collector.vantages import FakeAgent, change, rounds

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
T = "https://wechat.example/"


def shown(status: Status) -> Verdict:
    """A verdict with evidence."""
    made = proof(T, status, NOW)
    assert made is not None
    return made


async def test_reports_that_wait_are_judged_and_those_after_two_sponsors_count_without(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intake judges none here, as after the first verdicts of a batch. The third vantage lies about its evidence."""
    monkeypatch.setattr(votes, "MAX_JUDGED", 0)
    forged = msgspec.structs.replace(shown(Status.REACHABLE), status=Status.BLOCKED)
    for verdict in (shown(Status.BLOCKED), shown(Status.BLOCKED), forged):
        agent = await enrolled()
        flip = change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict)
        answer = await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 12), changes=(flip,)))
        assert answer[1]["without_vote"] == {"not_judged": 1}

    async with asyncio.timeout(60):
        while await judge_some(server.collector):
            server.collector.fusion_requested.set()
    (event,) = await fused(server)

    assert event.confidence is Confidence.CONFIRMED
    found = await server.collector.store.read(lambda s: s.rows("SELECT no_vote FROM span ORDER BY agent"))
    assert [row[0] for row in found][:2] == ["", ""]


def test_evidence_that_cannot_be_judged_has_no_vote() -> None:
    """It is missing, cut, or no verdict."""
    whole = shown(Status.BLOCKED)
    cut = msgspec.structs.replace(whole, evidence=msgspec.structs.replace(whole.evidence, notes=("trimmed",)))

    assert vote_of_body("blocked", zlib.compress(msgspec.json.encode(whole))) == Vote()
    assert vote_of_body("blocked", None) == Vote(NoVote.NO_EVIDENCE)
    for body in (b"no zlib", zlib.compress(b"{}"), zlib.compress(msgspec.json.encode(cut))):
        assert vote_of_body("blocked", body) == Vote(NoVote.JUDGED_OTHERWISE)
