"""Lookups without a task: the common answer, and everything that is left to the coroutine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import dns.rcode
import pytest

from probe.measure.dns_udp import UdpQuery, send_query
from probe.measure.dns_wire import dns_question
from probe.measure.edge_poller import edge_poller
from probe.measure.pace import PaceLimiter
from probe.measure.resolve_at_once import LookupUnderWay, begin
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve
from tests.loopback.tiny_servers import closed_port, reply_to, resolving

React = Callable[[bytes], list[tuple[float, bytes]]]


async def ask(port: int, tools: Tools, name: str = "lab.example") -> tuple[list[Observation], bool]:
    """Return the observations of one step, and whether the coroutine was needed."""
    seen: list[Observation] = []
    end: asyncio.Future[Coroutine[Any, Any, None] | None] = asyncio.get_running_loop().create_future()
    step = Resolve(name=name, rrtype="A", resolver=f"udp:127.0.0.1:{port}", trust=Trust.NETWORK)
    timestamps = Timestamps(asyncio.get_running_loop().time(), step.position)
    begun = begin(step, tools, timestamps, seen.append, end.set_result)
    if begun is None:
        pytest.skip("this platform has no epoll")
    try:
        rest = await end
        if rest is not None:
            await rest
    finally:
        begun.close()
        begun.close()
    return seen, rest is not None


async def test_the_common_answer_needs_no_coroutine(tools: Tools) -> None:
    """It is followed by half a second in which a later answer that differs is seen."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        first = reply_to(query, "198.51.100.7")
        return [(0, first), (0.05, first), (0.1, b"\0"), (0.15, reply_to(query, "203.0.113.9"))]

    free = tools.concurrency.sockets.free
    async with resolving(react) as (_, port):
        (answer, late), needed = await ask(port, tools)

    assert isinstance(answer, Resolution)
    assert isinstance(late, LateAnswer)
    assert (answer.addresses, late.addresses, needed) == (("198.51.100.7",), ("203.0.113.9",), False)
    assert answer.wait > 0
    assert late.gap >= 100
    assert tools.concurrency.sockets.free == free


@pytest.mark.parametrize(
    ("react", "addresses", "failure"),
    [
        (lambda query: [(0, b"\0\1stray"), (0.02, reply_to(query, "198.51.100.7"))], ("198.51.100.7",), None),
        (lambda query: [(0, query[:2] + b"\x81"), (0.02, reply_to(query, "198.51.100.7"))], ("198.51.100.7",), None),
        (lambda _: [], (), Failure.TIMEOUT),
    ],
    ids=["a stray datagram first", "a malformed answer first", "silence"],
)
async def test_whatever_is_odd_is_left_to_the_coroutine_with_the_same_query(
    tools: Tools, react: React, addresses: tuple[str, ...], failure: Failure | None
) -> None:
    """It sees what was read already."""
    async with resolving(react) as (_, port):
        seen, needed = await ask(port, tools)

    assert isinstance(seen[0], Resolution)
    assert (seen[0].addresses, seen[0].failure, needed) == (addresses, failure, True)


async def test_an_icmp_error_is_left_to_the_coroutine(tools: Tools) -> None:
    """Nobody listens at the port."""
    seen, needed = await ask(closed_port(), tools)

    assert (seen[0].failure, needed) == (Failure.UNREACHABLE, True)


@pytest.mark.parametrize("first", [True, False], ids=["the first query", "a repeated query"])
async def test_an_answer_behind_an_icmp_error_is_read(tools: Tools, *, first: bool) -> None:
    """The kernel reports the error first, where an injected answer and the ICMP message of the address both arrived."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asked = send_query("127.0.0.1", server.getsockname()[1], dns_question("lab.example", "A"))
        query, peer = server.recvfrom(512)
        server.sendto(reply_to(query, "198.51.100.7"), peer)
    asked.sock.send(b"")  # nobody listens there any more
    seen: list[Observation] = []
    if not first:
        waiting = UdpQuery(asked, dns_question("lab.example", "A"))
        assert (await waiting.answer()).addresses == ("198.51.100.7",)
        waiting.close()
        return
    poller = edge_poller()
    if poller is None:
        pytest.skip("this platform has no epoll")
    step = Resolve(name="lab.example", rrtype="A", resolver="udp:127.0.0.1:53", trust=Trust.NETWORK)
    timestamps = Timestamps(asyncio.get_running_loop().time(), step.position)
    end: asyncio.Future[Coroutine[Any, Any, None] | None] = asyncio.get_running_loop().create_future()
    assert tools.concurrency.sockets.try_acquire()
    question = dns_question("lab.example", "A")
    under_way = LookupUnderWay(asked, question, step, tools, timestamps, seen.append, end.set_result, poller)
    assert await end is None
    under_way.close()

    assert isinstance(seen[0], Resolution)
    assert seen[0].addresses == ("198.51.100.7",)


async def test_a_resolver_that_rejects_edns_is_asked_again_without() -> None:
    """By the coroutine."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        edns = query[11] == 1
        reply = reply_to(query, rcode=dns.rcode.FORMERR) if edns else reply_to(query, "198.51.100.7")
        return [(0, reply)]

    async with Tools(2.0, PaceLimiter(0)) as tools, resolving(react) as (_, port):
        seen, needed = await ask(port, tools)

    assert isinstance(seen[0], Resolution)
    assert (seen[0].addresses, needed) == (("198.51.100.7",), True)


async def test_what_cannot_begin_without_waiting_is_refused() -> None:
    """A name that cannot be asked for, another transport, and no free socket."""
    seen: list[Observation] = []
    async with Tools(0.5, PaceLimiter(0), sockets=1) as tools:

        def begun(name: str, resolver: str) -> object:
            step = Resolve(name=name, rrtype="A", resolver=resolver, trust=Trust.NETWORK)
            return begin(step, tools, Timestamps(0, step.position), seen.append, lambda _: None)

        assert begun("x" * 64 + ".example", "udp:127.0.0.1:53") is None
        assert begun("lab.example", "tcp:127.0.0.1:53") is None
        assert tools.concurrency.sockets.free == 1
        async with tools.concurrency.sockets:
            assert begun("lab.example", "udp:127.0.0.1:53") is None
    assert seen == []
