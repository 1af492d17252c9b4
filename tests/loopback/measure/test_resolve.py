"""Questions to real resolvers on loopback: honest, forging, broken and silent ones."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import dns.edns
import dns.message
import dns.rcode
import pytest
import trustme

from probe.measure import dns_udp
from probe.measure.pace import PaceLimiter
from probe.measure.resolve import resolve
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve
from tests.loopback.tiny_servers import (
    Resolver,
    Talk,
    closed_port,
    question_of,
    reply_to,
    resolving,
    server_context,
    serving,
    silent,
)


async def ask(resolver: str, tools: Tools, name: str = "lab.example", rrtype: str = "A") -> list[Observation]:
    """Return the observations of one step."""
    seen: list[Observation] = []
    step = Resolve(name=name, rrtype=rrtype, resolver=resolver, trust=Trust.NETWORK)
    await resolve(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    return seen


async def first(resolver: str, tools: Tools) -> Resolution:
    """Return the first answer of one step."""
    answer = (await ask(resolver, tools))[0]
    assert isinstance(answer, Resolution)
    return answer


async def test_an_answer_is_emitted_at_once_and_the_socket_is_read_on(tools: Tools) -> None:
    """The step goes on for half a second after the answer."""
    came: list[float] = []
    async with resolving(lambda query: [(0, reply_to(query, "198.51.100.7"))]) as (_, port):
        step = Resolve(name="lab.example", rrtype="A", resolver=f"udp:127.0.0.1:{port}", trust=Trust.NETWORK)
        began = time.monotonic()
        await resolve(step, tools, Timestamps(0, step.position), lambda _: came.append(time.monotonic() - began))
        whole = time.monotonic() - began

    assert len(came) == 1
    assert came[0] < 0.3
    assert whole >= 0.5


async def test_the_wait_for_an_answer_begins_with_the_query_that_it_answers(believed: trustme.CA) -> None:
    """A query that was lost and sent again does not lengthen it."""
    asked: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        asked.append(query)
        return [(0.05, reply_to(query, "198.51.100.7"))] if len(asked) > 1 else []

    async with Tools(5.0, PaceLimiter(0)) as tools, resolving(react) as (_, port):
        answer = await first(f"udp:127.0.0.1:{port}", tools)

    assert answer.took > 1_000
    assert 50_000 <= answer.wait < 1_000_000


async def test_only_a_differing_second_answer_is_a_late_answer(tools: Tools) -> None:
    """The forged answer arrives first; a repetition in another order is ignored."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [
            (0, reply_to(query, "203.0.113.9", "203.0.113.8")),
            (0.02, reply_to(query, "203.0.113.8", "203.0.113.9")),
            (0.05, reply_to(query, "198.51.100.7")),
            (0.06, b"\0\0" + reply_to(query, "192.0.2.1")[2:]),
        ]

    async with resolving(react) as (_, port):
        answer, *late = await ask(f"udp:127.0.0.1:{port}", tools)

    assert isinstance(answer, Resolution)
    assert answer.addresses == ("203.0.113.9", "203.0.113.8")
    assert answer.resolver == "network"
    assert [(one.addresses, one.gap >= 20) for one in late if isinstance(one, LateAnswer)] == [
        (("198.51.100.7",), True)
    ]
    assert len(late) == 1


async def test_a_repeated_query_never_looks_like_an_injection(believed: trustme.CA) -> None:
    """It has its own id and port: different answers to both are no late answer."""
    seen: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        seen.append(query)
        return [(0.6, reply_to(query, "192.0.2.1"))] if len(seen) > 1 else [(1.9, reply_to(query, "192.0.2.2"))]

    async with Tools(5) as tools, resolving(react) as (server, port):
        observations = await ask(f"udp:127.0.0.1:{port}", tools)

    assert [type(one) for one in observations] == [Resolution]
    assert len({address for _, address in server.queries}) == 2
    assert len({query[:2] for query, _ in server.queries}) == 2


async def test_each_response_code_is_classified(tools: Tools) -> None:
    """NXDOMAIN, REFUSED, SERVFAIL and others, and no address."""
    words = {3: Failure.NXDOMAIN, 5: Failure.REFUSED, 2: Failure.SERVFAIL, 4: Failure.SERVFAIL, 0: Failure.NODATA}
    for rcode, failure in words.items():
        async with resolving(lambda query, rcode=rcode: [(0, reply_to(query, rcode=rcode))]) as (_, port):
            assert (await first(f"udp:127.0.0.1:{port}", tools)).failure is failure


async def test_silence_is_a_time_out_and_a_closed_port_is_unreachable(tools: Tools) -> None:
    """An ICMP message came back for the second."""
    async with resolving(lambda _: []) as (_, port):
        assert (await first(f"udp:127.0.0.1:{port}", tools)).failure is Failure.TIMEOUT
    assert (await first(f"udp:127.0.0.1:{port}", tools)).failure is Failure.UNREACHABLE


