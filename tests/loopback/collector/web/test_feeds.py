"""The Atom feed of a running collector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import feedparser

from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
ATOM = {"a": "http://www.w3.org/2005/Atom"}


async def titles(server: Server, query: str = "") -> list[str | None]:
    """The titles of the entries, newest first."""
    async with server.http.get(f"{server.page}/feed.atom{query}") as answer:
        assert answer.content_type == "application/atom+xml"
        root = ET.fromstring(await answer.read())  # noqa: S314
    ids = [entry.findtext("a:id", namespaces=ATOM) for entry in root.findall("a:entry", ATOM)]
    assert len(ids) == len(set(ids))
    return [entry.findtext("a:title", namespaces=ATOM) for entry in root.findall("a:entry", ATOM)]


async def test_an_event_has_an_entry_when_it_begins_and_when_it_lifts(server: Server, enrolled: Enrolled) -> None:
    """Revisions in between have none."""
    one, two = await enrolled(), await enrolled()
    for agent in (one, two):
        await report(server, agent, change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.TCP_TIMEOUT))
        await fused(server)
    for agent in (one, two):
        await agent.post(server.http, agent.batch(changes=(change(T, Status.REACHABLE, NOW - HOUR),)))
        await fused(server)

    assert await titles(server) == [
        "WeChat no longer blocked on AS64500 (RU)",
        "WeChat blocked on AS64500 (RU)",
    ]


async def test_the_feed_can_be_filtered_by_country_and_service(server: Server, enrolled: Enrolled) -> None:
    """With `?cc=` and `?s=`."""
    await report(server, await enrolled(country="RU"), change(T, Status.BLOCKED, NOW - HOUR))
    await report(server, await enrolled(asn=64501, country="BY"), change(T, Status.THROTTLED, NOW - HOUR))
    await fused(server)

    assert await titles(server, "?cc=BY") == ["WeChat throttled on AS64501 (BY)"]
    assert len(await titles(server, "?s=WeChat")) == 2
    assert await titles(server, "?s=LINE") == []


async def test_a_reader_of_feeds_reads_it(server: Server, enrolled: Enrolled) -> None:
    """The library feedparser finds no fault, and ids, links and times of every entry; filtered by every parameter."""
    await report(server, await enrolled(asn=64500), change(T, Status.BLOCKED, NOW - HOUR, Cause.TCP_TIMEOUT))
    await report(server, await enrolled(asn=64501, country="BY"), change(T, Status.THROTTLED, NOW - HOUR))
    await fused(server)

    async def read(query: str) -> feedparser.FeedParserDict:
        async with server.http.get(f"{server.page}/feed.atom{query}") as answer:
            found = feedparser.parse(
                await answer.read(), response_headers={"content-type": answer.headers["Content-Type"]}
            )
        assert not found.bozo
        assert found.version == "atom10"
        return found

    entries = (await read("")).entries
    assert len(entries) == 2
    assert all(each.id and each.link and each.updated_parsed for each in entries)
    for query, count in (("?asn=64501", 1), ("?kind=began", 2), ("?kind=lifted", 0), ("?cc=BY&asn=64500", 0)):
        assert len((await read(query)).entries) == count
