"""Bytes over TCP and TLS, as `probe.measure.stream` moves them."""

from __future__ import annotations

import asyncio
import ssl
import sys

import pytest
import trustme

from probe.measure.connect import open_tcp
from probe.measure.stream import TlsStream, all_acknowledged
from tests.loopback.tiny_servers import server_context, serving, silent


async def test_much_goes_through_tls_in_both_directions(ca: trustme.CA) -> None:
    """A mebibyte there and back, whatever the sizes of records and reads."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1 << 20))
        await writer.drain()

    context = ssl.create_default_context()
    ca.configure_trust(context)
    async with serving(echo, server_context(ca, "lab.example")) as port:
        stream = TlsStream(await open_tcp("127.0.0.1", port, 5), context, "lab.example")
        async with asyncio.timeout(60):
            await stream.handshake()
            await stream.send(b"x" * (1 << 20))
            got = 0
            while data := await stream.receive():
                got += len(data)
        stream.close()

    assert got == 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
async def test_what_the_other_kernel_took_is_acknowledged() -> None:
    """And bytes it has no room for are not."""
    async with serving(silent) as port:
        sock = await open_tcp("127.0.0.1", port, 5)
        sock.send(b"hello")
        await asyncio.sleep(0.1)
        assert all_acknowledged(sock) is True
        sock.close()
        assert all_acknowledged(sock) is None
