"""SQL of events: marks for the fuser, published events, and all their revisions."""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession, from_ms, history, next_number, to_ms
from probe.collector.store.standings import HAS_VOTE, vote_values
from probe.fuse.board import StatusCount
from probe.fuse.presence import MISSED_INTERVALS
from probe.fuse.revision import REVOKED, NewRevision, RevisionKind
from probe.model.event import Event, Network
from probe.model.verdict import Cause

WITHDRAWN = "-"
"""Stored in `superseded`, in place of the id under which an event continues."""
_EVENT = msgspec.json.Decoder(Event)
_REVISIONS = "SELECT no, kind, published, body, reason, successor FROM revision"


class DirtyMark(msgspec.Struct, frozen=True):
    """A service in a country that is to be fused again.

    Attributes:
        mark: grows each time it is marked.
        reason: why events may be withdrawn; empty for reports that do not stand any more.
        changed: the earliest moment at which something changed, in milliseconds; 0 for any time.
    """

    service: str
    cc: str
    since: int
    mark: int
    reason: str = ""
    changed: int = 0


class Revision(msgspec.Struct, frozen=True):
    """A published revision.

    Attributes:
        no: counts all revisions of all events.
        reason: why an event was withdrawn.
        successor: the id under which a renamed event continues.
    """

    no: int
    kind: RevisionKind
    published: int
    event: Event
    reason: str = ""
    successor: str = ""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as last published. `superseded` is the id under which it continues, `-` when it was withdrawn."""

    event: Event
    superseded: str


def dirty_marks(session: StoreSession, limit: int) -> list[DirtyMark]:
    """Services that wait to be fused, the oldest mark first."""
    found = session.rows(
        "SELECT service, cc, since, mark, reason, changed FROM dirty ORDER BY since, service, cc LIMIT ?", limit
    )
    return [DirtyMark(*row) for row in found]


def clear_dirty(session: StoreSession, done: DirtyMark) -> None:
    """Delete the mark of a service that has been fused, unless it was marked again meanwhile."""
    session.run(
        "DELETE FROM dirty WHERE service = ? AND cc = ? AND mark = ?",
        done.service,
        done.cc,
        done.mark,
    )


def mark_open_events(session: StoreSession, now: int, agent: str = "") -> None:
    """Mark events that have not lifted to be fused again.

    Args:
        session: the transaction.
        now: in milliseconds.
        agent: only events of services that this agent has open spans of; all when empty.
    """
    if agent:
        chosen = (
            "SELECT DISTINCT event.service, event.cc FROM agent JOIN span ON span.agent = agent.no"
            " AND span.stop IS NULL JOIN target ON target.no = span.target JOIN network ON network.no = span.network"
            " JOIN event ON event.service = CASE WHEN target.service = '' THEN target.text ELSE target.service END"
            " AND event.cc = network.cc AND event.lifted IS NULL AND event.superseded = '' WHERE agent.id = ?"
        )
        found = session.rows(chosen, agent)
    else:
        found = session.rows("SELECT DISTINCT service, cc FROM event WHERE lifted IS NULL AND superseded = ''")
    session.many(
        "INSERT INTO dirty (service, cc, since, changed) VALUES (?, ?, ?, ?) ON CONFLICT (service, cc) DO NOTHING",
        [(service, cc, now, now) for service, cc in sorted(found)],
    )


def settled_until(session: StoreSession, service: str, cc: str) -> int:
    """The moment before which the events of a service in a country are settled, in milliseconds; 0 for none."""
    row = session.row("SELECT until FROM settled WHERE service = ? AND cc = ?", service, cc)
    return int(row[0]) if row else 0


def settle(session: StoreSession, service: str, cc: str, until: int) -> None:
    """Store the moment before which the events of a service in a country are settled."""
    session.run(
        "INSERT INTO settled (service, cc, until) VALUES (?, ?, ?)"
        " ON CONFLICT (service, cc) DO UPDATE SET until = excluded.until",
        service,
        cc,
        until,
    )


def recheck_at(session: StoreSession, service: str, cc: str, due: int) -> None:
    """Have a service in a country fused again at a moment, in place of an earlier one that was stored."""
    session.run(
        "INSERT INTO recheck (service, cc, due) VALUES (?, ?, ?)"
        " ON CONFLICT (service, cc) DO UPDATE SET due = excluded.due",
        service,
        cc,
        due,
    )


def mark_due(session: StoreSession, now: int) -> int:
    """Mark the services whose time to be fused again has come; how many there were."""
    session.run(
        "INSERT INTO dirty (service, cc, since, changed) SELECT service, cc, CAST(? AS BIGINT), CAST(? AS BIGINT)"
        " FROM recheck WHERE due <= ? ORDER BY service, cc ON CONFLICT (service, cc) DO NOTHING",
        now,
        now,
        now,
    )
    return session.run("DELETE FROM recheck WHERE due <= ?", now)


def current_events(session: StoreSession, service: str, cc: str, since: int = 0) -> tuple[list[Event], dict[str, int]]:
    """The published events of a service in a country that had not lifted at a moment.

    Returns:
        The events in force; id -> last revision of those that were withdrawn or renamed.
    """
    found = session.rows(
        "SELECT body, superseded FROM event WHERE service = ? AND cc = ? AND (lifted IS NULL OR lifted >= ?)",
        service,
        cc,
        since,
    )
    events = [(_EVENT.decode(body), superseded) for body, superseded in found]
    return (
        [event for event, superseded in events if not superseded],
        {event.id: event.revision for event, superseded in events if superseded},
    )


def publish(session: StoreSession, published: NewRevision, now: int, reason: str = "") -> None:
    """Store a revision, and the event with it as its last one; with the reason, if there is one beside new reports."""
    _store_revision(session, published, now, reason)
    _store_event(session, published)


def restore(session: StoreSession, published: NewRevision, now: int, reason: str) -> int | None:
    """Store a revision that a backup lacks; the event with it unless it has a later one.

    Returns:
        The number of the revision; None where another one of this event and number is stored.
    """
    event = published.event
    same = session.row("SELECT no, body FROM revision WHERE id = ? AND revision = ?", event.id, event.revision)
    if same is not None:
        return int(same[0]) if _EVENT.decode(same[1]) == event else None
    number = _store_revision(session, published, now, reason)
    last = session.row("SELECT revision FROM event WHERE id = ?", event.id)
    if last is None or last[0] < event.revision:
        _store_event(session, published)
    return number


def _store_revision(session: StoreSession, published: NewRevision, now: int, reason: str) -> int:
    event, number = published.event, next_number(session, "revision")
    session.run(
        "INSERT INTO revision (no, id, revision, kind, published, body, reason, successor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *(number, event.id, event.revision, published.kind, now, msgspec.json.encode(event)),
        reason if published.kind is RevisionKind.WITHDRAWN or reason == REVOKED else "",
        published.into,
    )
    return number


def _store_event(session: StoreSession, published: NewRevision) -> None:
    event = published.event
    body = msgspec.json.encode(event)
    superseded = WITHDRAWN if published.kind is RevisionKind.WITHDRAWN else published.into
    session.run(
        "INSERT INTO event (id, revision, service, scope, asn, cc, status, onset, lifted, superseded, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET revision = excluded.revision,"
        " status = excluded.status, onset = excluded.onset, lifted = excluded.lifted,"
        " superseded = excluded.superseded, body = excluded.body",
        *(event.id, event.revision, event.service, event.scope, event.network.asn, event.network.country),
        *(event.status, to_ms(event.onset), None if event.lifted is None else to_ms(event.lifted), superseded, body),
    )


def event(session: StoreSession, event_id: str) -> StoredEvent | None:
    """The event with this id; None when there never was one."""
    row = session.row("SELECT body, superseded FROM event WHERE id = ?", event_id)
    return StoredEvent(_EVENT.decode(row[0]), row[1]) if row else None


def events(session: StoreSession, since: int, limit: int, *, lasting: bool = False) -> list[Event]:
    """Events in force that had not lifted before a moment, newest onset first; with `lasting`, those that last."""
    chosen = "SELECT body, onset, id FROM event WHERE superseded = '' AND lifted IS NULL"
    values: tuple[int, ...] = ()
    if not lasting:
        chosen += " UNION ALL SELECT body, onset, id FROM event WHERE superseded = '' AND lifted >= ?"
        values = (since,)
    return [_EVENT.decode(row[0]) for row in session.rows(f"{chosen} ORDER BY onset DESC, id LIMIT ?", *values, limit)]


def revisions_after(session: StoreSession, no: int, limit: int) -> list[Revision]:
    """The revisions of all events after a number, in their order."""
    found = session.rows(f"{_REVISIONS} WHERE no > ? ORDER BY no LIMIT ?", no, limit)
    return [_revision(row) for row in found]


def lasting_by_scope(session: StoreSession) -> dict[str, int]:
    """Scope -> how many events in force have not lifted."""
    return dict(
        session.rows("SELECT scope, count(*) FROM event WHERE lifted IS NULL AND superseded = '' GROUP BY scope")
    )


def revisions_of(session: StoreSession, event_id: str) -> list[Revision]:
    """All revisions of an event, the first one first."""
    found = session.rows(f"{_REVISIONS} WHERE id = ? ORDER BY revision", event_id)
    return [_revision(row) for row in found]


def news(session: StoreSession, kinds: frozenset[RevisionKind], since: int, limit: int) -> list[Revision]:
    """Revisions of some kinds published at or after a moment, newest first."""
    marks = ", ".join("?" for _ in kinds)
    found = session.rows(
        f"{_REVISIONS} WHERE kind IN ({marks}) AND published >= ? ORDER BY no DESC LIMIT ?",
        *sorted(kinds),
        since,
        limit,
    )
    return [_revision(row) for row in found]


def latest_revision(session: StoreSession) -> int:
    """The number of the newest revision of any event; 0 when there is none."""
    row = session.row("SELECT coalesce(max(no), 0) FROM revision")
    return int(row[0]) if row else 0


def of_service(session: StoreSession, service: str, limit: int) -> list[Event]:
    """The events of a service in force, newest onset first."""
    found = session.rows(
        "SELECT body FROM event WHERE service = ? AND superseded = '' ORDER BY onset DESC, id LIMIT ?", service, limit
    )
    return [_EVENT.decode(row[0]) for row in found]


_STATUS_COUNT = (
    "SELECT CASE WHEN target.service = '' THEN target.text ELSE target.service END, target.text, network.asn,"  # noqa: S608 constants
    " network.cc, span.status, span.causes, count(*), min(span.start), span.before_watch,"
    " CASE WHEN latest.state = 'online' AND latest.network = span.network"
    "  AND latest.stop + ? * latest.interval >= ? THEN 1 ELSE 0 END AS present"
    # CROSS JOIN has SQLite begin with the agents and their latest rounds: it would read closed spans, too, and look for
    # the latest round at every span.
    " FROM agent LEFT JOIN presence AS latest ON latest.agent = agent.no"
    "  AND latest.start = (SELECT max(start) FROM presence WHERE presence.agent = agent.no)"
    " CROSS JOIN span JOIN target ON target.no = span.target JOIN network ON network.no = span.network"
    f" WHERE span.agent = agent.no AND span.stop IS NULL AND {HAS_VOTE}"
)
_OF_SERVICE = "AND span.target IN (SELECT no FROM target WHERE service = ? OR (service = '' AND text = ?))"
_GROUPED = (
    "GROUP BY span.target, target.service, target.text, span.network, network.asn, network.cc, span.status,"
    " span.causes, span.before_watch, present"
    " ORDER BY span.target, span.network, span.status, span.causes, span.before_watch, present"
)


def status_counts(session: StoreSession, now: int, service: str = "") -> list[StatusCount]:
    """How many vantages of each network report which status of each target.

    Vantages that are present and vantages that are not are counted apart; reports without a vote are left out.

    Args:
        session: the view.
        now: in milliseconds.
        service: only the targets of this service; of all services when empty.
    """
    values = (MISSED_INTERVALS, now, *vote_values(now))
    if service:
        found = session.rows(f"{_STATUS_COUNT} {_OF_SERVICE} {_GROUPED}", *values, service, service)
    else:
        found = session.rows(f"{_STATUS_COUNT} {_GROUPED}", *values)
    return [
        StatusCount(
            service=service,
            target=target,
            network=Network(asn=asn, country=cc),
            status=history.known_status(status),
            causes=tuple(Cause(cause) for cause in causes.split()),
            vantages=vantages,
            since=from_ms(since),
            present=bool(present),
            before_watch=bool(before_watch),
        )
        for service, target, asn, cc, status, causes, vantages, since, before_watch, present in found
    ]


def _revision(row: Row) -> Revision:
    return Revision(row[0], RevisionKind(row[1]), row[2], _EVENT.decode(row[3]), row[4], row[5])
