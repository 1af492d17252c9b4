"""Bytes are sent and received over TCP and TLS, and what a connection reads is bounded."""

from __future__ import annotations

import asyncio
import ssl
import sys

import pytest
import trustme

from probe.measure.budget import MAX_CONNECTION_BYTES, Budget
from probe.measure.failures import OperationError
from probe.measure.socket_io import open_tcp
from probe.measure.stream import READ_BYTES, TcpStream, TlsStream, all_acknowledged
from probe.model.failure import Failure
from tests.loopback.tiny_servers import server_context, serving, silent


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    """A client's context that trusts the test's authority."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


async def drained(stream: TcpStream | TlsStream, sizes: list[int]) -> None:
    """Receive until an error, and note the size of each part."""
    while data := await stream.receive():
        sizes.append(len(data))


async def test_a_mebibyte_is_sent_and_received_under_tls(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    """Records and reads of all sizes are put together; the budget counts what the socket gave."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1 << 20))
        await writer.drain()

    budget = Budget()
    async with serving(echo, server_context(ca, "lab.example")) as port:
        stream = TlsStream(await open_tcp("127.0.0.1", port, 5), trusting, "lab.example", budget)
        async with asyncio.timeout(60):
            await stream.handshake()
            assert stream.reusable
            await stream.send(b"x" * (1 << 20))
            got = 0
            while data := await stream.receive():
                got += len(data)
        assert not stream.reusable
        stream.close()

    assert got == 1 << 20
    assert budget.bytes_read > 1 << 20


async def test_a_connection_under_tls_reads_no_more_than_its_bound(ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    """One byte in each TLS record: 24 bytes on the wire for every byte that the caller gets."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = writer.get_extra_info("ssl_object")
        assert session is not None
        while not writer.is_closing():
            for _ in range(1000):
                writer.write(b"x")
            await writer.drain()

    budget = Budget()
    async with serving(drip, server_context(ca, "lab.example")) as port:
        stream = TlsStream(await open_tcp("127.0.0.1", port, 5), trusting, "lab.example", budget)
        got: list[int] = []
        async with asyncio.timeout(60):
            await stream.handshake()
            with pytest.raises(OperationError) as raised:
                await drained(stream, got)
        stream.close()

    assert (raised.value.info.failure, raised.value.info.detail) == (Failure.TOO_MUCH, "connection")
    assert MAX_CONNECTION_BYTES - 2 * READ_BYTES < budget.bytes_read <= MAX_CONNECTION_BYTES
    assert sum(got) < budget.bytes_read / 10


async def test_a_connection_in_clear_reads_no_more_than_its_bound() -> None:
    """The server sends without an end."""

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(bytes(READ_BYTES))
            await writer.drain()

    budget = Budget()
    async with serving(pour) as port:
        stream = TcpStream(await open_tcp("127.0.0.1", port, 5), budget)
        async with asyncio.timeout(60):
            with pytest.raises(OperationError, match="too_much"):
                await drained(stream, [])
        stream.close()

    assert MAX_CONNECTION_BYTES - 2 * READ_BYTES < budget.bytes_read <= MAX_CONNECTION_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has TCP_INFO")
async def test_bytes_that_the_other_kernel_took_are_acknowledged() -> None:
    """Of a closed socket nothing is known."""
    async with serving(silent) as port:
        sock = await open_tcp("127.0.0.1", port, 5)
        sock.send(b"hello")
        await asyncio.sleep(0.1)
        assert all_acknowledged(sock) is True
        sock.close()
        assert all_acknowledged(sock) is None
