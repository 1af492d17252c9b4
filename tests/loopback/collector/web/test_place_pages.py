"""The pages of a country and of a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from probe.collector.web.html_pages import MAX_NETWORK_COLUMNS
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change
from tests.loopback.collector.web.test_html_pages import page

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def test_a_country_has_its_networks_alone(server: Server, enrolled: Enrolled) -> None:
    """Its code may be written in lower case; the sentence counts its own networks."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    await report(server, await enrolled(asn=64501, country="KZ"))
    await fused(server)

    russia, kazakhstan = await page(server, "/cc/ru"), await page(server, "/cc/KZ")

    assert "<h1>Russia: WeChat is blocked on 1 of 1 measured network.</h1>" in russia
    assert "AS64501" not in russia
    assert "<h1>Kazakhstan: The one measured service is reachable on the one measured network.</h1>" in kazakhstan


async def test_a_network_has_a_page(server: Server, enrolled: Enrolled) -> None:
    """By its number, with or without `AS`."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    await fused(server)

    for path in ("/as/64500", "/as/AS64500", "/as/as64500"):
        assert "<h1>AS64500: WeChat is blocked on 1 of 1 measured network.</h1>" in await page(server, path)


@pytest.mark.parametrize("path", ["/cc/XX", "/as/1"])
async def test_a_place_that_nobody_measures_is_not_found_with_a_hint(
    server: Server, enrolled: Enrolled, path: str
) -> None:
    """It names the countries that are measured."""
    await report(server, await enrolled())

    assert "Measured countries: RU." in await page(server, path, status=404)


async def test_with_many_networks_the_board_shows_countries(server: Server, enrolled: Enrolled) -> None:
    """A cell opens without a script and names its networks; the country's page has them all."""
    for number in range(MAX_NETWORK_COLUMNS + 1):
        found = [change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED)] if number < 2 else []
        await report(server, await enrolled(asn=64500 + number), *found)
    await fused(server)

    board = await page(server, "/")

    assert "Services by country" in board
    assert "2/9<span" in board
    assert "AS64500, AS64501" in board
    assert "<details><summary>" in board
    assert 'href="/cc/RU"' in board
    assert "Services by network" in await page(server, "/cc/RU")
