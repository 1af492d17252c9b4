"""Trusted resolvers over TLS and HTTPS, their connections kept."""

from __future__ import annotations

import asyncio
import time

import pytest
import trustme

from probe.errors import UsageError
from probe.measure.dns_wire import DnsAnswer, dns_question
from probe.measure.encrypted_resolver import parse_resolver_url
from probe.measure.failures import OperationError
from probe.measure.tools import Tools
from probe.model.failure import Failure
from tests.loopback.tiny_servers import reply_to, server_context, serving, silent

ASKED = dns_question("lab.example", "A")


class Dot:
    """DNS over TLS; counts connections, and closes after so many answers."""

    def __init__(self, last: int = 1000) -> None:
        self.connections = 0
        self._last = last

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """DnsAnswer questions."""
        self.connections += 1
        for _ in range(self._last):
            size = int.from_bytes(await reader.readexactly(2), "big")
            message = reply_to(await reader.readexactly(size), "198.51.100.7")
            writer.write(len(message).to_bytes(2, "big") + message)
            await writer.drain()


async def test_questions_share_a_connection(tools: Tools, ca: trustme.CA) -> None:
    """One after another over one, at once over a few."""
    dot = Dot()
    async with serving(dot.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        for _ in range(5):
            assert (await resolver.ask(ASKED)).addresses == ("198.51.100.7",)
        assert dot.connections == 1
        await asyncio.gather(*(resolver.ask(ASKED) for _ in range(40)))
        assert dot.connections <= 4


async def test_a_connection_that_was_closed_meanwhile_is_opened_again(tools: Tools, ca: trustme.CA) -> None:
    """Servers let go of what rests."""
    dot = Dot(last=1)
    async with serving(dot.talk, server_context(ca, "127.0.0.1")) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        for _ in range(3):
            assert (await resolver.ask(ASKED)).failure is None
        assert dot.connections == 3


async def test_a_resolver_out_of_reach_is_tried_once_for_all_who_wait(tools: Tools) -> None:
    """Twenty questions to a silent one end after one time-out."""
    async with serving(silent) as port:
        resolver = tools.encrypted(f"tls://127.0.0.1:{port}")
        began = time.monotonic()
        ends = await asyncio.gather(*(resolver.ask(ASKED) for _ in range(20)), return_exceptions=True)

    assert {end.info.failure for end in ends if isinstance(end, OperationError)} == {Failure.TIMEOUT}
    assert len(ends) == 20
    assert time.monotonic() - began < 3


async def test_a_certificate_that_does_not_verify_is_never_asked(tools: Tools) -> None:
    """Whoever poses as the resolver learns no name."""
    dot = Dot()
    async with serving(dot.talk, server_context(trustme.CA(), "127.0.0.1")) as port:
        with pytest.raises(OperationError) as end:
            await tools.encrypted(f"tls://127.0.0.1:{port}").ask(ASKED)

    assert end.value.info.failure is Failure.CERTIFICATE


async def test_a_resolvers_name_is_asked_of_the_system_once(tools: Tools, ca: trustme.CA) -> None:
    """And verified by that name."""
    dot = Dot()
    async with serving(dot.talk, server_context(ca, "localhost")) as port:
        answer = await tools.encrypted(f"tls://localhost:{port}").ask(ASKED)

    assert isinstance(answer, DnsAnswer)
    assert answer.addresses == ("198.51.100.7",)


def test_urls_of_encrypted_resolvers_are_taken_apart() -> None:
    """A URL of neither form is the caller's mistake."""
    assert (parse_resolver_url("tls://dns.example").port, parse_resolver_url("tls://dns.example").path) == (853, "")
    assert parse_resolver_url("https://[2001:db8::1]:8443").path == "/dns-query"
    assert parse_resolver_url("https://dns.example/q?a=b").path == "/q?a=b"
    for wrong in ("udp:1.1.1.1:53", "http://dns.example/", "tls://dns.example/x", "https://[broken"):
        with pytest.raises(UsageError):
            parse_resolver_url(wrong)
