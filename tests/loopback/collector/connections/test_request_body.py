"""Bodies of requests within bounds of size, time and rate, at a real collector."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.loopback.collector.conftest import Server

HEAD = b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nContent-Length: 4000\r\n\r\n"


async def answered(server: Server, sent: bytes) -> bytes:
    """The first line of the answer to a request whose body never comes."""
    host, port = server.page.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line


async def test_a_body_that_does_not_come_is_given_up(server: Server) -> None:
    """The sender is answered with 408, and what it sent is no longer held."""
    server.collector.bodies.first_seconds = 0.1

    assert b" 408 " in await answered(server, HEAD + b"x" * 100)
    assert server.collector.bodies.held == 0


async def test_a_body_is_refused_by_its_announced_length(server: Server) -> None:
    """Nothing of it is waited for."""
    assert b" 413 " in await answered(server, HEAD.replace(b"4000", b"4000000"))


async def test_bodies_that_are_held_for_others_are_bounded(server: Server) -> None:
    """The agent comes again a little later."""
    server.collector.bodies.max_held = 3000

    assert b" 503 " in await answered(server, HEAD)


async def test_a_body_that_is_cut_off_is_no_fault_of_the_collector(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged as an error; found by tests/fuzz/collector.py."""
    host, port = server.page.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(HEAD + b"x" * 100)
    await writer.drain()
    async with asyncio.timeout(60):
        while not server.collector.bodies.held:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.01)
        writer.transport.abort()
        while server.collector.bodies.held:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.01)
        await server.get("/healthz")

    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
