"""DNS messages over a TCP stream, each after its length."""

from __future__ import annotations

import asyncio

import pytest

from probe.measure.dns_stream import DnsStreamConnection, ask_over_tcp
from probe.measure.dns_wire import dns_question
from probe.measure.failures import OperationError
from probe.measure.socket_io import open_tcp
from probe.measure.stream import TcpStream
from probe.model.failure import Failure
from probe.model.resolver import PlainResolver
from tests.loopback.tiny_servers import closed_port, reply_to, serving, silent

ASKED = dns_question("lab.example", "A")


async def test_an_answer_is_reassembled_whatever_the_sizes_of_its_parts() -> None:
    """Two questions over one connection; each answer arrives byte by byte."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            message = reply_to(query, "192.0.2.1")
            for byte in len(message).to_bytes(2, "big") + message:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)

    async with serving(talk) as port:
        connection = DnsStreamConnection(TcpStream(await open_tcp("127.0.0.1", port, 5)))
        for _ in range(2):
            assert (await connection.ask(ASKED)).addresses == ("192.0.2.1",)
            assert connection.reusable
        connection.close()


async def test_a_connection_closed_inside_an_answer_is_an_end() -> None:
    """Neither garbage nor a time-out."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\x40half")

    async with serving(talk) as port:
        connection = DnsStreamConnection(TcpStream(await open_tcp("127.0.0.1", port, 5)))
        with pytest.raises(EOFError):
            await connection.ask(ASKED)
        connection.close()


@pytest.mark.parametrize(("reset", "failure"), [(True, Failure.RESET), (False, Failure.TIMEOUT)])
async def test_a_question_over_its_own_connection_fails_with_the_connection(reset: bool, failure: Failure) -> None:
    """A closed port; a server that does not answer."""
    async with serving(silent) as port:
        resolver = PlainResolver("tcp", "127.0.0.1", closed_port() if reset else port)
        with pytest.raises(OperationError) as raised:
            await ask_over_tcp(resolver, ASKED, 0.3)

    assert raised.value.info.failure is failure
