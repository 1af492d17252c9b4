"""SQL of what nobody has been told of yet: revisions of events and changes of registers, by service and country.

A mark is written in the transaction that publishes and deleted in the one that stores the messages about it. A crash at
any moment therefore neither loses nor doubles a message. Without subscriptions nothing is marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from probe.collector.store import Row, StoreSession
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.event import Event, Scope

MAX_GROUPS = 1000
"""Services in a country that are told in one transaction."""
_EVENT = msgspec.json.Decoder(Event)
_ENDED = frozenset({RevisionKind.WITHDRAWN, RevisionKind.RENAMED})
_TURNS = frozenset({RevisionKind.BEGAN, RevisionKind.LIFTED, RevisionKind.REOPENED})


class WaitingGroup(msgspec.Struct, frozen=True):
    """A service in a country with something to tell. Times in milliseconds; `told` is None when nothing was told."""

    service: str
    cc: str
    since: int
    urgency: int
    told: int | None
    networks: int


class AlertMark(msgspec.Struct, frozen=True, kw_only=True):
    """An event with revisions to tell, `first` to `last`.

    Attributes:
        event: as of `last`.
        before: as of the revision before `first`; None when there was none, or when that one ended the event.
        kind: of `last`.
        into: the id under which it continues; empty when it was not renamed.
        reason: of `last`.
    """

    event: Event
    before: Event | None
    kind: RevisionKind
    into: str
    reason: str
    first: int
    last: int


class ListingMark(msgspec.Struct, frozen=True):
    """Entries of a service that a register added (`listed`) or removed (`delisted`), in snapshots up to a moment."""

    kind: str
    entries: int
    moment: int


def mark_revision(session: StoreSession, published: NewRevision, now: int) -> None:
    """Mark a revision to be told; call it in the transaction that publishes the revision."""
    event = published.event
    urgency = 0
    if published.kind is RevisionKind.WITHDRAWN or (event.scope is Scope.COUNTRY and published.kind in _TURNS):
        urgency = 2
    elif published.kind is RevisionKind.LIFTED:
        urgency = 1
    session.run(
        "INSERT INTO alert_mark (event, first_revision, last_revision, service, cc, urgency, since)"
        " SELECT CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT),"
        " CAST(? AS BIGINT), CAST(? AS BIGINT) WHERE EXISTS (SELECT 1 FROM subscription)"
        " ON CONFLICT (event) DO UPDATE SET last_revision = excluded.last_revision,"
        " urgency = CASE WHEN excluded.urgency > alert_mark.urgency THEN excluded.urgency"
        " ELSE alert_mark.urgency END",
        *(event.id, event.revision, event.revision, event.service, event.network.country, urgency, now),
    )


def mark_listing(session: StoreSession, service: str, cc: str, listing: ListingMark, now: int) -> None:
    """Mark a change of a register to be told."""
    session.run(
        "INSERT INTO listing_mark (service, cc, kind, entries, moment, since)"
        " SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT),"
        " CAST(? AS BIGINT) WHERE EXISTS (SELECT 1 FROM subscription)"
        " ON CONFLICT (service, cc, kind) DO UPDATE SET entries = listing_mark.entries + excluded.entries,"
        " moment = CASE WHEN excluded.moment > listing_mark.moment THEN excluded.moment ELSE listing_mark.moment END",
        *(service, cc, listing.kind, listing.entries, listing.moment, now),
    )


def waiting_groups(session: StoreSession, limit: int = MAX_GROUPS) -> list[WaitingGroup]:
    """The services and countries with something to tell, the one that waits longest first."""
    found = session.rows(
        "SELECT marked.service, marked.cc, min(marked.since), max(marked.urgency), alert_told.told, alert_told.networks"
        " FROM (SELECT service, cc, since, urgency FROM alert_mark"
        "  UNION ALL SELECT service, cc, since, 2 FROM listing_mark) AS marked"
        " LEFT JOIN alert_told ON alert_told.service = marked.service AND alert_told.cc = marked.cc"
        " GROUP BY marked.service, marked.cc, alert_told.told, alert_told.networks"
        " ORDER BY min(marked.since), marked.service, marked.cc LIMIT ?",
        limit,
    )
    return [WaitingGroup(row[0], row[1], row[2], row[3], row[4], row[5] or 0) for row in found]


def marks_of(session: StoreSession, service: str, cc: str) -> list[AlertMark]:
    """The marked events of a service in a country, with what was told of them before."""
    found = session.rows(
        "SELECT alert_mark.event, alert_mark.first_revision, alert_mark.last_revision, event.superseded"
        " FROM alert_mark JOIN event ON event.id = alert_mark.event"
        " WHERE alert_mark.service = ? AND alert_mark.cc = ? ORDER BY alert_mark.event",
        service,
        cc,
    )
    return [mark for row in found if (mark := _mark(session, row)) is not None]


def _mark(session: StoreSession, row: Row) -> AlertMark | None:
    event_id, first, last, superseded = row
    read = {
        number: (RevisionKind(kind), body, reason)
        for number, kind, body, reason in session.rows(
            "SELECT revision, kind, body, reason FROM revision WHERE id = ? AND revision IN (?, ?)",
            *(event_id, first - 1, last),
        )
    }
    if last not in read:  # pruned: nothing is left to tell
        return None
    kind, body, reason = read[last]
    earlier = read.get(first - 1)
    known = earlier is not None and earlier[0] not in _ENDED
    return AlertMark(
        event=_EVENT.decode(body),
        before=_EVENT.decode(earlier[1]) if known and earlier is not None else None,
        kind=kind,
        into=superseded if kind is RevisionKind.RENAMED else "",
        reason=reason,
        first=first,
        last=last,
    )


def listings_of(session: StoreSession, service: str, cc: str) -> list[ListingMark]:
    """The marked changes of a country's register that concern a service."""
    found = session.rows(
        "SELECT kind, entries, moment FROM listing_mark WHERE service = ? AND cc = ? ORDER BY kind DESC", service, cc
    )
    return [ListingMark(*row) for row in found]