async def test_a_malformed_answer_is_garbage_unless_a_true_one_follows(tools: Tools) -> None:
    """Its compression pointer points at itself."""

    def looped(query: bytes) -> bytes:
        return query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question_of(query) + b"\xc0\x1d" + bytes(16)

    async with resolving(lambda query: [(0, looped(query))]) as (_, port), Tools(1.0) as patient:
        assert (await first(f"udp:127.0.0.1:{port}", patient)).failure is Failure.GARBAGE
    async with resolving(lambda query: [(0, looped(query)), (0.05, reply_to(query, "192.0.2.1"))]) as (_, port):
        assert (await first(f"udp:127.0.0.1:{port}", tools)).addresses == ("192.0.2.1",)


@pytest.mark.parametrize(("strays", "failure"), [(19, None), (20, Failure.GARBAGE)])
async def test_stray_datagrams_are_ignored_and_a_flood_of_them_ends_the_step(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, strays: int, failure: Failure | None
) -> None:
    """They carry other ids. The bound is twenty here."""
    monkeypatch.setattr(dns_udp, "MAX_STRAY_DATAGRAMS", 20)
    flood = [(0.0, b"\xff\xff" + bytes(40))] * strays
    async with resolving(lambda query: [*flood, (0.1, reply_to(query, "192.0.2.1"))]) as (_, port):
        assert (await first(f"udp:127.0.0.1:{port}", tools)).failure is failure


def framed(reply: bytes) -> Talk:
    """Return a DNS server over a stream; `reply` replaces the answer when it is not empty."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            query = await reader.readexactly(size)
            message = reply or reply_to(query, "198.51.100.7")
            writer.write(len(message).to_bytes(2, "big") + message)
            await writer.drain()

    return talk


async def test_a_question_is_asked_over_tcp(tools: Tools) -> None:
    """An answer to another question is garbage."""
    async with serving(framed(b"")) as port:
        assert (await first(f"tcp:127.0.0.1:{port}", tools)).addresses == ("198.51.100.7",)
    async with serving(framed(bytes(12))) as port:
        assert (await first(f"tcp:127.0.0.1:{port}", tools)).failure is Failure.GARBAGE


async def test_a_truncated_answer_is_fetched_over_tcp(tools: Tools) -> None:
    """From the same address and port (RFC 7766)."""
    async with serving(framed(b"")) as port:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Resolver(lambda query: [(0, reply_to(query, truncated=True))]), local_addr=("127.0.0.1", port)
        )
        try:
            seen = await ask(f"udp:127.0.0.1:{port}", tools)
        finally:
            transport.close()

    assert [one.addresses for one in seen if isinstance(one, Resolution)] == [("198.51.100.7",)]


def has_edns(query: bytes) -> bool:
    """Return whether a query carries an OPT record."""
    return dns.message.from_wire(query).edns >= 0


@pytest.mark.parametrize("rcode", [1, 4])
async def test_a_server_that_rejects_edns_is_asked_without_it(tools: Tools, rcode: int) -> None:
    """FORMERR and NOTIMP are no answers about the name; there is no wait in between."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, rcode=rcode) if has_edns(query) else reply_to(query, "192.0.2.1"))]

    async with resolving(react) as (server, port):
        answer = await first(f"udp:127.0.0.1:{port}", tools)

    assert (answer.addresses, answer.failure) == (("192.0.2.1",), None)
    assert [has_edns(query) for query, _ in server.queries] == [True, False]
    assert answer.took < 1000 * dns_udp.RESEND_SECONDS[0]


async def test_a_server_that_rejects_every_query_has_answered(tools: Tools) -> None:
    """Where the query without EDNS stays unanswered, too, the rejection is the answer: no time-out."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, rcode=1))] if has_edns(query) else []

    async with resolving(react) as (_, port), Tools(0.5) as brief:
        assert (await first(f"udp:127.0.0.1:{port}", brief)).failure is Failure.SERVFAIL


async def test_a_middlebox_that_drops_edns_only_costs_a_repetition(believed: trustme.CA) -> None:
    """The repeated query has none; `wait` counts from the query that was answered."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [] if has_edns(query) else [(0.05, reply_to(query, "192.0.2.1"))]

    async with Tools(5) as tools, resolving(react) as (_, port):
        answer = await first(f"udp:127.0.0.1:{port}", tools)

    assert answer.addresses == ("192.0.2.1",)
    assert answer.took >= 1000 * dns_udp.RESEND_SECONDS[0]
    assert 40_000 <= answer.wait < 1e6 * dns_udp.RESEND_SECONDS[0]


@asynccontextmanager
async def truncating(*addresses: str, talk: Talk | None = None) -> AsyncIterator[int]:
    """Run a resolver that truncates its UDP answers after these addresses, with `talk` over TCP; yield its port."""
    async with AsyncExitStack() as stack:
        port = closed_port() if talk is None else await stack.enter_async_context(serving(talk))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Resolver(lambda query: [(0, reply_to(query, *addresses, truncated=True))]),
            local_addr=("127.0.0.1", port),
        )
        stack.callback(transport.close)
        yield port


