"""One anchor: its addresses, its answer, IPv6, and another name at an address that cuts its own."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any

import pytest
import trustme

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.judge.vantage import conclude, notes
from probe.measure import anchor_fetch, anchors
from probe.measure.anchor_fetch import AnchorFetcher
from probe.measure.anchors import AnchorWatch
from probe.measure.dns_wire import DnsAnswer, DnsQuestion
from probe.measure.failures import operation_error
from probe.measure.network_config import ResolverConfig
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange
from probe.model.step import Fetch
from probe.model.verdict import IPV6_WORKS, AnchorKind, VantageState
from tests.loopback.tiny_servers import (
    abort,
    answer,
    forever,
    page_of,
    reply_to,
    request,
    resolving,
    server_context,
    serving,
)


async def test_looks_ask_for_heads_over_tls_and_bound_what_they_read_in_clear(tools: Tools, ca: trustme.CA) -> None:
    """A look must not fill a slow line."""
    asked: list[bytes] = []

    async def head_alone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await request(reader)).split()[0])
        writer.write(answer(b"x" * 400_000).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    async with serving(head_alone, server_context(ca, "127.0.0.1")) as secure, serving(endless) as clear:
        urls = [f"https://127.0.0.1:{secure}/", f"http://127.0.0.1:{clear}/"]
        watch = AnchorWatch(urls, [], tools, Clock(), classify=classify)
        looks = await watch.look()

    assert asked == [b"HEAD"]
    assert [look.failure for look in looks] == [None, None]
    assert tools.pace.budget.bytes_read < 120_000


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with a page that does not end."""
    await forever(reader, writer, answer(length=False), b"x" * 4096)


async def test_large_pages_of_foreign_anchors_are_known_by_their_heads(tools: Tools, ca: trustme.CA) -> None:
    """Of those that state their length; small pages, and those of domestic anchors and in clear text, are none."""
    context = server_context(ca, "127.0.0.1")
    large = page_of(answer(b"x" * 40_000))
    async with (
        serving(large, context) as far,
        serving(large, context) as near,
        serving(page_of(answer(b"x" * 20_000)), context) as small,
        serving(large) as clear,
    ):
        foreign = [f"https://127.0.0.1:{port}/" for port in (small, far)]
        watch = AnchorWatch(
            [*foreign, f"http://127.0.0.1:{clear}/"], [f"https://127.0.0.1:{near}/"], tools, Clock(), classify=classify
        )
        await watch.look()

    assert watch.large_pages == ((f"https://127.0.0.1:{far}/", "127.0.0.1"),)


async def test_a_page_of_unknown_length_comes_last_and_is_learnt_when_it_is_fetched(
    tools: Tools, ca: trustme.CA
) -> None:
    """Most pages are sent in chunks, and their heads state no length."""
    context = server_context(ca, "127.0.0.1")
    async with (
        serving(page_of(answer(length=False)), context) as chunked,
        serving(page_of(answer(b"x" * 40_000)), context) as large,
    ):
        urls = [f"https://127.0.0.1:{port}/" for port in (chunked, large)]
        watch = AnchorWatch(urls, [], tools, Clock(), classify=classify)
        await watch.look()
        before = [url for url, _ in watch.large_pages]
        fetched = Exchange(url=urls[0], address="127.0.0.1", purpose=Purpose.LINE, status=200, complete=True)
        watch.learn([fetched, fetched])
        await watch.look()

    assert before == [urls[1], urls[0]]
    assert [url for url, _ in watch.large_pages] == [urls[1]]


async def test_an_anchors_name_is_looked_up_by_the_system(tools: Tools, ca: trustme.CA) -> None:
    """One address that serves is enough."""
    async with serving(page_of(answer()), server_context(ca, "localhost")) as port:
        (look,) = await AnchorWatch([f"https://localhost:{port}/"], [], tools, Clock(), classify=classify).look()

    assert look.failure is None


async def test_an_anchor_with_outdated_certificate_counts_as_answered(tools: Tools, ca: trustme.CA) -> None:
    """Expired or not yet valid: this host's clock may be wrong."""
    now = datetime.now(UTC)
    day = timedelta(days=1)
    future = server_context(ca, "127.0.0.1", not_before=now + day, not_after=now + 2 * day)
    past = server_context(ca, "127.0.0.1", not_before=now - 2 * day, not_after=now - day)
    async with serving(page_of(answer()), future) as young, serving(page_of(answer()), past) as old:
        looks = await AnchorWatch(
            [f"https://127.0.0.1:{port}/" for port in (young, old)], [], tools, Clock(), classify=classify
        ).look()

    assert [(look.failure, look.foreign_content, look.outdated) for look in looks] == [
        (Failure.CERTIFICATE, False, True)
    ] * 2
    assert (conclude(looks), notes(looks)) == (VantageState.ONLINE, ("clock_wrong",))


