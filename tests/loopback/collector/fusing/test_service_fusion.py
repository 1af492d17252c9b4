"""Fusing what changed gives the events of all history."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.collector.fusing import service_fusion
from probe.collector.fusing.service_fusion import FusionReader
from probe.collector.intake.span_writer import Beginning, SpanKey, SpanWriter
from probe.collector.store import StoreSession, agents, batches, events, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.events import DirtyMark
from probe.collector.store.history import PresenceRun
from probe.collector.store.sqlite.sqlite_store import SqliteSession, open_sqlite
from probe.fuse import window
from probe.model.event import Event, Span
from probe.model.verdict import Status

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGENTS = 5
NETWORKS = 4
TARGETS = ("t1", "t2")
REPORTS = st.lists(
    st.tuples(
        st.integers(0, AGENTS - 1),
        st.integers(0, 7),
        st.sampled_from(TARGETS),
        st.sampled_from([Status.BLOCKED, Status.BLOCKED, Status.REACHABLE, Status.REACHABLE, Status.DOWN]),
        st.integers(0, 30),
    ),
    max_size=30,
)


@contextlib.contextmanager
def database() -> Iterator[SqliteSession]:
    """A database in memory with agents that measured all the time."""
    store = open_sqlite(":memory:")
    session = SqliteSession(store._connection)
    for number in range(AGENTS):
        row = (
            str(number),
            bytes([number]) * 32,
            "vantage",
            f"s{number}",
            64500 + number % NETWORKS,
            "RU",
            "active",
            "",
        )
        agents.add_agent(session, AgentRow(0, *row, 0, to_ms(BEGAN)))
    for number in range(NETWORKS):
        batches.network_number(session, 64500 + number, "RU")
    for number in range(AGENTS):
        run = PresenceRun(to_ms(BEGAN), to_ms(BEGAN + 1000 * HOUR), number % NETWORKS + 1, 300_000, "online", 1, 1)
        history.save_presence_run(session, number + 1, run)
    try:
        yield session
    finally:
        store._jobs.put(None)
        store._writer.join()
        store._connection.close()


def store_report(
    session: StoreSession, agent: int, target: str, status: Status, start: datetime, *, away: bool
) -> None:
    """Store a status; an agent that is away is in the last network."""
    network = NETWORKS if away else agent % NETWORKS + 1
    key = SpanKey(agent=agent + 1, network=network, country="RU")
    targets = {each: batches.TargetRow(row.no, "S") for each, row in batches.target_rows(session, TARGETS).items()}
    writer = SpanWriter(session, key, targets, now=to_ms(start))
    writer.read([target])
    moment = to_ms(start)
    writer.begin(Beginning(target=target, start=moment, known=moment, status=status, causes=(), evidence=None))
    writer.write()
    writer.mark()


def fuse_marked(session: StoreSession, now: datetime) -> None:
    """Fuse everything that is marked, as the fuser does."""
    for mark in events.dirty_marks(session, 99):
        found = FusionReader(session, now).fused(mark)
        for revision in found.revisions:
            events.publish(session, revision, to_ms(now))
        if found.settled:
            events.settle(session, mark.service, mark.cc, found.settled)
        events.clear_dirty(session, mark)


def all_anew(session: StoreSession, now: datetime) -> None:
    """Fuse all history."""
    session.run("DELETE FROM settled")
    history.mark_dirty(session, "S", "RU", 1)
    fuse_marked(session, now)


def in_force(session: StoreSession) -> dict[str, tuple[Event, int]]:
    """The events in force by id, each without its revision number."""
    current, _ = events.current_events(session, "S", "RU")
    return {event.id: (event, event.revision) for event in current}


@settings(max_examples=150, deadline=None)
@given(REPORTS, st.integers(0, 40))
def test_the_result_of_changes_is_the_result_of_all_history(
    reports: list[tuple[int, int, str, Status, int]], late: int
) -> None:
    """For any changes, moves between networks and lateness: fusing all anew publishes nothing."""
    with pytest.MonkeyPatch.context() as patch, database() as session:
        patch.setattr(window, "LATE_REPORTS", timedelta(hours=late))
        session.run("INSERT INTO target (text, service) VALUES ('t1', 'S'), ('t2', 'S')")
        now = BEGAN
        for agent, away, target, status, hours in reports:
            now += 7 * HOUR
            start = max(BEGAN, now - hours * HOUR)
            store_report(session, agent, target, status, start, away=away == 0)
            fuse_marked(session, now)
        found = in_force(session)
        all_anew(session, now)

        assert in_force(session) == found


def test_a_change_reads_the_window_and_not_what_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred earlier blocks cost nothing; a change to what was stored reads all of them."""
    read: list[int] = []

    def counted(session: StoreSession, service: str, cc: str, since: int = 0) -> list[Span]:
        found = spans_of(session, service, cc, since)
        read.append(len(found))
        return found

    spans_of = history.spans_of
    with database() as session:
        session.run("INSERT INTO target (text, service) VALUES ('t1', 'S')")
        for number in range(200):
            status = Status.REACHABLE if number % 2 else Status.BLOCKED
            store_report(session, 0, "t1", status, BEGAN + 3 * number * HOUR, away=False)
        now = BEGAN + 601 * HOUR
        fuse_marked(session, now)
        monkeypatch.setattr(service_fusion.history, "spans_of", counted)
        store_report(session, 0, "t1", Status.BLOCKED, now, away=False)
        (mark,) = events.dirty_marks(session, 9)
        FusionReader(session, now).fused(mark)
        FusionReader(session, now).fused(DirtyMark("S", "RU", 1, 1))

    windowed, whole = read
    assert windowed < 70
    assert whole > 200
