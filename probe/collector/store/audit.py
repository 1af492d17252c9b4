"""SQL of the audit log: what was done to the list of agents, by whom it concerns and when, without addresses.

A row is written in the transaction of what it tells, so neither is there without the other.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from probe.collector.store import StoreSession

MAX_NOTE_LENGTH = 200
"""Characters of a note."""


class AuditAct(StrEnum):
    """What was done."""

    TOKEN = "token"  # noqa: S105 - a word, no secret
    """A token was made."""
    ENROLLED = "enrolled"
    REVOKED = "revoked"
    ROTATED = "rotated"
    """An agent was revoked, and a token made for its successor."""
    MOVED = "moved"
    """An agent was given another network."""
    FLAGGED = "flagged"
    """The collector found something odd about an agent's batches."""
    ERASED = "erased"
    """An agent was erased, with its id in earlier rows."""


class AuditEntry(msgspec.Struct, frozen=True):
    """A row of the log; `at` is in milliseconds since the Unix epoch."""

    no: int
    at: int
    act: str
    agent: str
    note: str


def record(session: StoreSession, at: int, act: AuditAct, agent: str = "", note: str = "") -> None:
    """Add a row."""
    session.run(
        "INSERT INTO audit (at, act, agent, note) VALUES (?, ?, ?, ?)", at, act.value, agent, note[:MAX_NOTE_LENGTH]
    )


def entries(session: StoreSession, agent: str = "", most: int = 1000) -> list[AuditEntry]:
    """The newest rows, of all agents or of one, oldest first."""
    columns = "SELECT no, at, act, agent, note FROM audit"
    if agent:
        rows = session.rows(f"{columns} WHERE agent = ? ORDER BY no DESC LIMIT ?", agent, most)
    else:
        rows = session.rows(f"{columns} ORDER BY no DESC LIMIT ?", most)
    return [AuditEntry(*row) for row in reversed(rows)]


def forget(session: StoreSession, agent: str, at: int) -> None:
    """Take an erased agent's id and notes out of the log; that somebody was erased stays."""
    session.run("UPDATE audit SET agent = '', note = '' WHERE agent = ?", agent)
    record(session, at, AuditAct.ERASED)
