"""The client of a log against an honest server and hostile ones."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.log.log_client import LogClient, LogForkError, fetch, log_prefix, log_session
from probe.collector.log.own_log import OwnLog
from probe.errors import RecordError, SettingsError, UplinkError
from probe.formats.checkpoint import Checkpoint
from probe.formats.signed_note import NoteKey
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.published import MAY, publish_many
from tests.loopback.tiny_servers import serving

NOW = MAY
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = NoteKey(name="h.example/log", public=PRIVATE.public_key().public_bytes_raw())


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A session as the program makes it."""
    async with log_session() as made:
        yield made


async def grow(server: Server, count: int, first: int = 0) -> None:
    """Publish that many events and append them to the log."""
    await publish_many(server.collector, count, first)
    await OwnLog(server.collector, None).append_all()


async def test_a_log_that_grows_is_consistent_from_every_size(server: Server, http: aiohttp.ClientSession) -> None:
    client = LogClient(http, server.page)
    key = await client.key()
    known = [await client.checkpoint(key)]
    for first, count in ((0, 1), (1, 254), (255, 1), (256, 1), (257, 300)):
        await grow(server, count, first)
        known.append(await client.checkpoint(key))

    for each in known:
        await client.check_growth(each, known[-1])
    assert [found.size for _, found in known] == [0, 1, 255, 256, 257, 557]
    assert len(await client.entries(1, 557)) == 256
    assert len(await client.entries(2, 557)) == 45
    with pytest.raises(RecordError, match="shows a checkpoint of 255 entries, and had 256 before"):
        await client.check_growth(known[3], known[2])


async def test_a_tree_that_begins_otherwise_is_refused(server: Server, http: aiohttp.ClientSession) -> None:
    """Whatever the tiles are, no proof leads from other entries to the signed root."""
    client = LogClient(http, server.page)
    await grow(server, 300)
    found = await client.checkpoint(await client.key())
    for size in (0, 1, 255, 256, 299):
        other = Checkpoint(origin=found[1].origin, size=size, root=b"x" * 32)
        with pytest.raises(RecordError, match=f"do not begin with the {size} "):
            await client.check_growth((b"", other), found)


async def test_two_checkpoints_of_one_size_are_a_fork_and_both_are_kept(http: aiohttp.ClientSession) -> None:
    client = LogClient(http, "http://h.example")
    one, other = (Checkpoint(origin=KEY.name, size=5, root=each * 32) for each in (b"a", b"b"))

    with pytest.raises(LogForkError, match="two signed checkpoints of 5 entries") as caught:
        await client.check_growth((one.signed(PRIVATE), one), (other.signed(PRIVATE), other))

    assert caught.value.notes == (one.signed(PRIVATE), other.signed(PRIVATE))


async def test_a_partial_tile_that_is_gone_is_read_from_the_full_one(
    server: Server, http: aiohttp.ClientSession
) -> None:
    """A log may delete partial tiles once the full ones are there."""
    await grow(server, 3)
    known = await LogClient(http, server.page).checkpoint(await LogClient(http, server.page).key())
    await grow(server, 600, 3)

    async def forward(request: web.Request) -> web.Response:
        if request.path.endswith(".p/3"):
            raise web.HTTPNotFound
        async with http.get(f"{server.page}{request.path}", headers={"Accept-Encoding": "identity"}) as answer:
            return web.Response(body=await answer.read(), status=answer.status)

    app = web.Application()
    app.router.add_get("/{any:.*}", forward)
    async for url in hosted(app):
        client = LogClient(http, url)
        await client.check_growth(known, await client.checkpoint(await client.key()))
        assert len(await client.entries(0, 3)) == 3


async def hosted(app: web.Application) -> AsyncIterator[str]:
    """The address of an application that is served on loopback."""
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


BOMB = gzip.compress(b"\0" * 50_000_000, mtime=0)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000, "more than 1000 bytes"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "in the coding br"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nnone!", "cannot be fetched"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
            "more than 1000 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
            + gzip.compress(b"abc" * 50, mtime=0)[:20],
            "cut off",
        ),
        (b"", "cannot be fetched"),
    ],
)
async def test_a_hostile_answer_is_bounded_and_named_in_one_line(
    http: aiohttp.ClientSession, reply: bytes, said: str
) -> None:
    async def talk(reader: object, writer: object) -> None:
        await reader.readuntil(b"\r\n\r\n")  # type: ignore[attr-defined]
        writer.write(reply)  # type: ignore[attr-defined]
        await writer.drain()  # type: ignore[attr-defined]

    async with serving(talk) as port:  # type: ignore[arg-type]
        with pytest.raises(UplinkError, match=said) as caught:
            await fetch(http, f"http://127.0.0.1:{port}/log/checkpoint", 1000)
    assert "\n" not in str(caught.value)


async def test_a_tile_of_another_length_is_refused(http: aiohttp.ClientSession) -> None:
    async def short(request: web.Request) -> web.Response:
        return web.Response(body=b"x")

    app = web.Application()
    app.router.add_get("/{any:.*}", short)
    async for url in hosted(app):
        whole = Checkpoint(origin=KEY.name, size=7, root=b"r" * 32)
        with pytest.raises(RecordError, match=r"has not \d hashes"):
            await LogClient(http, url).check_prefix(3, b"r" * 32, whole)
        with pytest.raises(RecordError):
            await LogClient(http, url).entries(0, 7)


def test_the_address_of_a_log_follows_from_the_collector_s() -> None:
    assert log_prefix("https://c.example/") == log_prefix("https://c.example/log") == "https://c.example/log"
    assert log_prefix("http://h/following/0123abcd/log/") == "http://h/following/0123abcd/log"
    for text in (
        "",
        "c.example",
        "ftp://c.example",
        "https://",
        "https:///x",
        "https://a@b",
        "https://a?b",
        "https://a b",
    ):
        with pytest.raises(SettingsError, match="no collector's address"):
            log_prefix(text)
