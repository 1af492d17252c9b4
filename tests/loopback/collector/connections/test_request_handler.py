"""Slow readers and malformed requests at a real collector."""

from __future__ import annotations

import asyncio
import logging

import pytest

from probe.collector.connections import request_handler
from probe.collector.connections.address_free_log import AddressFreeFormatter
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.connections.conftest import Connect


async def test_a_reader_who_takes_nothing_is_dropped(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response is larger than what the kernel buffers."""
    monkeypatch.setattr(request_handler, "STALL_SECONDS", 0.1)
    counters = server.collector.metrics.text
    monkeypatch.setattr(server.collector.metrics, "text", lambda: "x" * 50_000_000)
    stranger = await connect(server)
    stranger.writer.transport.pause_reading()  # type: ignore[attr-defined]
    stranger.writer.write(b"GET /metrics HTTP/1.1\r\nHost: c\r\n\r\n")
    async with asyncio.timeout(30):
        while 'connections_ended_total{reason="slow_reader"}' not in counters():  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: c\r\nBad\x00Header: x\r\n\r\n",
        b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_a_malformed_request_leaves_no_address_in_any_logger(
    server: Server, connect: Connect, caplog: pytest.LogCaptureFixture, request_text: bytes
) -> None:
    """Aiohttp's own handler would log the peer."""
    caplog.set_level(logging.DEBUG)
    stranger = await connect(server, "127.0.77.2")
    stranger.writer.write(request_text)
    answer = await stranger.rest()

    assert answer.startswith(b"HTTP/1.1 400 ") or b"400" in answer.split(b"\r\n")[0]
    assert b"127.0.77.2" not in answer
    # In its debug mode, which tests use, asyncio logs connections: the formatter of `serve` removes their addresses.
    shown = [
        AddressFreeFormatter().format(each) if each.name == "asyncio" else f"{each.getMessage()} {each.exc_info}"
        for each in caplog.records
    ]
    assert not [line for line in shown if "127.0.77.2" in line]
