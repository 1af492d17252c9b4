"""The page of a service as HTML, JSON and CSV, from a running collector."""

from __future__ import annotations

import csv
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probe.collector.store import register
from probe.collector.web.html_pages import service_path
from probe.collector.web.service_pages import COLUMNS
from probe.collector.web.wording import STATUS_RULE
from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.lists.registers.register_entry import RegisterDecision
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled
from tests.loopback.collector.web.test_html_pages import EVIL, page

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
T, API = "https://www.wechat.com/", "tcp://203.0.113.7:8080"
SERVICES = {T: "wechat", API: "wechat"}


async def report(server: Server, agent: FakeAgent, *changes: object, services: dict[str, str] = SERVICES) -> None:
    """Send five hours of rounds of these targets, and these changes."""
    whole = tuple(settled(target, NOW - 5 * HOUR) for target in services)
    named = {target: service for target, service in services.items() if service}
    batch = agent.batch(rounds=rounds(NOW - 5 * HOUR, 60), settled=whole, changes=changes, services=named)
    assert (await agent.post(server.http, batch))[0] == 200


async def listed(server: Server, *kinds: ChangeKind, since: datetime = NOW - 4 * HOUR) -> None:
    """Store register changes, each an hour after the one before."""
    found = [
        RegisterChange(
            kind=kind,
            subject="wechat.com",
            service="wechat",
            decision=RegisterDecision("", "10-Restricting"),
            after=since + n * HOUR,
            before=since + n * HOUR + HOUR / 2,
        )
        for n, kind in enumerate(kinds)
    ]
    await server.collector.store.write(lambda session: register.store_changes(session, "RU", found))


async def data(server: Server, path: str) -> Any:
    """The decoded JSON of a page."""
    status, text = await server.get(path)
    assert status == 200, text
    return json.loads(text)


async def test_the_page_has_a_sentence_then_networks_then_listings_beside_observations(
    server: Server, enrolled: Enrolled
) -> None:
    """Blocked in one of two Russian networks, with the listing, the lag and the rule of the status."""
    await listed(server, ChangeKind.LISTED)
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.TCP_TIMEOUT))
    await report(server, await enrolled(asn=64501))
    (event,) = await fused(server)

    text = await page(server, "/s/wechat")

    assert "WeChat in Russia: blocked on 1 of 2 measured networks since " in text.split("</h1>")[0]
    parts = ("<h1>", "<h2>Networks", "<h2>Listed beside observed", "<h2>Timeline", "<h2>Events")
    assert [text.index(part) for part in parts] == sorted(text.index(part) for part in parts)
    assert f'href="/e/{event.id}"' in text
    assert "30 min to 1 h after" in text
    assert "10-Restricting" in text
    assert "web 0 of 1" in text
    assert "addresses 1 of 1" in text
    assert STATUS_RULE in text
    assert 'href="/s/wechat"' in await page(server, "/")


