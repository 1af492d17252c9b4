"""DNS over HTTPS with a real server."""

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
    """Answers POSTs of DNS messages."""

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
    """By RFC 8484: POST, the media type, id 0."""
    doh = Doh()
    async with serving(doh.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"https://127.0.0.1:{port}/dns-query")
        for _ in range(3):
            assert (await resolver.ask(ASKED)).addresses == ("198.51.100.7",)

    assert doh.connections == 1
    assert doh.heads[0].startswith(b"POST /dns-query HTTP/1.1\r\n")
    assert b"content-type: application/dns-message" in doh.heads[0].lower()


async def test_a_server_that_closes_after_each_answer_is_asked_anew(tools: Tools, ca: trustme.CA) -> None:
    """`Connection: close` is believed."""
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
async def test_what_is_no_dns_message_is_not_taken_for_one(
    tools: Tools, ca: trustme.CA, status: str, body: bytes, failure: Failure
) -> None:
    """A refusal, a page, too many bytes."""
    async with serving(Doh(status, body).talk, server_context(ca, "127.0.0.1")) as port:
        with pytest.raises(OperationError) as end:
            await tools.encrypted(f"https://127.0.0.1:{port}/dns-query").ask(ASKED)

    assert end.value.info.failure is failure


async def test_a_server_that_closes_before_its_answer_is_an_end(tools: Tools, ca: trustme.CA) -> None:
    """Not garbage."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)

    async with serving(talk, server_context(ca, "127.0.0.1")) as port:
        with pytest.raises(OperationError) as end:
            await tools.encrypted(f"https://127.0.0.1:{port}/dns-query").ask(ASKED)

    assert end.value.info.failure is Failure.EOF
