"""The survey of the network's resolvers: which are dead, and with which prefix they write IPv4 addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import dns.message
import dns.rrset
import pytest

from probe.measure import network_resolvers
from probe.measure.network_resolvers import NetworkResolvers
from probe.model.nat64 import synthesised
from tests.loopback.tiny_servers import reply_to, resolving

PREFIX = "2001:db8:64::/96"


def dns64(query: bytes) -> list[tuple[float, bytes]]:
    """Answer as a network does that writes IPv4 addresses with `PREFIX`."""
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked, recursion_available=True)
    addresses = [synthesised(f"192.0.0.{last}", PREFIX) for last in (170, 171)]
    reply.answer.append(dns.rrset.from_text_list(asked.question[0].name, 60, "IN", "AAAA", addresses))
    return [(0, reply.to_wire())]


def mute(_: bytes) -> Sequence[tuple[float, bytes]]:
    """Answer nothing."""
    return []


async def test_a_silent_resolver_is_dead_until_it_answers() -> None:
    """Any answer counts, to whatever question; both are asked at the same time."""
    async with resolving(dns64) as (_, alive), resolving(mute) as (_, silent):  # type: ignore[arg-type]
        servers = (f"udp:127.0.0.1:{silent}", f"udp:127.0.0.1:{alive}")
        found = NetworkResolvers(servers, seconds=0.5)
        assert found.dead() == frozenset()
        await asyncio.gather(found.survey(), found.survey())

        assert found.dead() == {servers[0]}
        assert found.nat64_prefixes == (PREFIX,)
        found.answered(servers[0])
        assert found.dead() == frozenset()


async def test_a_resolver_that_refuses_datagrams_is_dead_and_one_that_fails_is_alive() -> None:
    """SERVFAIL is an answer."""
    async with resolving(lambda query: [(0, reply_to(query, rcode=2))]) as (_, failing):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            closed = sock.getsockname()[1]
        servers = (f"udp:127.0.0.1:{closed}", f"udp:127.0.0.1:{failing}")
        found = NetworkResolvers(servers, seconds=0.5)
        await found.survey()

    assert found.dead() == {servers[0]}
    assert found.nat64_prefixes == ()


@pytest.mark.parametrize(("ipv6", "asked"), [(False, 0), (True, 1)])
async def test_nothing_is_asked_where_nothing_follows_from_it(ipv6: bool, asked: int) -> None:
    """One resolver, and no IPv6: neither an order nor a prefix to find out. Several calls ask once."""
    async with resolving(dns64) as (server, port):
        found = NetworkResolvers((f"udp:127.0.0.1:{port}",), ipv6=ipv6)
        await found.survey()
        await found.survey()

    assert len(server.queries) == asked


async def test_a_dead_resolver_is_asked_again_beside_the_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has recovered is used again; no measurement waits for the question."""
    awake = asyncio.Event()

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return dns64(query) if awake.is_set() else []

    async with resolving(react) as (server, first), resolving(dns64) as (_, second):
        servers = (f"udp:127.0.0.1:{first}", f"udp:127.0.0.1:{second}")
        found = NetworkResolvers(servers, seconds=0.3)
        await found.survey()
        assert found.dead() == {servers[0]}
        awake.set()
        before = len(server.queries)
        assert found.dead() == {servers[0]}
        await asyncio.sleep(0)
        assert len(server.queries) == before
        monkeypatch.setattr(network_resolvers, "RETRY_SECONDS", 0.0)
        async with asyncio.timeout(20):
            while found.dead():
                await asyncio.gather(*found._retries)

    assert len(server.queries) > before


async def test_a_resolver_that_cannot_be_asked_is_not_dead() -> None:
    """No route, or an interface that is not there: nothing was sent, and nothing is known."""
    servers = ("udp:[fe80::1%nowhere]:53", "nonsense")
    found = NetworkResolvers(servers, seconds=0.3)
    await found.survey()

    assert found.dead() == frozenset()


async def test_questions_under_way_end_with_the_pass() -> None:
    """The next pass has resolvers of its own."""
    async with resolving(mute) as (_, port):  # type: ignore[arg-type]
        found = NetworkResolvers((f"udp:127.0.0.1:{port}",), ipv6=True)
        waiting = asyncio.create_task(found.survey())
        await asyncio.sleep(0)
        found.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_name_is_found_at_the_first_resolver_that_answers() -> None:
    """Not at a dead one, nor where one has no address; with a single resolver the system has asked it already."""
    async with (
        resolving(mute) as (_, silent),  # type: ignore[arg-type]
        resolving(lambda query: [(0, reply_to(query, rcode=2))]) as (_, failing),
        resolving(lambda query: [(0, reply_to(query, "192.0.2.1"))]) as (_, good),
    ):
        servers = tuple(f"udp:127.0.0.1:{port}" for port in (silent, failing, good))
        assert await NetworkResolvers(servers, seconds=0.3).addresses("lab.example", "A") == ("192.0.2.1",)
        assert await NetworkResolvers(servers[:2], seconds=0.3).addresses("lab.example", "A") == ()
        assert await NetworkResolvers(servers[2:]).addresses("lab.example", "A") == ()


async def test_the_first_resolver_that_is_not_dead_is_the_one_to_ask() -> None:
    """The first of all where each is dead, none where none is configured."""
    async with resolving(dns64) as (_, alive), resolving(mute) as (_, silent):  # type: ignore[arg-type]
        servers = (f"udp:127.0.0.1:{silent}", f"udp:127.0.0.1:{alive}")
        found = NetworkResolvers(servers, seconds=0.3)
        before = found.first_alive()
        await found.survey()
        after = found.first_alive()
        dead = NetworkResolvers((servers[0], f"udp:127.0.0.2:{silent}"), seconds=0.3)
        await dead.survey()

        assert (before, after) == servers
        assert dead.first_alive() == servers[0]
    assert NetworkResolvers().first_alive() == ""
