"""The JSON API of a running collector."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def got(server: Server, path: str) -> Any:
    """The decoded JSON of a response with status 200."""
    async with server.http.get(server.page + path) as answer:
        assert answer.status == 200
        return await answer.json()


@pytest.fixture
async def reporter(server: Server, enrolled: Enrolled) -> FakeAgent:
    """An agent that has reported one blocked target."""
    agent = await enrolled()
    verdict = blocked_verdict(T, "wechat.example", NOW - HOUR)
    await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=verdict))
    await fused(server)
    return agent


async def test_the_board_is_a_record_for_each_service_in_each_network(server: Server, reporter: FakeAgent) -> None:
    """Each record names the ongoing event."""
    board = await got(server, "/api/v1/board")

    (cell,) = board["cells"]
    assert (cell["service"], cell["network"], cell["status"]) == ("WeChat", {"asn": 64500, "country": "RU"}, "blocked")
    assert (cell["targets"], cell["confidence"]) == ([T], "one_source")
    assert board["networks"][0]["present"] == 1


async def test_the_board_has_also_the_services_that_its_page_leaves_out(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has their number and a link to this list."""
    monkeypatch.setattr("probe.collector.web.board_view.MAX_SERVICES", 1)
    agent = await enrolled()
    services = {"alpha": "alpha", "beta": "beta"}
    whole = tuple(settled(name, NOW - HOUR) for name in services)
    await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 12), settled=whole, services=services))
    await fused(server)

    _, text = await server.get("/")

    assert "1 service more, none of them worse" in " ".join(text.split())
    assert 'href="/s/beta"' not in text
    assert [cell["service"] for cell in (await got(server, "/api/v1/board"))["cells"]] == ["alpha", "beta"]


async def test_events_can_be_listed_and_read_with_their_evidence(server: Server, reporter: FakeAgent) -> None:
    """Revisions, vantages under public names, and digests by which the evidence can be downloaded and verified."""
    (event,) = (await got(server, "/api/v1/events?open=1"))["events"]
    whole = await got(server, f"/api/v1/events/{event['id']}")

    assert whole["event"] == event
    assert [each["kind"] for each in whole["revisions"]] == ["began"]
    (vantage,) = whole["vantages"]
    assert vantage["vantage"] != reporter.id
    status, text = await server.get(f"/api/v1/evidence/{vantage['evidence']}")
    assert status == 200
    assert sha256(text.removesuffix("\n").encode()).hexdigest() == vantage["evidence"]
    assert msgspec.json.decode(text, type=Verdict).target == T


async def test_spans_name_no_agent(server: Server, reporter: FakeAgent) -> None:
    """Spans are filtered by target, in their order of time, and name vantages by public names only."""
    spans = (await got(server, f"/api/v1/spans?target={T}"))["spans"]

    assert [span["status"] for span in spans] == ["reachable", "blocked"]
    assert spans[1]["stop"] is None
    assert reporter.id not in str(spans)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/spans?target=other", "target"),
        ("/api/v1/spans?vantage=aaaaaaaa", "vantage"),
        ("/api/v1/events?service=other", "service"),
        ("/api/v1/events?cc=KZ", "cc"),
        ("/api/v1/revisions?asn=1", "asn"),
    ],
)
async def test_a_value_that_names_nothing_here_is_an_error_with_a_hint(
    server: Server, reporter: FakeAgent, path: str, name: str
) -> None:
    """An empty answer would look like "not blocked"."""
    status, text = await server.get(path)

    assert status == 400
    assert json.loads(text)["error"]["code"] == "unknown_value"
    assert f"the given {name}: " in text


