"""Strangers at a real collector's port: slow, many, malformed, or silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from probe.clock import Clock
from probe.collector.connections import connection_gate, connection_limits
from probe.collector.server import running
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.connections.conftest import Connect
from tests.loopback.collector.vantages import FakeAgent, rounds

PARTIAL_HEAD = b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nX-Slow: "


@pytest.fixture
async def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A collector with a deadline of a fifth of a second for heads, and room for twenty connections."""
    monkeypatch.setattr(connection_gate, "HEAD_SECONDS", 0.2)
    async with (
        running(tmp_path / "c.db", "127.0.0.1:0", "http://collector.test", Clock(), connections=20) as (made, page),
        aiohttp.ClientSession() as http,
    ):
        yield Server(made, page, http)


@pytest.mark.parametrize("said", [b"", b"G", PARTIAL_HEAD], ids=["nothing", "one letter", "half a head"])
async def test_a_head_that_does_not_end_in_time_is_refused(small: Server, connect: Connect, said: bytes) -> None:
    """The connection is closed with 408, whatever was sent until then."""
    stranger = await connect(small)
    stranger.writer.write(said)

    assert (await stranger.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_is_sent_byte_by_byte_does_not_win_time(small: Server, connect: Connect) -> None:
    """The deadline counts from the connection."""
    stranger = await connect(small)

    async def dribble() -> None:
        with contextlib.suppress(ConnectionError):
            for byte in PARTIAL_HEAD * 100:
                stranger.writer.write(bytes([byte]))
                await asyncio.sleep(0.01)

    task = asyncio.create_task(dribble())
    assert (await stranger.rest()).startswith(b"HTTP/1.1 408 ")
    task.cancel()


async def test_a_head_over_its_bound_is_refused(server: Server, connect: Connect) -> None:
    """It is refused while it is still sent."""
    stranger = await connect(server)
    stranger.writer.write(PARTIAL_HEAD + b"x" * connection_gate.MAX_HEAD_BYTES)

    assert (await stranger.rest()).startswith(b"HTTP/1.1 431 ")


async def test_bytes_that_are_no_http_are_refused_at_once(server: Server, connect: Connect) -> None:
    """A TLS ClientHello, for one."""
    stranger = await connect(server)
    stranger.writer.write(b"\x16\x03\x01\x02\x00\x01\x00")

    assert (await stranger.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_head_in_many_pieces_is_read(server: Server, connect: Connect) -> None:
    """Cut between any two bytes, with the body in the same segment as the end of the head."""
    stranger = await connect(server)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n":
        stranger.writer.write(bytes([byte]))
        await stranger.writer.drain()
    assert (await stranger.rest()).endswith(b'{"status":"ok"}')


async def test_further_requests_on_a_connection_are_answered(server: Server, connect: Connect) -> None:
    """Two that come together, and one after them."""
    stranger = await connect(server)
    request = b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n"
    stranger.writer.write(request * 2)
    for _ in range(2):
        await stranger.reader.readuntil(b'{"status":"ok"}')
    stranger.writer.write(request)
    await stranger.reader.readuntil(b'{"status":"ok"}')


async def test_one_source_does_not_keep_others_out(server: Server, connect: Connect) -> None:
    """Its connections beyond the limit are refused; another prefix is served."""
    for _ in range(connection_limits.MAX_UNKNOWN_OF_SOURCE):
        await connect(server)
    assert await (await connect(server)).is_refused()

    other = await connect(server, "127.0.1.2")
    other.writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (await other.rest()).startswith(b"HTTP/1.")


async def test_an_agent_is_served_while_strangers_hold_every_place(
    small: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest stranger is closed for it."""
    monkeypatch.setattr(connection_gate, "HEAD_SECONDS", 3600.0)
    agent = FakeAgent(small.page, origin=small.collector.origin, clock=small.collector.clock)
    async with aiohttp.ClientSession() as http:
        assert (await agent.enrol(http, await small.token()))["status"] == 200
        now = small.collector.clock.now()
        for number in range(60):
            await connect(small, f"127.0.{number}.2")
        status, _ = await agent.post(http, agent.batch(rounds=rounds(now, 1)))

    assert status == 200
    text = small.collector.metrics.text()
    assert 'connections_ended_total{reason="evicted"}' in text
