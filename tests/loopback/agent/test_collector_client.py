"""Requests to a collector: over which URL, whose certificate, how many bytes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from probe.agent.collector_client import BATCHES_PATH, MAX_REPLY_BYTES, CollectorClient, HttpReply, read_at_most
from probe.errors import SettingsError
from probe.traffic_account import TrafficAccount, WireTraffic, current_account

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ACKNOWLEDGED = b'{"acked": 3}'


async def acknowledge(request: web.Request) -> web.Response:
    return web.Response(body=ACKNOWLEDGED)


@asynccontextmanager
async def server(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A web server with one handler; its URL."""
    app = web.Application()
    app.router.add_route("*", BATCHES_PATH, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def post(*urls: str, ca_file: str = "") -> tuple[HttpReply | str, list[str]]:
    """The reply to a batch, and the URLs in the order of the next request."""
    async with CollectorClient(urls, ca_file=ca_file, timeout=30) as client:
        return await client.post(BATCHES_PATH, b"{}", {}), client.urls


async def test_the_url_that_answers_is_tried_first_next_time() -> None:
    async with server(acknowledge) as url:
        reply, urls = await post("http://127.0.0.1:1", url)

        assert isinstance(reply, HttpReply)
        assert (reply.status, reply.body, urls) == (200, ACKNOWLEDGED, [url, "http://127.0.0.1:1"])


async def test_a_budget_that_is_used_up_sends_nothing_and_is_named() -> None:
    """The reports have the whole of it, measurements a part."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        return await acknowledge(request)

    account = TrafficAccount(WireTraffic(octets=100_000), WireTraffic(), lambda: datetime(2026, 5, 4, tzinfo=UTC))
    account.charge(WireTraffic(octets=95_000 - 50_000))
    token = current_account.set(account)
    try:
        async with server(note) as url:
            replies = [(await post(url))[0] for _ in range(6)]
    finally:
        current_account.reset(token)

    assert isinstance(replies[0], HttpReply)
    assert replies[-1] == f"{url}: Disk quota exceeded"
    assert len(asked) == sum(isinstance(reply, HttpReply) for reply in replies) < 6
    assert account.used_today().octets <= 100_000


async def test_a_long_reply_is_counted_piece_by_piece() -> None:
    async def long(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 200_000)

    account = TrafficAccount(WireTraffic(octets=10**9), WireTraffic(), lambda: datetime(2026, 5, 4, tzinfo=UTC))
    token = current_account.set(account)
    try:
        async with server(long) as url, CollectorClient((url,), ca_file="", timeout=30) as client:
            assert isinstance(await client.get(BATCHES_PATH, {}, 300_000), HttpReply)
    finally:
        current_account.reset(token)

    assert 200_000 < account.used_today().octets < 400_000


async def test_a_request_names_no_program_and_has_a_browsers_fields_in_a_browsers_order() -> None:
    """Whoever reads requests on the way (a proxy of an employer, a collector's front) sees what a script sends."""
    heard: list[list[tuple[str, str]]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append([(name.decode(), value.decode()) for name, value in request.raw_headers])
        return await acknowledge(request)

    async with server(listen) as url, CollectorClient([url], ca_file="", timeout=30) as client:
        await client.post(BATCHES_PATH, b"{}", {"Content-Type": "application/json"})

    assert [name for name, _ in heard[0]] == [
        *("Host", "User-Agent", "Accept", "Accept-Language", "Accept-Encoding"),
        *("Content-Type", "Content-Length", "Connection"),
    ]
    assert dict(heard[0])["User-Agent"].startswith("Mozilla/5.0 ")
    assert not any("probe" in value.lower() for _, value in heard[0])


async def test_a_collector_behind_a_portal_is_reached_over_the_next_url() -> None:
    """A page with status 200 is not the collector's reply."""

    async def portal(request: web.Request) -> web.Response:
        return web.Response(text="<html>please log in</html>")

    async with server(portal) as first, server(acknowledge) as second:
        reply, _ = await post(first, second)
        alone, _ = await post(first, "http://127.0.0.1:1")

    assert isinstance(reply, HttpReply)
    assert reply.body == ACKNOWLEDGED
    assert isinstance(alone, HttpReply), "what somebody answered says more than that nobody did"


async def test_without_any_answer_the_error_is_the_last_failure() -> None:
    reply, _ = await post("http://127.0.0.1:1")

    assert reply == "http://127.0.0.1:1: Connection refused"


async def test_an_endless_reply_is_a_failure() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * MAX_REPLY_BYTES)
        except ConnectionError:
            return response

    async with server(endless) as url:
        reply, _ = await post(url)

    assert reply == f"{url}: more than {MAX_REPLY_BYTES} bytes"


async def test_a_redirect_is_not_followed() -> None:
    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://192.0.2.1/")

    async with server(redirect) as url:
        reply, _ = await post(url)

    assert isinstance(reply, HttpReply)
    assert reply.status == 307


async def test_only_the_pinned_authority_is_trusted(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    for name, ca in (("right.pem", authority), ("wrong.pem", other)):
        ca.cert_pem.write_to_path(str(tmp_path / name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with server(acknowledge, context) as url:
        wrong, _ = await post(url, ca_file=str(tmp_path / "wrong.pem"))
        right, _ = await post(url, ca_file=str(tmp_path / "right.pem"))

    assert isinstance(wrong, str)
    assert "certificate verify failed" in wrong
    assert isinstance(right, HttpReply)


async def test_a_file_without_an_authority_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")

    with pytest.raises(SettingsError, match=r"ca\.pem: agent\.ca_file cannot be used: .* \(give a PEM file\)"):
        CollectorClient(("https://a.example",), ca_file=str(tmp_path / "ca.pem"), timeout=1)


class CountedChunk(bytes):
    """A chunk that counts the bytes copied when it is appended to a `bytes` object."""

    copied = 0

    def __radd__(self, before: bytes) -> bytes:
        """Append this chunk to a `bytes` object, and count the bytes copied."""
        CountedChunk.copied += len(before)
        return bytes(before) + bytes(self)


async def test_a_long_reply_is_read_in_linear_time() -> None:
    """No byte is copied again for each later chunk. A control has up to 64 MiB."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield CountedChunk(b"x" * 1000)

    CountedChunk.copied = 0
    content = await read_at_most(chunks(), 100_000)

    assert len(content) == 100_000
    assert CountedChunk.copied <= len(content)


async def test_reading_stops_at_the_bound() -> None:
    given: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(100):
            given.append(number)
            yield b"x" * 1000

    with pytest.raises(ValueError, match="more than 5000 bytes"):
        await read_at_most(chunks(), 5000)
    assert len(given) == 6
