"""Every query of the running collector finds its rows by an index: none scans the tables that grow with history."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from probe.collector.fusing.service_fusion import FusionReader
from probe.collector.intake.apply_batch import VerifiedBatch, apply_batch
from probe.collector.intake.evidence import pack_evidence
from probe.collector.store import Row, Value, agents, batches, events, failing, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.events import DirtyMark
from probe.collector.store.history import VantageKey
from probe.collector.store.sqlite.sqlite_store import SqliteSession, open_sqlite
from probe.collector.web.board_view import board_view
from probe.collector.web.event_view import event_view
from probe.collector.web.service_view import service_view
from probe.formats.batch import Batch
from probe.fuse.revision import NEWS_KINDS
from probe.model.event import Network
from probe.model.verdict import Status
from tests.loopback.collector.vantages import blocked_verdict, change, rounds, settled

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
T = "https://a.example/"
GROWING = "span|presence|batch|evidence|event|membership"
SCAN = re.compile(
    rf"SCAN ({GROWING})\b(?! USING (COVERING )?INDEX (span_open|span_failing|span_not_judged|span_start|event_lasting))"
)
"""A scan of a growing table. The named indexes are partial, and have what stands now and nothing of what was;
`span_start` is read from its newest end as far as a page has lines."""


class RecordingSession(SqliteSession):
    """A session that notes the plan of every statement."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.plans: dict[str, str] = {}

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement."""
        self._note(sql, values)
        return super().run(sql, *values)

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement for each row."""
        found = list(rows)
        if found:
            self._note(sql, found[0])
        return super().many(sql, found)

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row."""
        self._note(sql, values)
        return super().row(sql, *values)

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows."""
        self._note(sql, values)
        return super().rows(sql, *values)

    def _note(self, sql: str, values: Sequence[Value]) -> None:
        if sql not in self.plans:
            self.plans[sql] = "\n".join(row[3] for row in super().rows(f"EXPLAIN QUERY PLAN {sql}", *values))


@pytest.fixture
def session() -> Iterator[RecordingSession]:
    """A database with an agent and an event."""
    store = open_sqlite(":memory:")
    recording = RecordingSession(store._connection)
    row = AgentRow(0, "a", b"k" * 32, "vantage", "s", 64500, "RU", "active", "", 0, to_ms(NOW - 90 * 24 * HOUR))
    agents.add_agent(recording, row)
    yield recording
    store._jobs.put(None)
    store._writer.join()
    store._connection.close()


def apply_event(session: RecordingSession) -> str:
    """Take a batch in and fuse it; the event's id."""
    verdict = blocked_verdict(T, "a.example", NOW - HOUR)
    batch = Batch(
        agent="a",
        epoch="e",
        seq=1,
        sent=NOW,
        interval=300.0,
        network=Network(asn=64500, country="RU"),
        rounds=rounds(NOW - 5 * HOUR, 60),
        settled=(settled("https://b.example/", NOW - 5 * HOUR),),
        changes=(change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict),),
        services={T: "S"},
    )
    verified = VerifiedBatch(
        batch=batch,
        evidence=(pack_evidence(verdict),),
        settled_evidence=(None,),
        control=(),
        digest=b"d",
        raw=b"raw",
        signature=b"s",
        posted=None,
        received=NOW,
    )
    agent = agents.agent(session, "a")
    assert agent is not None
    apply_batch(session, agent, verified)
    found = FusionReader(session, NOW).fused(DirtyMark("S", "RU", 1, 1))
    for revision in found.revisions:
        events.publish(session, revision, to_ms(NOW))
    return found.revisions[0].event.id


def offending(session: RecordingSession) -> list[str]:
    """The statements whose plan scans what grows."""
    return [f"{sql}\n    {plan}" for sql, plan in session.plans.items() if SCAN.search(plan)]


def test_intake_and_fusion_scan_nothing(session: RecordingSession) -> None:
    """Neither the spans of all time nor the rounds of all agents."""
    apply_event(session)
    FusionReader(session, NOW).fused(DirtyMark("S", "RU", 1, 1, "", to_ms(NOW)))
    events.mark_open_events(session, to_ms(NOW))
    events.mark_open_events(session, to_ms(NOW), "a")
    events.mark_due(session, to_ms(NOW))
    history.latest_presences(session)
    batches.forget_batches(session, to_ms(NOW), 100)

    assert "\n".join(offending(session)) == ""


def test_pages_and_data_scan_nothing(session: RecordingSession) -> None:
    """The board, the page of a service, of an event, the feed and the listings of data."""
    event = apply_event(session)
    board_view(session, NOW)
    service_view(session, "S", NOW)
    event_view(session, event, b"k" * 32)
    events.news(session, NEWS_KINDS, to_ms(NOW - 24 * HOUR), 40)
    events.events(session, to_ms(NOW), 100)
    events.events(session, to_ms(NOW), 100, lasting=True)
    failing.failing_services(session, to_ms(NOW))
    for target in ("", T):
        history.spans(session, target, to_ms(NOW - 24 * HOUR), 100)
    history.spans(session, "", 0, 100, VantageKey("a", Network(asn=64500, country="RU")))

    assert "\n".join(offending(session)) == ""