async def test_lists_are_read_page_by_page_to_their_end(server: Server, enrolled: Enrolled) -> None:
    """Every record once, in its order; the revisions go on where they ended, later."""
    agents = [await enrolled(asn=64500 + number) for number in range(4)]
    for agent in agents:
        await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)
    for path, records in (("events", "events"), ("revisions", "revisions"), ("spans", "spans")):
        whole = (await got(server, f"/api/v1/{path}"))[records]
        assert len(whole) >= 5
        pieces: list[Any] = []
        cursor = ""
        while True:
            page = await got(server, f"/api/v1/{path}?limit=2&cursor={cursor}")
            pieces += page[records]
            if not page[records] or not page["next"]:
                break
            cursor = page["next"]
        assert pieces == whole

    later = await got(server, f"/api/v1/revisions?cursor={(await got(server, '/api/v1/revisions'))['next']}")
    assert later["revisions"] == []
    assert later["next"]


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "!!!", "WzEsMl0", "WzllOTld", "W3RydWVd"])
async def test_a_cursor_that_no_answer_had_is_refused(server: Server, cursor: str) -> None:
    for path in ("events", "revisions", "spans"):
        assert (await server.get(f"/api/v1/{path}?cursor={cursor}"))[0] == 400


async def test_events_are_filtered_by_service_country_and_network(server: Server, enrolled: Enrolled) -> None:
    await report(server, await enrolled(country="RU"), change(T, Status.BLOCKED, NOW - HOUR))
    await report(server, await enrolled(asn=64501, country="BY"), change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)

    async def networks(query: str) -> list[int]:
        return [each["network"]["asn"] for each in (await got(server, f"/api/v1/events?{query}"))["events"]]

    assert await networks("cc=BY") == [64501]
    assert await networks("asn=64500&service=WeChat") == [64500]
    assert await networks("asn=64500&cc=BY") == []


async def test_the_messages_to_subscribers_are_listed(server: Server) -> None:
    assert (await got(server, "/api/v1/alerts"))["alerts"] == []


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/v1/events?limit=0", "limit"),
        ("/api/v1/events?limit=x", "limit"),
        ("/api/v1/events?limit=99999999999999", "limit"),
        ("/api/v1/events?limit=0000000019999999", "limit"),
        ("/api/v1/spans?limit=" + "9" * 5009, "limit"),
        ("/api/v1/spans?limit=1&limit=2", "limit"),
        ("/api/v1/events?since=yesterday", "since"),
        ("/api/v1/events?since=2017-05-04", "since"),
        ("/api/v1/spans?since=2017-05-04%2000:00:00Z", "since"),
        ("/api/v1/events?open=maybe", "open"),
        ("/api/v1/spans?target=%00", "target"),
        ("/feed.atom?cc=ru", "cc"),
        ("/feed.atom?s=" + "x" * 3000, "s"),
        ("/api/v1/events/0123", "id"),
        ("/api/v1/evidence/0123", "digest"),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(server: Server, path: str, parameter: str) -> None:
    """Status 400, and one line that names the parameter and its form but not the value."""
    status, text = await server.get(path)

    assert status == 400
    error = msgspec.json.decode(text)["error"]
    assert error["code"] == "bad_request"
    assert error["message"].startswith(f"the parameter {parameter} is ")
    assert len(error["message"]) < 120


async def test_an_unknown_parameter_is_ignored(server: Server) -> None:
    """Links that carry more than the collector knows still work."""
    assert (await got(server, "/api/v1/events?utm_source=x"))["events"] == []


async def test_an_unknown_path_is_404_as_json(server: Server) -> None:
    """This is so for a browser too: paths under `/api/` are for programs."""
    for path in ("/api/v1/events/0123456789abcdef", f"/api/v1/evidence/{'0' * 64}", "/api/v1/nothing"):
        status, text = await server.get(path, Accept="text/html")
        assert (status, msgspec.json.decode(text)["error"]["code"]) == (404, "not_found")


async def test_events_that_lifted_before_since_are_left_out(server: Server, reporter: FakeAgent) -> None:
    """An event that lifted after `since` is included."""
    lifting = change(T, Status.REACHABLE, NOW - HOUR / 2, before=Status.BLOCKED)
    await reporter.post(server.http, reporter.batch(changes=(lifting,)))
    await fused(server)

    early = (NOW - HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    late = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len((await got(server, f"/api/v1/events?since={early}"))["events"]) == 1
    assert (await got(server, f"/api/v1/events?since={late}"))["events"] == []
    assert (await got(server, "/api/v1/events?open=1"))["events"] == []