@pytest.mark.skipif(not socket.has_ipv6, reason="this host was built without IPv6")
async def test_an_anchors_ipv6_address_is_tried_although_ipv4_serves(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in five minutes: a broken one must not delay every look."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)

    async def both(name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        return ("127.0.0.1",) if rrtype == "A" else ("::1",)

    monkeypatch.setattr(tools.lookups, "addresses", both)
    async with serving(page_of(answer())) as port:  # on IPv4 alone
        watch = AnchorWatch([f"http://both.example:{port}/"], [], tools, Clock(), classify=classify)
        (look,) = await watch.look()
        (again,) = await watch.look()

    assert look.failure is None
    assert look.ipv6_result == again.ipv6_result
    assert look.ipv6_result in {"reset", ""}  # refused; or empty on a host without IPv6


@pytest.mark.parametrize(
    ("url", "port"), [("http://a.example:81/", 81), ("http://a.example/", 80), ("https://a.example/", 443)]
)
async def test_an_anchors_ipv6_address_is_tried_at_the_port_of_its_url(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, url: str, port: int
) -> None:
    """Without a port the scheme's counts."""
    opened: list[tuple[str, int]] = []

    async def open_tcp(address: str, port: int, seconds: float) -> socket.socket:
        opened.append((address, port))
        return socket.socket()

    monkeypatch.setattr(anchor_fetch, "open_tcp", open_tcp)
    fetcher = AnchorFetcher(tools, (), classify)

    assert await fetcher._try_ipv6(url, ("192.0.2.1", "2001:db8::1")) == IPV6_WORKS
    assert opened == [("2001:db8::1", port)]


async def test_a_slow_anchor_is_waited_for(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers after the delay at which a further address would be tried."""
    monkeypatch.setattr(anchor_fetch, "STAGGER_SECONDS", 0.02)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await page_of(answer())(reader, writer)

    async with serving(slow) as port:
        (look,) = await AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, Clock(), classify=classify).look()

    assert look.failure is None


async def test_a_dead_resolver_and_fake_addresses_are_noted(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted resolver finds the name; the system's resolver answers with 198.18.0.0/15."""

    async def dead(name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        raise operation_error(Failure.TIMEOUT)

    class Trusted:
        async def ask(self, asked: DnsQuestion) -> DnsAnswer:
            return DnsAnswer(None, ("127.0.0.1",)) if asked.rrtype == 1 else DnsAnswer(Failure.NODATA)

    async def faked(name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        return ("127.0.0.1",)

    monkeypatch.setattr(anchor_fetch, "_BENCHMARK_NETWORK", IPv4Network("127.0.0.0/8"))  # contact none outside
    monkeypatch.setattr(tools, "encrypted", lambda _: Trusted())
    async with serving(page_of(answer())) as port:
        url = f"http://anchor.example:{port}/"
        monkeypatch.setattr(tools.lookups, "addresses", dead)
        (dead_look,) = await AnchorWatch([url], [], tools, Clock(), ["tls://127.0.0.1"], classify=classify).look()
        assert not dead_look.fake_address
        monkeypatch.setattr(tools.lookups, "addresses", faked)
        (fake_look,) = await AnchorWatch([url], [], tools, Clock(), classify=classify).look()

    assert (dead_look.failure, dead_look.resolver, notes([dead_look])) == (None, Failure.TIMEOUT, ("resolver_dead",))
    assert (fake_look.failure, fake_look.fake_address, notes([fake_look])) == (None, True, ("fake_addresses",))


async def test_the_second_resolver_finds_an_anchor_where_the_first_is_dead(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would too, after it has waited: the vantage is neither offline nor without a resolver."""

    async def waiting(*_: object) -> tuple[str, ...]:
        raise operation_error(Failure.TIMEOUT)

    monkeypatch.setattr(tools.lookups, "addresses", waiting)
    async with (
        serving(page_of(answer())) as port,
        resolving(lambda _: []) as (_, first),
        resolving(lambda query: [(0, reply_to(query, "127.0.0.1"))]) as (_, second),
    ):
        tools.begin_pass(ResolverConfig((f"udp:127.0.0.1:{first}", f"udp:127.0.0.1:{second}")), ipv6=False)
        (look,) = await AnchorWatch([f"http://lab.example:{port}/"], [], tools, Clock(), classify=classify).look()

    assert (look.failure, look.resolver, notes([look])) == (None, None, ())


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset connections whose ClientHello names the anchor; answer all others with an alert."""
    if b"localhost" in await reader.read(65536):
        abort(writer)
    else:
        writer.write(bytes.fromhex("15030300020228"))
        await writer.drain()


async def test_an_anchor_whose_name_is_cut_is_told_from_a_dead_line(
    tools: Tools, ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address answers another name. That is asked once in five minutes, and never while the anchor works."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    visits = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await resetting(reader, writer)

    context = server_context(ca, "127.0.0.1")
    async with serving(page_of(answer()), context) as good, serving(counted) as cutting, serving(cut_all) as dead:
        urls = [f"https://127.0.0.1:{good}/", f"https://localhost:{cutting}/", f"https://localhost:{dead}/"]
        watch = AnchorWatch(urls, [], tools, Clock(), classify=classify)
        looks = await watch.look()
        first = visits
        await watch.look()

    assert [(look.failure, look.cut_by_name) for look in looks] == [
        (None, False),
        (Failure.RESET, True),
        (Failure.RESET, False),
    ]
    assert first - (visits - first) == 1
    assert notes(looks) == ("anchors_disagree",)
    assert notes(looks[:2]) == ()


async def cut_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset every connection after its first bytes."""
    await reader.read(65536)
    abort(writer)


@pytest.mark.parametrize(
    ("path", "status", "header", "body"),
    [
        ("/generate_204", "302 Found", "Location: /login\r\n", b""),
        ("/generate_204", "302 Found", "Location: http://127.0.0.1:{port}/login\r\n", b""),
        ("/generate_204", "200 OK", "", b"<title>Log in</title><form action=/login>"),
        ("/success.txt", "302 Found", "Location: /login\r\n", b""),
        ("/", "511 Network Authentication Required", "", b"<title>Log in</title>"),
        ("/", "200 OK", "", b'<meta http-equiv="refresh" content="0; url=http://login.example/">'),
    ],
)
async def test_a_portal_is_told_by_what_an_anchor_never_answers(
    tools: Tools, path: str, status: str, header: str, body: bytes
) -> None:
    """A redirect within the same host where the right answer is 204 or a known text, too."""
    async with serving(page_of(answer(body, status, header))) as port:
        watch = AnchorWatch([f"http://127.0.0.1:{port}{path}"], [], tools, Clock(), classify=classify)
        looks = await watch.look()

    assert conclude(looks) is VantageState.PORTAL


async def test_a_portal_check_that_is_answered_as_it_should_works(tools: Tools) -> None:
    """204, or the known text."""
    async with (
        serving(page_of(answer(b"", "204 No Content"))) as empty,
        serving(page_of(answer(b"success\n"))) as text,
    ):
        urls = [f"http://127.0.0.1:{empty}/generate_204", f"http://127.0.0.1:{text}/success.txt"]
        looks = await AnchorWatch(urls, [], tools, Clock(), classify=classify).look()

    assert (conclude(looks), notes(looks)) == (VantageState.ONLINE, ())


async def test_an_anchor_in_clear_text_is_resolved_over_one_family_where_that_is_enough(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And over the other where this host has no route, or the name no such address."""
    asked: list[tuple[str, str]] = []
    known = {
        ("two.example", "A"): ("127.0.0.1",),
        ("six.example", "AAAA"): ("::1",),
        ("far.example", "A"): ("nowhere",),
    }
    known[("far.example", "AAAA")] = ("::1",)

    async def addresses(name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        asked.append((name, rrtype))
        if (name, rrtype) not in known:
            raise operation_error(Failure.NODATA, "none")
        return known[name, rrtype]

    async def fetched(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Any) -> None:
        if step.address == "nowhere":
            emit(Connection(address=step.address, port=80, failure=Failure.NO_ROUTE))
        else:
            emit(Exchange(url=step.url, address=step.address, status=204, complete=True))

    monkeypatch.setattr(tools.lookups, "addresses", addresses)
    monkeypatch.setattr("probe.measure.fetch.fetch_in_slot", fetched)
    fetcher = AnchorFetcher(tools, (), classify)
    for name in ("two", "six", "far"):
        url = f"http://{name}.example/generate_204"
        look = await fetcher.look_at(url, AnchorKind.FOREIGN, datetime.now(UTC), ipv6=False)
        assert (look.failure, look.foreign_content, look.ipv6_result) == (None, False, "")

    assert asked == [("two.example", "A"), *((f"{n}.example", rr) for n in ("six", "far") for rr in ("A", "AAAA"))]
