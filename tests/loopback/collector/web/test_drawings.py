"""Drawings to share: timelines and badges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from xml.etree import ElementTree as ET

from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def drawn(server: Server, path: str) -> str:
    """The text of a drawing, which is well-formed XML."""
    async with server.http.get(server.page + path) as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "image/svg+xml"), text
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    ET.fromstring(text)  # noqa: S314 - our own drawing
    return text


async def test_a_timeline_has_title_scope_dates_and_source_inside(server: Server, enrolled: Enrolled) -> None:
    """It says everything without the page around it."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    await fused(server)

    text = await drawn(server, "/s/WeChat.svg")

    assert "WeChat in Russia: blocked on 1 of 1 measured network" in text
    assert "AS64500 (RU)" in text
    assert "Source: http://collector.test/s/WeChat" in text
    assert 'fill="#b3201b"' in text


async def test_a_badge_never_says_that_all_is_well_without_data(server: Server, enrolled: Enrolled) -> None:
    """Blocked, reachable, and without data."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    other = await enrolled(asn=64501, country="KZ")
    gone = other.batch(rounds=rounds(NOW - 9 * HOUR, 3), settled=(settled(T, NOW - 9 * HOUR),), services={T: "WeChat"})
    await other.post(server.http, gone)
    await fused(server)

    assert "blocked on 1 of 1" in await drawn(server, "/badge/WeChat.svg")
    assert ">no data<" in await drawn(server, "/badge/WeChat.svg?cc=KZ")
    assert ">not measured<" in await drawn(server, "/badge/WeChat.svg?cc=FR")
    assert (await server.get("/badge/Nothing.svg"))[0] == 404
    assert (await server.get("/badge/WeChat.svg?cc=russia"))[0] == 400


async def test_names_from_outside_are_text(server: Server, enrolled: Enrolled) -> None:
    """A service's name is no markup."""
    agent = await enrolled()
    batch = agent.batch(rounds=rounds(NOW - HOUR, 12), settled=(settled(T, NOW - HOUR),), services={T: "<script>&"})
    assert (await agent.post(server.http, batch))[0] == 200
    await fused(server)

    for path in ("/s/{}.svg", "/badge/{}.svg"):
        assert "<script>" not in await drawn(server, path.format(quote("<script>&", safe="")))
