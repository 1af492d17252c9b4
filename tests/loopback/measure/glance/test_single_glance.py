"""A glance goes from the name to the server's answer, and its result says what it met on the way."""

from __future__ import annotations

import asyncio

import pytest
import trustme

from probe.measure.glance import single_glance
from probe.measure.glance.single_glance import _cannot_be_public
from probe.model.address import is_bogon
from probe.model.failure import Failure
from probe.model.glance import GlanceKind
from probe.model.hop import Layer, LayerFailure
from tests.loopback.measure.glance.glances import all_of, engine, named, tcp, tls
from tests.loopback.tiny_servers import reply_to, resolving, server_context, serving, silent

HERE = "127.0.0.1"


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let names have addresses of this host."""
    monkeypatch.setattr(single_glance, "is_bogon", lambda address: not address.startswith("127."))


@pytest.mark.usefixtures("loopback_is_public")
async def test_the_first_address_of_a_name_is_tried(ca: trustme.CA) -> None:
    """All of them are in the result, sorted; time and octets of both parts count."""
    async with (
        resolving(lambda query: [(0.05, reply_to(query, "127.0.0.9", HERE))]) as (_, port),
        serving(silent, server_context(ca, "lab.example"), host="127.0.0.9") as at,
        engine(seconds=5, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named(kind=GlanceKind.TLS, port=at)])

    assert (result.failure, result.seen) == (None, "TLSv1.3 1302 001d")
    assert (result.address, result.addresses) == ("127.0.0.9", (HERE, "127.0.0.9"))
    assert result.took >= 50
    assert result.octets > 517 + 127 + 2 * 40


@pytest.mark.usefixtures("loopback_is_public")
async def test_a_second_answer_of_the_resolver_unmakes_what_the_server_said(ca: trustme.CA) -> None:
    """It comes after the ServerHello."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, HERE)), (0.3, reply_to(query, "127.0.0.9"))]

    async with (
        resolving(react) as (_, port),
        serving(silent, server_context(ca, "lab.example")) as at,
        engine(seconds=5, listen_seconds=0.6, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named(kind=GlanceKind.TLS, port=at)])

    assert (result.failure, result.seen) == (LayerFailure(Layer.DNS, Failure.GARBAGE), "")
    assert result.addresses == (HERE,)


async def test_an_address_that_no_public_host_has_is_not_connected_to() -> None:
    """A name under 127.0.0.1 must not make this program talk to this host."""
    met: list[object] = []

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)

    async with (
        resolving(lambda query: [(0, reply_to(query, HERE))]) as (_, port),
        serving(meet) as at,
        engine(seconds=5, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named(kind=GlanceKind.TLS, port=at)])

    assert (result.failure, result.addresses) == (LayerFailure(Layer.DNS, Failure.GARBAGE), (HERE,))
    assert met == []


async def test_a_server_name_that_cannot_be_sent_is_our_fault() -> None:
    async with serving(silent) as port, engine() as running:
        (result,) = await all_of(running, [tls(port, "a" * 300)])

    assert result.failure == LayerFailure(Layer.TCP, Failure.LOCAL)


@pytest.mark.parametrize(
    "address",
    ["9.1.1.1", "10.1.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.1.1", "172.15.1.1", "192.0.2.1",
     "192.1.1.1", "198.18.0.1", "203.0.113.1", "223.255.255.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "0.0.0.0",
     "99.1.1.1", "2.2.2.2", "::1", "2001:db8::1", "2606:4700::1", "fe80::1"],
)  # fmt: skip
def test_the_short_cut_agrees_with_the_table_of_special_addresses(address: str) -> None:
    """It only saves looking at the table."""
    assert _cannot_be_public(address) == is_bogon(address)


async def test_a_fault_of_ours_ends_one_glance() -> None:
    """A port that no socket can have, at an address and behind a name; the others have their results."""
    bad = 70_000
    async with (
        resolving(lambda query: [(0, reply_to(query, "151.101.1.1"))]) as (_, port),
        serving(silent) as at,
        engine(seconds=5, listen_seconds=0.1, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        results = await all_of(running, [tcp(bad), named(kind=GlanceKind.TLS, port=bad), tcp(at)])

    assert {one.request.port: one.failure and one.failure.failure for one in results} == {bad: Failure.BUG, at: None}
    assert len(results) == 3
