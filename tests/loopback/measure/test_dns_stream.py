"""DNS messages behind their length."""

from __future__ import annotations

import asyncio

import pytest

from probe.measure.connect import open_tcp
from probe.measure.dns_stream import DnsStreamConnection
from probe.measure.dns_wire import dns_question
from probe.measure.stream import TcpStream
from tests.loopback.tiny_servers import reply_to, serving

ASKED = dns_question("lab.example", "A")


async def test_answers_in_any_cut_are_put_together() -> None:
    """Two questions over one connection, each answer a byte at a time."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            message = reply_to(query, "192.0.2.1")
            for byte in len(message).to_bytes(2, "big") + message:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)

    async with serving(talk) as port:
        link = DnsStreamConnection(TcpStream(await open_tcp("127.0.0.1", port, 5)))
        for _ in range(2):
            assert (await link.ask(ASKED)).addresses == ("192.0.2.1",)
        link.close()


async def test_a_server_that_closes_within_an_answer_is_an_end() -> None:
    """Not garbage, not silence."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\x40half")

    async with serving(talk) as port:
        link = DnsStreamConnection(TcpStream(await open_tcp("127.0.0.1", port, 5)))
        with pytest.raises(EOFError):
            await link.ask(ASKED)
        link.close()
