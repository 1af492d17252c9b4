"""What followed collectors have published, as pages and as JSON, each event with its source.

It stands apart from our own events: none of it counts in a status, a confidence or an alert here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from probe.collector.intake.ooni_events import ORIGIN as OONI
from probe.collector.state import STATE
from probe.collector.store import StoreSession, followed, from_ms, log_tables, to_ms
from probe.collector.store.followed import FollowedEvent, collector_name
from probe.collector.store.log_tables import LogHead
from probe.collector.web import wording
from probe.collector.web.html_pages import render
from probe.collector.web.parameters import EventsQuery, hexadecimal
from probe.collector.web.responses import ApiError, json_response
from probe.errors import RecordError
from probe.formats.atom import CONTENT_TYPE, FeedEntry, feed
from probe.formats.checkpoint import unverified
from probe.formats.log_entry import LogEntry, decode_entry

DEFAULT_PERIOD = timedelta(days=30)
MAX_ENTRIES = 100
"""Entries of the feed."""
MAX_REVISIONS = 200


class FollowedLog(msgspec.Struct, frozen=True, kw_only=True):
    """A followed collector's log, as far as it is here.

    Attributes:
        name: of the collector: the log's name without its last part.
        entries: how many are here, each verified.
        published: how many its newest checkpoint has.
        state: `active`, `stopped`, or `forked`: two signed checkpoints contradict each other.
        problem: what is wrong; empty when nothing is.
        seen: when it was last looked at.
    """

    source: str
    name: str
    origin: str
    url: str
    key: str
    entries: int
    published: int
    state: str
    problem: str
    seen: datetime


class FollowedRevision(msgspec.Struct, frozen=True):
    """A revision of an event of a followed collector, and the index of its entry."""

    index: int
    entry: LogEntry


def followed_log(head: LogHead) -> FollowedLog:
    """A followed log as pages and the API show it."""
    published = unverified(head.latest).size if head.latest else 0
    return FollowedLog(
        source=head.source,
        name=collector_name(head.origin),
        origin=head.origin,
        url=head.url,
        key=head.vkey,
        entries=head.size,
        published=published,
        state=head.state,
        problem=head.problem,
        seen=from_ms(head.seen),
    )


def routes() -> list[web.RouteDef]:
    """The addresses of pages and data of followed collectors."""
    source = "/{source:[0-9a-f]{8}}"
    return [
        web.get("/following", get_following),
        web.get("/following.atom", get_following_feed),
        web.get(f"/following{source}" + "/e/{id:[0-9a-f]{16}}", get_followed_event),
        web.get("/api/v1/following", get_following_data),
        web.get("/api/v1/following/events", get_followed_events_data),
        web.get(f"/api/v1/following{source}" + "/events/{id}", get_followed_event_data),
    ]


async def get_following(request: web.Request) -> web.Response:
    """`/following`: the collectors that this one follows, and what they report now."""
    store = request.app[STATE].store
    heads = await store.read(log_tables.followed)
    lasting = await store.read(lambda session: followed.ongoing(session, MAX_ENTRIES))
    now = request.app[STATE].clock.now().replace(microsecond=0)
    return render(request, "following.html", logs=list(map(followed_log, heads)), followed=lasting, now=now)


async def get_followed_event(request: web.Request) -> web.Response:
    """`/following/<source>/e/<id>`: an event as a followed collector has published it."""
    found = await _event(request, request.match_info["id"])
    if found is None:
        text = "The collectors that are followed here have not published it."
        return render(request, "error.html", status=404, title="There is no such event", text=text)
    event, head, revisions = found
    now = request.app[STATE].clock.now().replace(microsecond=0)
    values: dict[str, Any] = {"each": event, "log": followed_log(head), "revisions": revisions, "now": now}
    return render(request, "followed_event.html", **values, origin=request.app[STATE].origin)


async def get_following_feed(request: web.Request) -> web.Response:
    """`/following.atom`: what followed collectors report, newest onset first, each with its source."""
    collector = request.app[STATE]
    now = collector.clock.now()
    since = to_ms(now - DEFAULT_PERIOD)
    found = await collector.store.read(lambda session: followed.events(session, since, MAX_ENTRIES))
    address, title = f"{collector.origin}/following.atom", "probe: what other collectors report"
    body = feed(
        address, title, f"{collector.origin}/following", [_entry(collector.origin, each, now) for each in found], now
    )
    answer = web.Response(body=body, content_type=CONTENT_TYPE, charset="utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


async def get_following_data(request: web.Request) -> web.Response:
    """`/api/v1/following`: the collectors that this one follows."""
    heads = await request.app[STATE].store.read(log_tables.followed)
    return json_response({"time": request.app[STATE].clock.now(), "following": list(map(followed_log, heads))})


async def get_followed_events_data(request: web.Request) -> web.Response:
    """`/api/v1/following/events`: events of followed collectors, each with its source; query: see `EventsQuery`."""
    collector = request.app[STATE]
    query = EventsQuery.of(request.query)
    since = to_ms(query.since or collector.clock.now() - DEFAULT_PERIOD)
    if query.ongoing:
        found = await collector.store.read(lambda session: followed.ongoing(session, query.limit))
    else:
        found = await collector.store.read(lambda session: followed.events(session, since, query.limit))
    return json_response({"time": collector.clock.now(), "events": list(map(_record, found))})


async def get_followed_event_data(request: web.Request) -> web.Response:
    """`/api/v1/following/<source>/events/<id>`: an event of a followed collector with its revisions."""
    found = await _event(request, hexadecimal(request.match_info["id"], "id", 16))
    if found is None:
        raise ApiError(404, "not_found", "there is no such event")
    event, head, revisions = found
    shown = [
        {"kind": entry.kind, "published": entry.published, "reason": entry.reason, "event": entry.event, "index": index}
        for index, entry in ((each.index, each.entry) for each in revisions)
    ]
    return json_response({**_record(event), "log": followed_log(head), "revisions": shown})


async def _event(request: web.Request, event_id: str) -> tuple[FollowedEvent, LogHead, list[FollowedRevision]] | None:
    source = request.match_info["source"]

    def read(session: StoreSession) -> tuple[FollowedEvent, LogHead, list[FollowedRevision]] | None:
        event = followed.event(session, source, event_id)
        head = log_tables.head_of(session, source)
        if event is None or head is None:
            return None
        return event, head, _revisions(session, head.no, event_id)

    return await request.app[STATE].store.read(read)


def _revisions(session: StoreSession, no: int, event_id: str) -> list[FollowedRevision]:
    """The newest revisions of an event, as the entries have them."""
    found: list[FollowedRevision] = []
    indices = sorted(log_tables.entry_indices(session, no, event_id).values())
    for index in indices[-MAX_REVISIONS:]:
        for body in log_tables.entries(session, no, index, 1):
            try:
                found.append(FollowedRevision(index, decode_entry(body)))
            except RecordError:  # a word of a newer version
                continue
    return found


def _record(each: FollowedEvent) -> dict[str, Any]:
    source = {"name": each.collector, "source": each.source, "log": each.origin}
    return {"reported_by": source, "superseded": each.superseded, "event": each.event}


def _entry(origin: str, each: FollowedEvent, now: datetime) -> FeedEntry:
    event = each.event
    link = f"{origin}/following/{each.source}/e/{event.id}"
    by = f"reported by the collector {each.collector}, verified by its log"
    if each.origin == OONI:
        by = "found in OONI's measurements, which no log proves"
    return FeedEntry(
        id=f"{link}#revision-{event.revision}",
        title=f"{wording.sentence(event)} ({by})",
        link=link,
        updated=min(event.lifted or event.known, now),
        summary=f"{wording.sentence(event)}, {by}. There: {wording.confidence(event)}.",
        categories=(event.status, *event.causes),
    )
