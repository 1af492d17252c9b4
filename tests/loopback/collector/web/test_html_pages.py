"""The HTML pages of a running collector."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from probe.collector.state import public_name
from probe.collector.web.html_pages import MAX_AGE_SECONDS, STATIC, service_path
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import SERVICES, T, fused, report
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, settled, stood
from tests.references import routes

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
NO_PAGES = {"/feed.atom", "/static", "/healthz", "/readyz", "/metrics"}
"""Routes beside `/api/` that do not answer with HTML."""
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


class Outline(HTMLParser):
    """The elements of a page, and everything that its content policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.faults: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the element, and what the content policy forbids."""
        self.tags.append(tag)
        names = dict(attrs)
        self.faults += [name for name in names if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not (names.get("src") or "").startswith("/static/")):
            self.faults.append(tag)
        for name in ("href", "src"):
            address = names.get(name)
            if address and not re.match(r"/|#|https?://127\.0\.0\.1", address):
                self.faults.append(address)


async def page(server: Server, path: str, status: int = 200) -> str:
    """The text of a page, which must contain nothing that the policy forbids."""
    async with server.http.get(server.page + path, headers={"Accept": "text/html"}) as answer:
        text = await answer.text()
        assert answer.status == status
        assert answer.content_type == "text/html"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert Outline(text).faults == []
    return text


async def test_an_empty_board_says_that_no_vantage_has_reported(server: Server) -> None:
    """It also says how to enrol one."""
    text = await page(server, "/")

    assert "<h1>Nobody has looked yet.</h1>" in text
    assert "No event" not in text
    assert "probe collector token" in text


async def test_the_board_has_a_sentence_then_services_by_network(server: Server, enrolled: Enrolled) -> None:
    """The changes of the last 24 hours follow."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    await report(server, await enrolled(asn=64501))
    (event,) = await fused(server)

    text = await page(server, "/")

    assert "WeChat is blocked on 1 of 2 measured networks." in text
    assert text.index("<h1>") < text.index("<table") < text.index("What changed in the last 24 hours")
    assert f'href="/e/{event.id}"' in text
    assert "the resolver answers with an address that is not the target&#39;s" in text
    assert "AS64501" in text
    assert "WeChat blocked on AS64500 (RU)" in text


async def test_a_board_without_a_control_says_what_that_hides(server: Server, enrolled: Enrolled) -> None:
    """A control that is present and online ends the notice; one that is offline does not."""
    agent = await enrolled()
    failing = settled(T, NOW - HOUR, Status.UNREACHABLE)
    await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 13), settled=(failing,), services=SERVICES))
    control, missing = await enrolled(role="control"), "silence and resets cannot be told from a dead site"
    await control.post(server.http, control.batch(rounds=rounds(NOW - HOUR, 12, "offline")))

    text = await page(server, "/")
    assert missing in text
    assert "No interference seen" not in text
    assert "1 of 1 service cannot be reached, and without a control nobody can say why" in text
    async with server.http.get(f"{server.page}/api/v1/board") as answer:
        assert (await answer.json())["control"] == {"present": 0, "own": False}

    await control.post(server.http, control.batch(rounds=rounds(NOW - HOUR / 12, 1)))
    await server.collector.real.sleep(MAX_AGE_SECONDS)
    text = await page(server, "/")
    assert missing not in text
    assert "1 of 1 service cannot be reached, and the evidence does not say why" in text
    assert "No interference seen" not in text
    assert "1 control<" in text


