"""Questions over HTTPS to a real server."""

from __future__ import annotations

import asyncio

import pytest
import trustme

from probe.measure.dns_wire import dns_question
from probe.measure.failures import OperationError
from probe.measure.tools import Tools
from probe.model.failure import Failure
from tests.loopback.tiny_servers import answer, reply_to, request, server_context, serving

ASKED = dns_question("lab.example", "A")


class Doh:
    """A server that answers POSTs of DNS messages."""

    def __init__(self, status: str = "200 OK", body: bytes = b"", headers: str = "") -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self._status, self._body, self._headers = status, body, headers

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """DnsAnswer until the other side leaves."""
        self.connections += 1
        while True:
            head = await request(reader)
            self.heads.append(head)
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = self._body or reply_to(await reader.readexactly(size), "198.51.100.7")
            writer.write(answer(body, self._status, self._headers, content="application/dns-message"))
            await writer.drain()


async def test_messages_are_posted_over_one_connection(tools: Tools, ca: trustme.CA) -> None:
    """RFC 8484: POST, the media type, id 0."""
    doh = Doh()
    async with serving(doh.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"https://127.0.0.1:{port}/dns-query")
        for _ in range(3):
            assert (await resolver.ask(ASKED)).addresses == ("198.51.100.7",)

    assert doh.connections == 1
    assert doh.heads[0].startswith(b"POST /dns-query HTTP/1.1\r\n")
    assert b"content-type: application/dns-message" in doh.heads[0].lower()


async def test_a_connection_that_the_server_closes_after_an_answer_is_not_reused(tools: Tools, ca: trustme.CA) -> None:
    """`Connection: close` is honoured."""
    doh = Doh(headers="Connection: close\r\n")
    async with serving(doh.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"https://127.0.0.1:{port}/dns-query")
        for _ in range(2):
            assert (await resolver.ask(ASKED)).failure is None
    assert doh.connections == 2


@pytest.mark.parametrize(
    "status, body, failure",
    [
        ("403 Forbidden", b"no", Failure.GARBAGE),
        ("200 OK", b"<html>no resolver</html>", Failure.GARBAGE),
        ("200 OK", bytes(70000), Failure.TOO_MUCH),
    ],
)
async def test_a_response_without_a_dns_message_is_no_answer(
    tools: Tools, ca: trustme.CA, status: str, body: bytes, failure: Failure
) -> None:
    """A refusal, a page, too many bytes."""
    async with serving(Doh(status, body).talk, server_context(ca, "127.0.0.1")) as port:
        with pytest.raises(OperationError) as end:
            await tools.encrypted(f"https://127.0.0.1:{port}/dns-query").ask(ASKED)

    assert end.value.info.failure is failure


async def test_a_connection_closed_before_the_answer_is_an_end(tools: Tools, ca: trustme.CA) -> None:
    """It is not garbage."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)

    async with serving(talk, server_context(ca, "127.0.0.1")) as port:
        with pytest.raises(OperationError) as end:
            await tools.encrypted(f"https://127.0.0.1:{port}/dns-query").ask(ASKED)

    assert end.value.info.failure is Failure.EOF


async def test_an_answer_in_chunks_of_one_byte_does_not_hold_the_event_loop(tools: Tools, ca: trustme.CA) -> None:
    """Other tasks run between its 12,000 chunks."""
    turns = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request(reader)
        query = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        message = reply_to(query, *(["198.51.100.7"] * 750))
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in message) + b"0\r\n\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        await writer.drain()

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serving(talk, server_context(ca, "127.0.0.1")) as port, Tools(20) as patient:
        resolver = patient.encrypted(f"https://127.0.0.1:{port}/dns-query")
        connection = await resolver._open()
        counting = asyncio.create_task(count_turns())
        answer = await connection.ask(ASKED)
        counting.cancel()
        connection.close()

    assert answer.addresses == ("198.51.100.7",)
    assert turns > 60
