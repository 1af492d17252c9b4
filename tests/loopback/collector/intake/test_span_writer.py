"""The statuses of a batch are written as sets, with the same result as one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.collector.intake.evidence import Packed
from probe.collector.intake.span_writer import Beginning, SpanKey, SpanWriter
from probe.collector.store import batches
from probe.collector.store.sqlite.sqlite_store import SqliteSession, open_sqlite
from probe.model.verdict import Status

KEY = SpanKey(agent=1, network=1, country="RU")
TARGETS = ("t1", "t2")
BEGINNINGS = st.lists(
    st.tuples(
        st.sampled_from(TARGETS),
        st.integers(1, 9),
        st.sampled_from([Status.REACHABLE, Status.BLOCKED, Status.DOWN]),
        st.booleans(),
    ),
    max_size=12,
)


@pytest.fixture
def session() -> Iterator[SqliteSession]:
    """An empty database in memory."""
    store = open_sqlite(":memory:")
    yield SqliteSession(store._connection)
    store._jobs.put(None)
    store._writer.join()
    store._connection.close()


def write(session: SqliteSession, *found: Beginning) -> None:
    """Write these in one batch."""
    writer = SpanWriter(session, KEY, batches.target_rows(session, TARGETS), now=100)
    writer.read({each.target for each in found})
    for each in found:
        writer.begin(each)
    writer.write()
    writer.mark()


def began(
    target: str, start: int, status: Status, evidence: Packed | None = None, *, settled: bool = False
) -> Beginning:
    """A status that begins; a settled one was reported at 50."""
    return Beginning(
        target=target,
        start=start,
        known=start,
        status=status,
        causes=(),
        evidence=evidence,
        reported=50 if settled else None,
    )


def marks(session: SqliteSession) -> list[str]:
    """The services that are marked to be fused."""
    return [row[0] for row in session.rows("SELECT service FROM dirty ORDER BY service")]


@settings(max_examples=150, deadline=None)
@given(BEGINNINGS, st.integers(0, 12))
def test_one_batch_gives_the_spans_of_many(items: list[tuple[str, int, Status, bool]], cut: int) -> None:
    """Wherever the statuses are divided into batches."""
    every = [began(target, start, status, settled=settled) for target, start, status, settled in items]
    found = []
    for parts in ([every], [every[:cut], every[cut:]], [[each] for each in every]):
        store = open_sqlite(":memory:")
        session = SqliteSession(store._connection)
        for part in parts:
            write(session, *part)
        found.append(session.rows("SELECT * FROM span ORDER BY target, start"))
        store._jobs.put(None)
        store._writer.join()
        store._connection.close()

    assert found[0] == found[1] == found[2]


def test_the_digest_of_evidence_that_is_not_kept_stays_with_the_span(session: SqliteSession) -> None:
    """It says that evidence was sent, and which."""
    write(
        session,
        began("t1", 1, Status.BLOCKED, Packed(b"kept", b"body")),
        began("t2", 1, Status.BLOCKED, Packed(b"left out", None)),
    )

    assert session.rows("SELECT evidence FROM span ORDER BY target") == [(b"kept",), (b"left out",)]
    assert session.rows("SELECT sha256, body FROM evidence") == [(b"kept", b"body")]


def test_services_without_interference_are_not_fused_again(session: SqliteSession) -> None:
    """Thousands of agents that settle on reachable mark nothing."""
    write(session, began("t1", 1, Status.REACHABLE), began("t2", 1, Status.DOWN))
    assert marks(session) == []

    write(session, began("t1", 2, Status.BLOCKED))
    assert marks(session) == ["t1"]


def test_a_status_that_may_lift_or_dispute_an_event_marks_its_service(session: SqliteSession) -> None:
    """Where interference ends, where a mark waits, and where there are events."""
    write(session, began("t1", 1, Status.BLOCKED))
    session.run("DELETE FROM dirty")
    write(session, began("t1", 2, Status.REACHABLE))
    assert marks(session) == ["t1"]

    session.run("INSERT INTO dirty (service, cc, since) VALUES ('t2', 'RU', 1)")
    write(session, began("t2", 1, Status.REACHABLE))
    assert session.rows("SELECT mark FROM dirty WHERE service = 't2'") == [(2,)]

    session.run("DELETE FROM dirty")
    session.run(
        "INSERT INTO event (id, revision, service, scope, asn, cc, status, onset, body)"
        " VALUES ('e', 1, 't2', 'network', 1, 'RU', 'blocked', 1, x'00')"
    )
    write(session, began("t2", 3, Status.DOWN))
    assert marks(session) == ["t2"]