async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close after the query."""
    await reader.read(2)
    writer.close()


@pytest.mark.parametrize("talk", [None, silent, ended])
async def test_the_addresses_of_a_truncated_answer_count_where_tcp_fails(
    monkeypatch: pytest.MonkeyPatch, tools: Tools, talk: Talk | None
) -> None:
    """Port 53 over TCP is closed, silent, or ends the connection."""
    monkeypatch.setattr("probe.measure.resolve.COMPLETION_SECONDS", 0.3)
    async with truncating("192.0.2.1", "192.0.2.2", talk=talk) as port:
        answer = await first(f"udp:127.0.0.1:{port}", tools)

    assert (answer.failure, answer.addresses, answer.truncated) == (None, ("192.0.2.1", "192.0.2.2"), True)


@pytest.mark.parametrize(("talk", "failure"), [(None, Failure.RESET), (silent, Failure.TIMEOUT), (ended, Failure.EOF)])
async def test_a_truncated_answer_without_an_address_is_marked(talk: Talk | None, failure: Failure) -> None:
    """The failure is that of TCP; the resolver was not silent about the name."""
    async with Tools(0.5) as brief, truncating(talk=talk) as port:
        answer = await first(f"udp:127.0.0.1:{port}", brief)

    assert (answer.failure, answer.addresses, answer.truncated) == (failure, (), True)


async def test_an_answer_of_41_addresses_comes_over_udp(tools: Tools) -> None:
    """A server that honours EDNS sends more than 512 octets; TCP is closed here."""
    many = tuple(f"192.0.2.{number}" for number in range(1, 42))

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, *many) if has_edns(query) else reply_to(query, truncated=True))]

    async with resolving(react) as (_, port):
        answer = await first(f"udp:127.0.0.1:{port}", tools)

    assert (answer.addresses, answer.truncated) == (many, False)


async def test_what_an_answer_says_of_its_server_is_kept(tools: Tools) -> None:
    """Recursion, extended errors, and the resolver's rank."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        reply = dns.message.make_response(dns.message.from_wire(query))
        reply.set_rcode(dns.rcode.NXDOMAIN)
        reply.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(15, "blocked")])
        return [(0, reply.to_wire())]

    async with resolving(react) as (_, port):
        seen: list[Observation] = []
        resolver = f"udp:127.0.0.1:{port}"
        step = Resolve(name="lab.example", rrtype="A", resolver=resolver, trust=Trust.NETWORK, rank=2, rotates=True)
        await resolve(step, tools, Timestamps(0, step.position), seen.append)

    (answer,) = seen
    assert isinstance(answer, Resolution)
    assert (answer.failure, answer.recursion, answer.errors) == (Failure.NXDOMAIN, False, (15,))
    assert (answer.resolver, answer.rank, answer.rotates) == ("network", 2, True)


async def test_the_system_is_asked_with_getaddrinfo(tools: Tools) -> None:
    """`localhost` is in every hosts file."""
    (seen,) = await ask("system", tools, "localhost")
    assert isinstance(seen, Resolution)
    assert seen.addresses == ("127.0.0.1",)


async def test_a_name_that_cannot_be_encoded_is_a_local_failure(tools: Tools) -> None:
    """Nothing is sent for a label of 64 octets."""
    (seen,) = await ask("udp:127.0.0.1:9", tools, "a" * 64 + ".example")
    assert seen.failure is Failure.LOCAL


async def test_an_encrypted_resolver_is_named_by_its_url(tools: Tools, ca: trustme.CA) -> None:
    """Its answer came over DNS over TLS, verified."""
    async with serving(framed(b""), server_context(ca, "127.0.0.1")) as port:
        url = f"tls://127.0.0.1:{port}"
        answer = await first(url, tools)

    assert (answer.addresses, answer.resolver) == (("198.51.100.7",), url)


@pytest.mark.parametrize(("patience", "failure"), [(0.0, Failure.TIMEOUT), (20.0, Failure.LOCAL)])
async def test_a_system_that_is_still_asking_was_not_silent(
    monkeypatch: pytest.MonkeyPatch, patience: float, failure: Failure
) -> None:
    """It asks the second resolver after the first one's time-out; `--timeout` may end before."""
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: released.wait(20))
    try:
        async with Tools(0.2) as brief:
            brief.lookups.patience_seconds = patience
            assert (await first("system", brief)).failure is failure
    finally:
        released.set()


async def test_an_answer_shows_that_a_resolver_is_not_dead(tools: Tools) -> None:
    """Whatever the question was."""
    async with resolving(lambda query: [(0, reply_to(query, rcode=3))]) as (_, port):
        tools.resolvers._silent = {f"udp:127.0.0.1:{port}": asyncio.get_running_loop().time()}
        assert tools.resolvers.dead()
        await ask(f"udp:127.0.0.1:{port}", tools)
        assert not tools.resolvers.dead()
