"""SQL of the public data in pages of a bounded size: each page begins behind the last record of the one before.

No order depends on an engine: events go by onset and id, revisions by number, spans by target, vantage and start.
"""

from __future__ import annotations

import msgspec

from probe.collector.store import StoreSession, Value, history, to_ms
from probe.collector.store.events import Revision
from probe.collector.store.history import VantageKey
from probe.fuse.revision import RevisionKind
from probe.model.event import Event, Span

_EVENT = msgspec.json.Decoder(Event)
Position = tuple[int | str, ...]
"""Where a page ends: the values of the last record by which the list is ordered."""


class PlaceFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are asked for; an empty text, or 0, asks for all."""

    service: str = ""
    country: str = ""
    asn: int = 0


def unknown_part(session: StoreSession, place: PlaceFilter) -> str:
    """The first part of a filter that nothing here was ever measured of: `service`, `cc` or `asn`; empty if none."""
    if place.service and not session.row(
        "SELECT 1 FROM target WHERE service = ? OR text = ? UNION ALL SELECT 1 FROM event WHERE service = ?"
        " UNION ALL SELECT 1 FROM register_change WHERE service = ? LIMIT 1",
        *(place.service,) * 4,
    ):
        return "service"
    if place.country and not session.row("SELECT 1 FROM network WHERE cc = ? LIMIT 1", place.country):
        return "cc"
    if place.asn and not session.row("SELECT 1 FROM network WHERE asn = ? LIMIT 1", place.asn):
        return "asn"
    return ""


def is_target(session: StoreSession, target: str) -> bool:
    """Whether a target was ever reported."""
    return session.row("SELECT 1 FROM target WHERE text = ?", target) is not None


def event_page(
    session: StoreSession, place: PlaceFilter, since: int, after: Position | None, limit: int, *, lasting: bool
) -> list[Event]:
    """Events in force that had not lifted before a moment, newest onset first; with `lasting`, those that last."""
    clauses, values = _of_place(place, "")
    clauses += ["superseded = ''", "lifted IS NULL" if lasting else "(lifted IS NULL OR lifted >= ?)"]
    if not lasting:
        values.append(since)
    if after is not None:
        clauses.append("(onset < ? OR (onset = ? AND id > ?))")
        values += [after[0], after[0], after[1]]
    where = " AND ".join(clauses)
    found = session.rows(f"SELECT body FROM event WHERE {where} ORDER BY onset DESC, id LIMIT ?", *values, limit)  # noqa: S608
    return [_EVENT.decode(row[0]) for row in found]


def position_of(event: Event) -> Position:
    """The position of an event in its list."""
    return (to_ms(event.onset), event.id)


def revision_page(
    session: StoreSession,
    place: PlaceFilter,
    after: int,
    limit: int,
    period: tuple[int, int] | None = None,
) -> list[Revision]:
    """Published revisions of all events in the order of their numbers, from behind a number.

    Args:
        session: of the database.
        place: of which events.
        after: the number of the last revision that is known; 0 for the beginning.
        limit: the most revisions to return.
        period: only those published from the first to before the second moment, in milliseconds.
    """
    clauses, values = _of_place(place, "event.")
    clauses.append("revision.no > ?")
    values.append(after)
    if period is not None:
        clauses += ["revision.published >= ?", "revision.published < ?"]
        values += period
    where = " AND ".join(clauses)
    found = session.rows(
        "SELECT revision.no, revision.kind, revision.published, revision.body, revision.reason FROM revision"  # noqa: S608
        f" JOIN event ON event.id = revision.id WHERE {where} ORDER BY revision.no LIMIT ?",
        *(*values, limit),
    )
    return [Revision(row[0], RevisionKind(row[1]), row[2], _EVENT.decode(row[3]), row[4]) for row in found]


class SpanFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which spans are asked for.

    Attributes:
        target: of this target; empty for all.
        vantage: of this vantage; None for all.
        since: those that had not ended before this moment, in milliseconds.
        began: those that began from the first to before the second moment; None for all.
    """

    target: str = ""
    vantage: VantageKey | None = None
    since: int = 0
    began: tuple[int, int] | None = None


def span_page(
    session: StoreSession, wanted: SpanFilter, after: Position | None, limit: int
) -> list[tuple[Position, Span]]:
    """Spans with their positions, ordered by target, vantage and start."""
    clauses: list[str] = ["agent.state = 'active'", "(span.stop IS NULL OR span.stop >= ?)"]
    values: list[Value] = [wanted.since]
    if wanted.target:
        clauses.append("target.text = ?")
        values.append(wanted.target)
    if wanted.vantage is not None:
        clauses += ["agent.id = ?", "network.asn = ?", "network.cc = ?"]
        values += [wanted.vantage.agent, wanted.vantage.network.asn, wanted.vantage.network.country]
    if wanted.began is not None:
        clauses += ["span.start >= ?", "span.start < ?"]
        values += wanted.began
    if after is not None:
        clauses.append("(span.target, span.agent, span.start) > (?, ?, ?)")
        values += after
    found = session.rows(
        "SELECT span.target, span.agent, agent.id, target.text, network.asn, network.cc, span.start, span.stop,"  # noqa: S608
        " span.known, span.status, span.causes, span.evidence, span.before_watch FROM span"
        " JOIN target ON target.no = span.target JOIN agent ON agent.no = span.agent"
        f" JOIN network ON network.no = span.network WHERE {' AND '.join(clauses)}"
        " ORDER BY span.target, span.agent, span.start LIMIT ?",
        *(*values, limit),
    )
    return [((row[0], row[1], row[6]), history.span_of(row[2:])) for row in found]


def published_days(session: StoreSession) -> tuple[int, int] | None:
    """When the first and the last revision were published, in milliseconds; None when none was."""
    row = session.row("SELECT min(published), max(published) FROM revision")
    return None if row is None or row[0] is None else (int(row[0]), int(row[1]))


def _of_place(place: PlaceFilter, table: str) -> tuple[list[str], list[Value]]:
    """The conditions of a filter and their values."""
    columns = (("service", place.service), ("cc", place.country), ("asn", place.asn))
    asked = [(name, value) for name, value in columns if value]
    return [f"{table}{name} = ?" for name, _ in asked], [value for _, value in asked]
