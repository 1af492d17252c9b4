"""Many names are asked for over one socket; queries are repeated, and second answers are noticed."""

from __future__ import annotations

import asyncio
import struct

import pytest

from probe.measure.glance import shared_resolver
from probe.measure.glance.shared_resolver import MAX_IN_FLIGHT, question_section
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest
from probe.model.hop import Layer, LayerFailure
from tests.loopback.measure.glance.glances import POLLERS, all_of, engine, named
from tests.loopback.tiny_servers import question_of, reply_to, resolving

A, OTHER = "192.0.2.1", "192.0.2.2"
CONTRADICTED = LayerFailure(Layer.DNS, Failure.GARBAGE)


def names(count: int) -> list[GlanceRequest]:
    """Return requests for different names."""
    return [named(f"n{n}.lab.example") for n in range(count)]


@pytest.mark.parametrize("poller", POLLERS)
async def test_a_thousand_names_go_over_one_socket(poller: str) -> None:
    """Each query has an id of its own among those in flight, and EDNS as the full look's."""
    async with (
        resolving(lambda query: [(0.01, reply_to(query, A))]) as (server, port),
        engine(poller, seconds=10, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        results = await all_of(running, names(1000))

    assert [one.addresses for one in results] == [(A,)] * 1000
    assert len({address for _, address in server.queries}) == 1
    assert len({query[:2] for query, _ in server.queries}) > 900
    assert sum(query[-11:-8] == b"\0\0\x29" for query, _ in server.queries) > 900  # the rest is lost and sent again


async def test_no_more_than_a_hundred_queries_are_in_flight() -> None:
    """A resolver's buffer overflows with more."""
    async with (
        resolving(lambda _: []) as (server, port),
        engine(seconds=0.4, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        running_all = asyncio.create_task(all_of(running, names(MAX_IN_FLIGHT + 50)))
        await asyncio.sleep(0.25)
        assert len(server.queries) == MAX_IN_FLIGHT
        results = await running_all

    assert {one.failure for one in results} == {LayerFailure(Layer.DNS, Failure.TIMEOUT)}


async def test_a_lost_query_is_sent_again_without_edns_under_another_id() -> None:
    """As the full look does; the answer to either counts."""
    seen: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        seen.append(query)
        return [(0, reply_to(query, A))] if len(seen) == 2 else []

    async with resolving(react) as (_, port), engine(seconds=5, resolvers=[f"udp:127.0.0.1:{port}"]) as running:
        (result,) = await all_of(running, [named()])

    assert result.addresses == (A,)
    assert seen[0][:2] != seen[1][:2]
    assert seen[1] == seen[1][:12] + question_of(seen[1])


@pytest.mark.parametrize("late", [0.0, 0.2])
async def test_a_second_answer_that_contradicts_the_first_is_reported(late: float) -> None:
    """It is waited for, and the addresses of the first stay in the result."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, A)), (late, reply_to(query, OTHER))]

    async with (
        resolving(react) as (_, port),
        engine(seconds=5, listen_seconds=0.5, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named()])

    assert (result.failure, result.addresses) == (CONTRADICTED, (A,))


@pytest.mark.parametrize(
    "second",
    [lambda query: reply_to(query, OTHER, A), lambda query: reply_to(query, truncated=True), lambda _: b"\0" * 30],
)
async def test_the_same_a_cut_or_a_foreign_second_answer_contradicts_nothing(second: object) -> None:
    """A duplicate in another order; one that is incomplete; one to nobody's question."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, A, OTHER)), (0.05, second(query))]  # type: ignore[operator]

    async with (
        resolving(react) as (_, port),
        engine(seconds=5, listen_seconds=0.3, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named()])

    assert (result.failure, result.addresses) == (None, (A, OTHER))


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (lambda query: reply_to(query, rcode=3), Failure.NXDOMAIN),
        (lambda query: reply_to(query, rcode=2), Failure.SERVFAIL),
        (lambda query: reply_to(query, rcode=5), Failure.REFUSED),
        (reply_to, Failure.NODATA),
        (lambda query: reply_to(query, A, truncated=True), Failure.TOO_MUCH),
        (lambda query: reply_to(query, A)[:-3], Failure.GARBAGE),
        (lambda query: b"\xff\xff" + reply_to(query, A)[2:], Failure.TIMEOUT),
        (lambda query: reply_to(query, A).replace(b"\3lab", b"\3bal"), Failure.TIMEOUT),
        (
            lambda query: (
                query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question_of(query) + b"\xc0\x1d" + bytes(16)
            ),
            Failure.GARBAGE,
        ),
    ],
)
async def test_every_other_answer_is_a_failure(reply: object, failure: Failure) -> None:
    """Also one that is malformed, or that answers another question or id."""
    async with (
        resolving(lambda query: [(0, reply(query))]) as (_, port),  # type: ignore[operator]
        engine(seconds=0.4, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named()])

    assert result.failure == LayerFailure(Layer.DNS, failure)


async def test_a_resolver_that_is_gone_is_unreachable() -> None:
    """ICMP came back: that is no silence."""
    async with resolving(lambda _: []) as (_, port):
        pass
    async with engine(seconds=0.4, resolvers=[f"udp:127.0.0.1:{port}"]) as running:
        (result,) = await all_of(running, [named()])

    assert result.failure == LayerFailure(Layer.DNS, Failure.UNREACHABLE)


async def test_a_malformed_answer_does_not_hide_the_true_one() -> None:
    """The full look waits for it, too."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, A)[:-3]), (0.05, reply_to(query, A))]

    async with resolving(react) as (_, port), engine(seconds=2, resolvers=[f"udp:127.0.0.1:{port}"]) as running:
        (result,) = await all_of(running, [named()])

    assert (result.failure, result.addresses) == (None, (A,))


async def test_a_name_that_cannot_be_encoded_is_our_fault() -> None:
    """And so is a missing resolver."""
    async with engine(resolvers=["udp:127.0.0.1:9"]) as running:
        (result,) = await all_of(running, [named("a..example")])
    async with engine() as running:
        (other,) = await all_of(running, [named()])

    assert result.failure == other.failure == LayerFailure(Layer.DNS, Failure.LOCAL)


async def test_an_old_socket_is_replaced_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host may have another address by then."""
    monkeypatch.setattr(shared_resolver, "MAX_SOCKET_AGE_SECONDS", 0.0)
    async with (
        resolving(lambda query: [(0, reply_to(query, A))]) as (server, port),
        engine(seconds=2, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        for _ in range(3):
            await all_of(running, [named()])

    assert len({address for _, address in server.queries}) == 3


@pytest.mark.parametrize("name", ["", "a..b", "a" * 64, "a." * 127 + "b", "ä.example"])
def test_names_that_no_message_can_carry_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"asked about|ordinal not in range"):
        question_section(name, "A")


async def test_ipv6_addresses_are_asked_for_where_they_are_wanted() -> None:
    """The query is for AAAA."""
    seen: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        seen.append(question_of(query))
        return [(0, reply_to(query, rcode=3))]

    request = GlanceRequest(text="x", kind=GlanceKind.NAME, name="lab.example", family="ipv6")  # type: ignore[arg-type]
    async with resolving(react) as (_, port), engine(resolvers=[f"udp:127.0.0.1:{port}"]) as running:
        await all_of(running, [request])

    assert seen == [question_section("lab.example", "AAAA")]


async def test_a_resolver_that_rejects_edns_is_asked_without_it_at_once() -> None:
    """Some still answer FORMERR to it."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        with_edns = query != query[:12] + question_of(query)
        return [(0, query[:2] + b"\x80\x81" + bytes(8) if with_edns else reply_to(query, A))]

    async with resolving(react) as (server, port), engine(seconds=5, resolvers=[f"udp:127.0.0.1:{port}"]) as running:
        (result,) = await all_of(running, [named()])

    assert (result.addresses, result.failure) == ((A,), None)
    assert result.took < 1000
    assert len(server.queries) == 2


async def test_a_resolver_that_rejects_every_query_fails() -> None:
    """It is not asked for ever."""
    async with (
        resolving(lambda query: [(0, query[:2] + b"\x80\x81" + bytes(8))]) as (server, port),
        engine(seconds=5, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named()])

    assert result.failure == LayerFailure(Layer.DNS, Failure.SERVFAIL)
    assert len(server.queries) == 2


async def test_a_fault_of_ours_ends_one_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of the batch are answered."""
    real = shared_resolver.common_addresses
    broken = question_section("n1.lab.example", "A")

    def sometimes(data: bytes, question: bytes) -> list[str] | None:
        if question == broken:
            raise ZeroDivisionError
        return real(data, question)

    monkeypatch.setattr(shared_resolver, "common_addresses", sometimes)
    async with (
        resolving(lambda query: [(0, reply_to(query, A))]) as (_, port),
        engine(seconds=2, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        results = {one.request.name: one.failure for one in await all_of(running, names(3))}

    assert results == {
        "n0.lab.example": None,
        "n1.lab.example": LayerFailure(Layer.DNS, Failure.BUG),
        "n2.lab.example": None,
    }
