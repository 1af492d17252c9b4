"""The pages in a real browser: no error on the console, no sideways scroll, no fault that axe finds."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probe.collector.web.html_pages import MAX_NETWORK_COLUMNS
from probe.formats.batch import ReportedFailure
from probe.model.event import Event
from probe.model.verdict import Cause, Status
from tests import required
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, settled

playwright = required.module("playwright.async_api")
Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
ARGUMENTS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]
SECOND, THIRD = "https://line.example/", "https://long-name-that-nobody-can-break-without-help.example/"
SERVICES = {T: "WeChat", SECOND: "LINE", THIRD: "A service with a rather long name that must wrap somewhere"}
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """Debian's Chromium, without its sandbox, which root cannot use."""
    path = required.command("chromium")
    async with playwright.async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        await chromium.close()


def axe() -> str:
    """The script of axe."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


async def populated(server: Server, enrolled: Enrolled, networks: int) -> Event:
    """A collector with events, failures, silence and many networks; one of its events."""
    for number in range(networks):
        agent = await enrolled(asn=64500 + number, country=("RU", "KZ", "CN")[number % 3], sponsor=f"s{number}")
        verdict = blocked_verdict(T, "wechat.example", NOW - HOUR)
        bad = (change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=verdict),) if number % 2 else ()
        batch = agent.batch(
            rounds=rounds(NOW - 2 * HOUR, 24 if number else 3),
            changes=bad,
            settled=(settled(SECOND, NOW - HOUR, Status.UNREACHABLE), settled(THIRD, NOW - HOUR)),
            failing=(ReportedFailure(target="tcp://192.0.2.7:443", since=NOW - HOUR, causes=(Cause.TCP_TIMEOUT,)),),
            services=SERVICES,
        )
        assert (await agent.post(server.http, batch))[0] == 200
    return (await fused(server))[0]


def paths(event: Event) -> list[str]:
    """Every kind of page."""
    return [
        *("/", "/s/WeChat", f"/e/{event.id}", "/cc/RU", "/as/64501", "/methods", "/glossary", "/about", "/alerts"),
        *("/s/Nothing", "/s/LINE"),
    ]


async def faults_of(page: Any, url: str, said: list[str]) -> list[str]:
    """What is wrong with one page as it stands on the screen."""
    said.clear()
    await page.goto(url)
    found = [f"{url}: console: {line}" for line in said if "404 (Not Found)" not in line]
    sideways = await page.evaluate(SIDEWAYS)
    if sideways > 0:
        found.append(f"{url}: {sideways} px wider than the screen")
    return found


async def violations_of(page: Any, url: str) -> list[str]:
    """The faults that axe finds, each with the first element."""
    result = await page.evaluate(
        "async () => (await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})).violations"
    )
    return [f"{url}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in result]


@pytest.mark.parametrize(("scheme", "networks"), [("light", 3), ("dark", MAX_NETWORK_COLUMNS + 4)])
async def test_every_page_is_whole_on_a_desk_and_on_a_phone(
    server: Server, enrolled: Enrolled, browser: Any, scheme: str, networks: int
) -> None:
    """In light and in dark, without an error, a sideways scroll or a fault of accessibility."""
    event = await populated(server, enrolled, networks)
    found: list[str] = []
    said: list[str] = []
    for width in (1280, 390):
        context = await browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 844}, bypass_csp=True
        )
        page = await context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        for path in paths(event):
            found += await faults_of(page, server.page + path, said)
            await page.evaluate(axe())
            found += await violations_of(page, f"{path} at {width} px")
        await context.close()

    assert found == []


async def test_the_pages_say_the_same_without_scripts(server: Server, enrolled: Enrolled, browser: Any) -> None:
    """The answer, the table and a cell of the matrix that opens."""
    await populated(server, enrolled, MAX_NETWORK_COLUMNS + 4)
    context = await browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 844})
    page = await context.new_page()

    await page.goto(server.page + "/")

    assert "WeChat is blocked on" in await page.inner_text("h1")
    cell = page.locator(".matrix details").first
    await cell.locator("summary").click()
    assert "AS645" in await cell.inner_text()
    await context.close()


async def test_the_board_can_be_used_by_keyboard_alone(server: Server, enrolled: Enrolled, browser: Any) -> None:
    """The first tab reaches the link past the header; a cell opens with Enter."""
    await populated(server, enrolled, MAX_NETWORK_COLUMNS + 4)
    context = await browser.new_context(viewport={"width": 1280, "height": 844})
    page = await context.new_page()
    await page.goto(server.page + "/")

    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.locator(".matrix summary").first.focus()
    await page.keyboard.press("Enter")
    assert await page.locator(".matrix details[open]").count() == 1
    await context.close()