async def test_the_four_dates_and_both_lags_are_in_json_and_csv(server: Server, enrolled: Enrolled) -> None:
    """The CSV has one row per network."""
    await listed(server, ChangeKind.LISTED, ChangeKind.DELISTED)
    flips = [change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.TCP_TIMEOUT)]
    flips += [change(T, Status.REACHABLE, NOW - 2 * HOUR, before=Status.BLOCKED)]
    await report(server, await enrolled(), *flips)
    (event,) = await fused(server)

    (row,) = (await data(server, "/s/wechat.json"))["listed_beside_observed"]
    status, text = await server.get("/s/wechat.csv")

    (seen,) = row["networks"]
    assert (seen["block_lag"], seen["unblock_lag"]) == (
        {"least": 1800.0, "most": 3600.0},
        {"least": 1800.0, "most": 3600.0},
    )
    assert status == 200
    assert text.splitlines()[0].split(",") == list(COLUMNS)
    (record,) = csv.DictReader(text.splitlines())
    assert record["first_blocked"] == (NOW - 3 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (record["block_lag_least_s"], record["unblock_lag_most_s"], record["events"]) == ("1800", "3600", event.id)
    assert (record["asn"], record["country"], record["found_blocked"]) == ("64500", "RU", "")


async def test_a_service_with_one_blocked_page_of_two_is_blocked_in_part(server: Server, enrolled: Enrolled) -> None:
    """The service works, so its status is not blocked; the blocked page is counted beside it."""
    other = "https://web.wechat.com/"
    services = {T: "wechat", other: "wechat"}
    flip = change(T, Status.BLOCKED, NOW - HOUR, Cause.TLS_RESET)
    await report(server, await enrolled(), flip, services=services)
    await fused(server)

    (network,) = (await data(server, "/s/wechat.json"))["networks"]
    text = await page(server, "/s/wechat")

    assert (network["status"], network["together"], network["interfered"]) == ("reachable", "reachable", [T])
    assert network["parts"] == [{"name": "web", "status": "reachable", "works": 1, "interfered": 1, "measured": 2}]
    assert "WeChat in Russia: blocked in part on 1 of 1 measured network since" in text
    assert "in part blocked: 1 of 2 targets" in text
    board = await page(server, "/")
    assert "WeChat is blocked in part on 1 of 1 measured network." in board
    assert "</b>, in part blocked" in board


async def test_a_service_that_is_on_no_register_has_empty_dates_of_listing_in_csv(
    server: Server, enrolled: Enrolled
) -> None:
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.TCP_TIMEOUT))
    await fused(server)

    _, text = await server.get("/s/wechat.csv")

    (record,) = csv.DictReader(text.splitlines())
    dates = ("listed_after", "listed_before", "delisted_after", "delisted_before")
    assert [record[date] for date in dates] == [""] * 4
    assert record["first_blocked"] == (NOW - 3 * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_service_that_is_listed_but_not_measured_has_a_page(server: Server) -> None:
    """It says that no vantage measures it."""
    await listed(server, ChangeKind.LISTED)

    text = await page(server, "/s/wechat")

    assert "WeChat in Russia: on the register; no vantage measures it." in text
    _, rows = await server.get("/s/wechat.csv")
    assert rows.splitlines()[1].startswith("wechat,RU,,")


async def test_without_a_present_vantage_the_present_state_is_unknown(server: Server, enrolled: Enrolled) -> None:
    """Neither reachable nor blocked."""
    agent = await enrolled()
    then = NOW - 9 * HOUR
    await agent.post(server.http, agent.batch(rounds=rounds(then, 3), settled=(settled(T, then),), services=SERVICES))
    await fused(server)

    text = await page(server, "/s/wechat")

    assert "no vantage has reported lately, so the present state is not known." in text.split("</h1>")[0]
    assert "no vantage present" in text


async def test_a_target_of_no_service_has_a_page_of_its_own(server: Server, enrolled: Enrolled) -> None:
    """Its name has slashes and may end like a file name."""
    target = "https://a.example/data.csv"
    await report(server, await enrolled(), services={target: ""})
    await fused(server)

    assert "<h1>" in await page(server, service_path(target))
    assert (await data(server, service_path(target) + ".json"))["service"] == target
    assert f'href="{service_path(target)}"' in await page(server, "/")


async def test_an_unknown_service_is_not_found(server: Server) -> None:
    """As HTML, as JSON, and with a name of 4,000 characters."""
    assert "There is no such service" in await page(server, "/s/nobody", status=404)
    assert (await server.get("/s/nobody.json"))[0] == 404
    assert (await server.get("/s/" + "x" * 4000))[0] == 404


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
async def test_text_from_outside_is_no_markup_and_no_formula(server: Server, enrolled: Enrolled, start: str) -> None:
    """On the page it is escaped; in the CSV a cell that a spreadsheet would evaluate gets an apostrophe."""
    evil = f"{start}HYPERLINK(1)" + EVIL.rstrip("\u202e")
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR), services={T: evil})
    await fused(server)

    text = await page(server, service_path(evil))
    _, rows = await server.get(service_path(evil) + ".csv")

    assert "<script>alert" not in text
    assert "<img" not in text
    assert next(iter(csv.DictReader(rows.splitlines())))["service"] == f"'{evil}"


async def test_a_lag_below_zero_is_a_number_in_csv(server: Server, enrolled: Enrolled) -> None:
    """The network acted before the register's first snapshot with the entry."""
    await listed(server, ChangeKind.LISTED, since=NOW - 2 * HOUR)
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.TCP_TIMEOUT))
    await fused(server)

    _, rows = await server.get("/s/wechat.csv")

    (record,) = csv.DictReader(rows.splitlines())
    assert (record["block_lag_least_s"], record["block_lag_most_s"]) == ("-5400", "-3600")


async def test_requests_within_a_second_share_one_read_of_the_database(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load on the database does not grow with the number of readers."""
    monkeypatch.setattr("probe.collector.web.service_pages.MAX_AGE_SECONDS", 3600.0)
    await listed(server, ChangeKind.LISTED)
    one = await data(server, "/s/wechat.json")

    await listed(server, ChangeKind.LISTED, ChangeKind.DELISTED, since=NOW - 2 * HOUR)

    assert await data(server, "/s/wechat.json") == one


async def test_a_service_is_found_in_any_case_and_a_near_name_is_suggested(server: Server, enrolled: Enrolled) -> None:
    """A reader types what he remembers."""
    await report(server, await enrolled())

    async with server.http.get(server.page + "/s/WeChat", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/s/wechat")
    _, text = await server.get("/s/wechatt", Accept="text/html")
    assert "Did you mean wechat?" in text
