"""SQL of the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.collector.store import agents, audit
from probe.collector.store.agents import AgentRow
from probe.collector.store.audit import AuditAct
from probe.collector.store.sqlite.sqlite_file import connect, migrate
from probe.collector.store.sqlite.sqlite_store import SqliteSession


@pytest.fixture
def session() -> Iterator[SqliteSession]:
    """An empty database in memory."""
    connection = connect(Path(":memory:"))
    migrate(connection, Path(":memory:"))
    yield SqliteSession(connection)
    connection.close()


def test_the_newest_entries_come_oldest_first(session: SqliteSession) -> None:
    """Of one agent, or of all; a long note is cut."""
    for number in range(5):
        audit.record(session, number, AuditAct.REVOKED, f"a{number % 2}", "x" * 1000)

    assert [entry.at for entry in audit.entries(session, most=3)] == [2, 3, 4]
    assert [entry.at for entry in audit.entries(session, "a1")] == [1, 3]
    assert len(audit.entries(session)[0].note) == audit.MAX_NOTE_LENGTH


def test_a_flag_is_logged_once(session: SqliteSession) -> None:
    """An agent that does the same again is flagged still."""
    agents.add_agent(session, AgentRow(0, "a1", b"k" * 32, "vantage", "", 0, "", "active", "", 0, 7))
    found = agents.agent(session, "a1")
    assert found is not None
    for word in ("two outboxes at once", "two outboxes at once", "two histories under one number"):
        agents.flag(session, found.no, word)

    assert [(entry.at, entry.act, entry.note) for entry in audit.entries(session, "a1")] == [
        (7, "flagged", "two outboxes at once"),
        (7, "flagged", "two histories under one number"),
    ]