async def test_a_block_that_stood_at_first_sight_is_shown_without_an_onset(server: Server, enrolled: Enrolled) -> None:
    """On the board, on its own page, on its service's page, in the feed and in the data."""
    agent, first = await enrolled(), NOW - HOUR
    verdict = blocked_verdict(T, "wechat.example", first)
    found = stood(T, first, Cause.DNS_SPOOFED, verdict=verdict)
    await agent.post(server.http, agent.batch(rounds=rounds(first, 12), settled=(found,), services=SERVICES))
    (event,) = await fused(server)
    assert (event.before_watch, event.onset) == (True, first.replace(microsecond=first.microsecond // 1000 * 1000))

    board, own = await page(server, "/"), await page(server, f"/e/{event.id}")
    assert "since before we looked (first seen " in board
    assert "since before we looked, first seen <time" in board
    assert "WeChat blocked on AS64500 (RU) since before we looked" in board
    assert "WeChat has been blocked on AS64500 (RU) since before we looked (first seen " in own
    assert "Began, about" not in own
    assert "<b>Found</b>" in own
    assert "by the rule <code>dns.bogon</code>" in own
    assert "since before we looked (first seen " in await page(server, "/s/WeChat")
    async with server.http.get(f"{server.page}/feed.atom") as answer:
        assert "since before we looked (first seen " in await answer.text()
    for path in ("board", "events", f"events/{event.id}", f"spans?t={T}"):
        async with server.http.get(f"{server.page}/api/v1/{path}") as answer:
            assert '"before_watch":true' in await answer.text(), path


async def test_a_network_without_reports_is_shown_as_no_data(server: Server, enrolled: Enrolled) -> None:
    """The last known status is shown too."""
    agent = await enrolled()
    then = NOW - 9 * HOUR
    seen = blocked_verdict(T, "wechat.example", then)
    found = stood(T, then, Cause.DNS_SPOOFED, verdict=seen)
    gone = agent.batch(rounds=rounds(then, 3), settled=(found,), services=SERVICES)
    await agent.post(server.http, gone)
    await fused(server)

    text = await page(server, "/")

    assert "no vantage present" in text
    assert '<td class="s-unknown"' in text
    assert "was blocked" in text


async def test_the_title_does_not_claim_more_than_the_page(server: Server, enrolled: Enrolled) -> None:
    """Without a present vantage it does not say that nothing is wrong."""
    assert "<title>Nobody has looked yet" in await page(server, "/")
    agent = await enrolled()
    then = NOW - 9 * HOUR
    await agent.post(server.http, agent.batch(rounds=rounds(then, 3), settled=(settled(T, then),), services=SERVICES))
    await fused(server)
    await server.collector.real.sleep(MAX_AGE_SECONDS)

    text = await page(server, "/")

    assert "<title>No recent reports" in text
    assert "1 vantage has been silent, the longest since" in text
    assert "<h1>Nobody measures now, so the present state is not known.</h1>" in text


async def test_an_event_s_page_shows_each_step_beside_the_control_s(server: Server, enrolled: Enrolled) -> None:
    """The sentence comes first, the JSON and the command to repeat it last; no agent's id appears."""
    agent = await enrolled()
    verdict = blocked_verdict(T, "wechat.example", NOW - HOUR, title=EVIL)
    await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=verdict))
    (event,) = await fused(server)

    text = await page(server, f"/e/{event.id}")

    assert "WeChat has been blocked on AS64500 (RU) since" in text.split("</h1>")[0]
    for part in (
        "198.51.100.7",
        "203.0.113.9",
        "A of wechat.example at the network&#39;s resolver",
        "found the target reachable",
    ):
        assert part in text
    assert "probe check --json -- &#39;https://wechat.example/&#39;" in text
    assert agent.id not in text


async def test_words_of_a_newer_version_are_shown_as_they_are(server: Server, enrolled: Enrolled) -> None:
    """A cause and a state that this version does not know pass intake and fusing, and reach every page and the API."""
    cause = Cause("http3.timeout")
    verdict = blocked_verdict(T, "wechat.example", NOW - HOUR)
    verdict = msgspec.structs.replace(verdict, causes=(cause, Cause.TLS_SNI))
    for asn in (64500, 64501):
        agent = await enrolled(asn=asn)
        await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR, cause, Cause.TLS_SNI, verdict=verdict))
    metered = await enrolled(asn=64502)
    batch = metered.batch(
        rounds=rounds(NOW - HOUR, 12, "metered"), settled=(settled(T, NOW - HOUR),), services=SERVICES
    )
    assert (await metered.post(server.http, batch))[0] == 200
    found = await fused(server)

    assert {event.causes[0] for event in found} == {"http3.timeout"}
    assert "http3.timeout" in await page(server, "/")
    assert "metered" in await page(server, "/")
    await page(server, service_path("WeChat"))
    for event in found:
        assert "http3.timeout" in await page(server, f"/e/{event.id}")
    for path in ("/feed.atom", "/api/v1/events", "/api/v1/board"):
        status, text = await server.get(path)
        assert (status, "http3.timeout" in text) == (200, True), path
    assert '"metered"' in (await server.get("/api/v1/board"))[1]


