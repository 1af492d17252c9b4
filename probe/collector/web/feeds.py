"""`/feed.atom`: blockings and unblockings as an Atom feed."""

from __future__ import annotations

from aiohttp import web

from probe.collector.state import STATE
from probe.collector.store import events, from_ms
from probe.collector.store.events import Revision
from probe.collector.web import wording
from probe.collector.web.parameters import FeedQuery
from probe.formats.atom import CONTENT_TYPE, FeedEntry, feed
from probe.fuse.revision import NEWS_KINDS

MAX_ENTRIES = 100
MAX_REVISIONS_READ = 1000
"""Revisions read from the database before the query's filter is applied."""


async def get_feed(request: web.Request) -> web.Response:
    """The newest revisions that are news, one entry each; query: see `FeedQuery`."""
    collector = request.app[STATE]
    query = FeedQuery.of(request.query)
    found = await collector.store.read(lambda session: events.news(session, NEWS_KINDS, 0, MAX_REVISIONS_READ))
    chosen = [
        each
        for each in found
        if query.country in ("", each.event.network.country)
        and query.service in ("", each.event.service)
        and query.asn in (0, each.event.network.asn)
        and query.kind in ("", each.kind)
    ]
    origin = collector.origin
    entries = [_entry(origin, each) for each in chosen[:MAX_ENTRIES]]
    body = feed(
        f"{origin}/feed.atom", "probe: what was blocked and unblocked", f"{origin}/", entries, collector.clock.now()
    )
    answer = web.Response(body=body, content_type=CONTENT_TYPE, charset="utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _entry(origin: str, revision: Revision) -> FeedEntry:
    event = revision.event
    link = f"{origin}/e/{event.id}"
    said = "; ".join(wording.CAUSE.get(cause, cause) for cause in event.causes)
    summary = f"{wording.sentence(event)}. {said + '; ' if said else ''}{wording.confidence(event)}."
    return FeedEntry(
        id=f"{link}#revision-{event.revision}",
        title=wording.headline(revision.kind, event, revision.reason),
        link=link,
        updated=from_ms(revision.published),
        summary=summary,
        categories=(revision.kind, event.status, *event.causes),
    )
