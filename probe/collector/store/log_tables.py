"""SQL of transparency logs: this collector's own (number 0) and those of collectors that it follows.

A log's row in `tlog` is its lock: who appends locks it first, so that one appends at a time, however many collectors
write to the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from probe.collector.store import StoreSession
from probe.formats.merkle import HASH_BYTES
from probe.formats.tiles import TileId

OWN = 0
"""Number of the collector's own log."""
OWN_SOURCE = "own"


class LogHead(msgspec.Struct, frozen=True, kw_only=True):
    """A log as its row has it; see the comment on the table `tlog`."""

    no: int
    source: str
    origin: str
    url: str
    vkey: str
    size: int
    checkpoint: bytes
    latest: bytes
    position: int
    bytes: int
    state: str
    problem: str
    since: int
    seen: int


class NewEntry(msgspec.Struct, frozen=True):
    """An entry to append. `revision_no` is the number of the own revision that it is of, None for others' entries."""

    event: str
    revision: int
    body: bytes
    revision_no: int | None = None


_COLUMNS = ", ".join(LogHead.__struct_fields__)


def fork_name(no: int) -> str:
    """The name under which the contradicting checkpoints of a followed log are stored (`agents.store_secret`)."""
    return f"log fork: {no}"


def head(session: StoreSession, no: int = OWN, *, lock: bool = False) -> LogHead | None:
    """A log's row; None when there is none. With `lock`, no other transaction appends until this one ends."""
    row = session.row(f"SELECT {_COLUMNS} FROM tlog WHERE no = ? {session.for_update if lock else ''}", no)  # noqa: S608
    return None if row is None else LogHead(**dict(zip(LogHead.__struct_fields__, row, strict=True)))


def head_of(session: StoreSession, source: str) -> LogHead | None:
    """The row of the followed log with this name; None when there is none."""
    row = session.row("SELECT no FROM tlog WHERE source = ? AND no <> ?", source, OWN)
    return None if row is None else head(session, row[0])


def followed(session: StoreSession) -> list[LogHead]:
    """The rows of the followed logs, the first one first."""
    rows = session.rows("SELECT no FROM tlog WHERE no <> ? ORDER BY no", OWN)
    found = [head(session, row[0]) for row in rows]
    return [each for each in found if each is not None]


def add(session: StoreSession, new: LogHead) -> None:
    """Store a log's row unless it is there."""
    marks = ", ".join("?" for _ in LogHead.__struct_fields__)
    session.run(
        f"INSERT INTO tlog ({_COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608
        *msgspec.structs.astuple(new),
    )


def update(session: StoreSession, changed: LogHead) -> None:
    """Write a log's row again."""
    names = [name for name in LogHead.__struct_fields__ if name != "no"]
    parts = ", ".join(f"{name} = ?" for name in names)
    session.run(f"UPDATE tlog SET {parts} WHERE no = ?", *(getattr(changed, name) for name in names), changed.no)  # noqa: S608


def set_state(session: StoreSession, no: int, state: str) -> None:
    """Set the state of a followed log: `active`, `stopped` or `forked`."""
    session.run("UPDATE tlog SET state = ? WHERE no = ?", state, no)


def append(session: StoreSession, no: int, size: int, new: Sequence[NewEntry]) -> None:
    """Store entries behind the `size` that the log has."""
    session.many(
        "INSERT INTO tlog_entry (tlog, idx, event, revision, revision_no, body) VALUES (?, ?, ?, ?, ?, ?)",
        [(no, size + at, each.event, each.revision, each.revision_no, each.body) for at, each in enumerate(new)],
    )


def entries(session: StoreSession, no: int, start: int, count: int) -> list[bytes]:
    """The bodies of entries, at most `count` from an index on."""
    rows = session.rows(
        "SELECT body FROM tlog_entry WHERE tlog = ? AND idx >= ? AND idx < ? ORDER BY idx", no, start, start + count
    )
    return [bytes(row[0]) for row in rows]


def entry_indices(session: StoreSession, no: int, event: str) -> dict[int, int]:
    """Revision of an event -> index of its newest entry."""
    rows = session.rows(
        "SELECT revision, max(idx) FROM tlog_entry WHERE tlog = ? AND event = ? GROUP BY revision ORDER BY revision",
        no,
        event,
    )
    return {row[0]: row[1] for row in rows}


def logged_among(session: StoreSession, numbers: Sequence[int]) -> set[int]:
    """Which of these numbers of revisions have an entry; they are given in their order."""
    if not numbers:
        return set()
    rows = session.rows(
        "SELECT revision_no FROM tlog_entry WHERE revision_no >= ? AND revision_no <= ?", numbers[0], numbers[-1]
    )
    return {row[0] for row in rows} & set(numbers)


def tiles(session: StoreSession, no: int, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
    """These tiles of a log; those that it has not, or not that wide, are left out."""
    found: dict[TileId, bytes] = {}
    for each in wanted:
        row = session.row(
            "SELECT body FROM tlog_tile WHERE tlog = ? AND level = ? AND number = ?", no, each.level, each.number
        )
        length = each.width * HASH_BYTES
        if row is not None and len(row[0]) >= length:
            found[each] = bytes(row[0])[:length]
    return found


def store_tiles(session: StoreSession, no: int, new: Mapping[TileId, bytes]) -> None:
    """Store tiles, each in place of the shorter one that it continues."""
    session.many(
        "INSERT INTO tlog_tile (tlog, level, number, body) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (tlog, level, number) DO UPDATE SET body = excluded.body",
        [(no, each.level, each.number, body) for each, body in sorted(new.items())],
    )


def remove(session: StoreSession, no: int) -> None:
    """Delete a followed log, its entries and its events."""
    for table, column in (("tlog_entry", "tlog"), ("tlog_tile", "tlog"), ("followed_event", "tlog"), ("tlog", "no")):
        session.run(f"DELETE FROM {table} WHERE {column} = ?", no)  # noqa: S608