def take_marks(session: StoreSession, service: str, cc: str, read: Mapping[str, int]) -> bool:
    """Delete the marks of a group that have been read, so that what was read can be told in this transaction.

    Revisions that came since stay marked. Of several processes that have read the same marks only one can take them.

    Args:
        session: of the transaction that stores the messages.
        service: of the group.
        cc: of the group.
        read: event -> the last revision that was read.

    Returns:
        Whether all of `read` were there; else nothing is deleted.
    """
    taken = {
        str(row[0]): row
        for row in session.rows(
            "DELETE FROM alert_mark WHERE service = ? AND cc = ?"
            " RETURNING event, first_revision, last_revision, service, cc, urgency, since",
            service,
            cc,
        )
    }
    whole = read.keys() <= taken.keys()
    for event, row in taken.items():
        first = row[1]
        if whole and event in read:
            if row[2] <= read[event]:
                continue
            first = read[event] + 1
        session.run(
            "INSERT INTO alert_mark (event, first_revision, last_revision, service, cc, urgency, since)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(row[0], first, *row[2:]),
        )
    return whole


def take_listings(session: StoreSession, service: str, cc: str, read: Sequence[ListingMark]) -> bool:
    """Delete the marks of a register's changes that have been read; False when they are not as they were read."""
    return all(
        session.run(
            "DELETE FROM listing_mark WHERE service = ? AND cc = ? AND kind = ? AND entries = ?",
            *(service, cc, each.kind, each.entries),
        )
        for each in read
    )


def set_told(session: StoreSession, service: str, cc: str, told: int, networks: int) -> None:
    """Keep when a service in a country was told of, and on how many networks it was."""
    session.run(
        "INSERT INTO alert_told (service, cc, told, networks) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (service, cc) DO UPDATE SET told = excluded.told, networks = excluded.networks",
        *(service, cc, told, networks),
    )