async def test_text_from_outside_is_escaped(server: Server, enrolled: Enrolled) -> None:
    """On every page: titles, rules, details and services; marks that reverse the writing are replaced."""
    verdict = blocked_verdict(T, "wechat.example", NOW - HOUR, title=EVIL)
    verdict = msgspec.structs.replace(verdict, rule=EVIL)
    service = "<script>alert(3)</script>"
    agent = await enrolled()
    batch = agent.batch(
        rounds=rounds(NOW - HOUR, 12),
        changes=(change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict),),
        services={T: service},
    )
    assert (await agent.post(server.http, batch))[0] == 200
    (event,) = await fused(server)

    paths = {"/": "/", "/e/{id}": f"/e/{event.id}", "/s/{service}": service_path(service)}
    pages = {path for path, _, _ in await routes() if not path.startswith("/api/") and "/log/" not in path}
    pages -= NO_PAGES | {
        path
        for path in pages
        if path.endswith((".svg", ".atom", ".gz")) or path == "/data" or path.startswith("/following/")
    }
    paths |= {"/cc/{cc}": "/cc/RU", "/as/{asn}": "/as/64500"}
    paths["/v/{name}"] = f"/v/{public_name(server.collector.secret, agent.id, agent.network)}"
    paths |= {path: path for path in ("/methods", "/glossary", "/about", "/help", "/following", "/alerts")}
    assert set(paths) == pages, "give each page of server.application() a path here, so that its text is tested"
    for path in paths.values():
        text = await page(server, path)
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "\u202e" not in text


async def test_a_missing_page_is_html_for_browsers_and_json_for_programs(server: Server) -> None:
    """The `Accept` header decides which."""
    assert "There is no such event" in await page(server, "/e/0123456789abcdef", status=404)
    assert "There is nothing here" in await page(server, "/nowhere", status=404)
    assert await server.get("/nowhere") == (404, '{"error":{"code":"not_found","message":"Not Found"}}')


async def test_static_files_are_served_and_small(server: Server) -> None:
    """The script has less than 10 KB, and nothing is loaded from other hosts."""
    for name in ("style.css", "live.js", "icon.svg"):
        status, text = await server.get(f"/static/{name}")
        assert status == 200
        assert not re.search(r"https?://(?!www\.w3\.org)", text)
    assert (STATIC / "live.js").stat().st_size < 10_000
    assert (await server.get("/static/..%2Fhtml_pages.py"))[0] == 404


async def test_an_event_has_its_citation(server: Server, enrolled: Enrolled) -> None:
    """With its revision, the day of publication and its address; also for BibTeX."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    (event,) = await fused(server)

    text = await page(server, f"/e/{event.id}")

    assert f"Event {event.id}, revision 1, published " in text
    assert f"http://collector.test/e/{event.id}</p>" in text
    assert f"@misc{{probe-{event.id}-1," in text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/methods", "How we know"),
        ("/glossary", "an injected DNS answer arrives before the resolver"),
        ("/about", "Run an agent"),
        ("/help", "How to cite"),
    ],
)
async def test_there_are_pages_to_read(server: Server, path: str, said: str) -> None:
    """How it is done, what the words mean, and how to help."""
    assert said in await page(server, path)


async def test_a_status_of_a_newer_version_breaks_no_page(server: Server, enrolled: Enrolled) -> None:
    """It is kept by its word, counts as unknown, and the API shows the word; found by tests/fuzz/collector.py."""
    agent = await enrolled()
    one = msgspec.structs.replace(settled(T, NOW - HOUR), status="slowed")
    batch = agent.batch(rounds=rounds(NOW - HOUR, 12), settled=(one,), services=SERVICES)
    assert (await agent.post(server.http, batch))[0] == 200

    for path in ("/", service_path("WeChat"), "/s/nothing", "/api/v1/board", "/cc/RU", "/as/64500"):
        assert (await server.get(path))[0] in {200, 404}, path
    assert '"slowed"' in (await server.get("/api/v1/spans"))[1]
