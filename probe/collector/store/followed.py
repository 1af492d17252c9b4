"""SQL of what followed collectors have published: a copy of their logs, and their events as they last were.

Nothing here is read by fusion: what another collector says is shown with its source, and counts nowhere.
"""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession, log_tables, next_number, to_ms
from probe.collector.store.log_tables import LogHead
from probe.formats.log_entry import LogEntry
from probe.model.event import Event

WITHDRAWN = "-"
_EVENT = msgspec.json.Decoder(Event)
_COLUMNS = "followed_event.tlog, tlog.source, tlog.origin, followed_event.superseded, followed_event.body"
_FROM = f"SELECT {_COLUMNS} FROM followed_event JOIN tlog ON tlog.no = followed_event.tlog"  # noqa: S608


class FollowedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a followed collector.

    Attributes:
        tlog: number of its log.
        source: name of its log in our addresses.
        origin: name of its log.
        superseded: the id under which it continues there, `-` when it was withdrawn.
    """

    tlog: int
    source: str
    origin: str
    superseded: str
    event: Event

    @property
    def collector(self) -> str:
        """The name of the collector that reported it."""
        return collector_name(self.origin)


class ReceivedEntry(msgspec.Struct, frozen=True):
    """An entry of a followed log that this version understands, with its index."""

    index: int
    entry: LogEntry


def collector_name(origin: str) -> str:
    """The name of a collector, from that of its log."""
    return origin.removesuffix("/log")


def store_events(session: StoreSession, no: int, received: list[ReceivedEntry], now: int) -> None:
    """Store events as the newest entries of a followed log have them."""
    newest = {each.entry.event.id: each for each in received}
    session.many(
        "INSERT INTO followed_event (tlog, id, service, cc, onset, lifted, superseded, received, idx, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tlog, id) DO UPDATE SET service = excluded.service,"
        " cc = excluded.cc, onset = excluded.onset, lifted = excluded.lifted, superseded = excluded.superseded,"
        " received = excluded.received, idx = excluded.idx, body = excluded.body",
        [_row(no, each, now) for _, each in sorted(newest.items())],
    )


def claim(session: StoreSession, no: int, now: int, before: int) -> bool:
    """Whether this process shall read a followed log now: nobody has begun to since `before`."""
    return session.run("UPDATE tlog SET seen = ? WHERE no = ? AND seen <= ?", now, no, before) == 1


def number_for(session: StoreSession, new: LogHead) -> int:
    """Store a followed log under the next number unless it is known; its number."""
    known = log_tables.head_of(session, new.source)
    if known is None:
        log_tables.add(session, msgspec.structs.replace(new, no=next_number(session, "tlog")))
        known = log_tables.head_of(session, new.source)
    assert known is not None  # noqa: S101 it was stored above, here or by another process
    return known.no


def ongoing(session: StoreSession, limit: int) -> list[FollowedEvent]:
    """Events of followed collectors that have not lifted there, newest onset first."""
    rows = session.rows(
        f"{_FROM} WHERE followed_event.lifted IS NULL AND followed_event.superseded = ''"
        " ORDER BY followed_event.onset DESC, followed_event.id LIMIT ?",
        limit,
    )
    return [_followed(row) for row in rows]


def of_service(session: StoreSession, service: str, limit: int) -> list[FollowedEvent]:
    """Events of a service in force at followed collectors, newest onset first."""
    rows = session.rows(
        f"{_FROM} WHERE followed_event.service = ? AND followed_event.superseded = ''"
        " ORDER BY followed_event.onset DESC, followed_event.id LIMIT ?",
        *(service, limit),
    )
    return [_followed(row) for row in rows]


def events(session: StoreSession, since: int, limit: int) -> list[FollowedEvent]:
    """Events in force at followed collectors that had not lifted before a moment, newest onset first."""
    rows = session.rows(
        f"{_FROM} WHERE followed_event.superseded = ''"
        " AND (followed_event.lifted IS NULL OR followed_event.lifted >= ?)"
        " ORDER BY followed_event.onset DESC, followed_event.id LIMIT ?",
        *(since, limit),
    )
    return [_followed(row) for row in rows]


def event(session: StoreSession, source: str, event_id: str) -> FollowedEvent | None:
    """An event of a followed collector; None when it has published none of this id."""
    row = session.row(f"{_FROM} WHERE tlog.source = ? AND followed_event.id = ?", source, event_id)
    return None if row is None else _followed(row)


def _followed(row: Row) -> FollowedEvent:
    return FollowedEvent(tlog=row[0], source=row[1], origin=row[2], superseded=row[3], event=_EVENT.decode(row[4]))


def _row(no: int, each: ReceivedEntry, now: int) -> tuple[int | str | bytes | None, ...]:
    event, entry = each.entry.event, each.entry
    superseded = WITHDRAWN if entry.kind == "withdrawn" else entry.into
    return (
        *(no, event.id, event.service, event.network.country, to_ms(event.onset)),
        *(None if event.lifted is None else to_ms(event.lifted), superseded, now, each.index),
        msgspec.json.encode(event),
    )
