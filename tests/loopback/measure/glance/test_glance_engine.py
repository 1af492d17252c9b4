"""Glances at real servers: what is seen, what fails and how, over every kind of poller."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
import trustme

from probe.measure.glance.admission import MAX_WAITING
from probe.measure.glance.glance_engine import GlanceEngine
from probe.measure.network_config import ResolverConfig
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.glance import GlanceRequest, GlanceResult
from probe.model.hop import Layer, LayerFailure
from tests.loopback.measure.glance.glances import POLLERS, all_of, engine, named, tcp, tls
from tests.loopback.tiny_servers import (
    closed_port,
    reply_to,
    resolving,
    server_context,
    serving,
    silent,
)

pytestmark = pytest.mark.parametrize("poller", POLLERS)
TLS_1_3 = "TLSv1.3 1302 001d"


async def test_a_name_resolves(poller: str) -> None:
    """The addresses are sorted; nothing else is tried."""
    async with (
        resolving(lambda query: [(0, reply_to(query, "192.0.2.2", "192.0.2.1"))]) as (_, port),
        engine(poller, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        (result,) = await all_of(running, [named()])

    assert (result.addresses, result.address, result.failure) == (("192.0.2.1", "192.0.2.2"), "", None)


async def test_a_server_of_tls_1_3_is_seen_by_its_cipher_and_group(poller: str, ca: trustme.CA) -> None:
    async with serving(silent, server_context(ca, "lab.example")) as port, engine(poller) as running:
        (result,) = await all_of(running, [tls(port)])

    assert (result.seen, result.failure, result.address) == (TLS_1_3, None, "127.0.0.1")


async def test_a_server_of_tls_1_2_is_seen_by_its_leaf_certificate(poller: str, ca: trustme.CA) -> None:
    context = server_context(ca, "lab.example")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(silent, context) as port, engine(poller) as running:
        leaf = ssl.PEM_cert_to_DER_cert(await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port)))
        (result,) = await all_of(running, [tls(port)])

    assert result.seen == f"TLSv1.2 {hashlib.sha256(leaf).hexdigest()[:16]}"


async def test_a_connection_opens(poller: str) -> None:
    async with serving(silent) as port, engine(poller) as running:
        (result,) = await all_of(running, [tcp(port)])

    assert (result.seen, result.failure) == ("", None)


async def test_a_closed_port_is_a_reset(poller: str) -> None:
    async with engine(poller) as running:
        (result,) = await all_of(running, [tcp(closed_port())])

    assert result.failure == LayerFailure(Layer.TCP, Failure.RESET)


async def test_silence_after_the_hello_is_a_time_out(poller: str) -> None:
    async with serving(silent) as port, engine(poller) as running:
        (result,) = await all_of(running, [tls(port)])

    assert result.failure == LayerFailure(Layer.TLS, Failure.TIMEOUT)


async def test_hundreds_at_once_all_answer(poller: str, ca: trustme.CA) -> None:
    async with serving(silent, server_context(ca, "lab.example")) as port, engine(poller, seconds=20) as running:
        results = await all_of(running, [tls(port)] * 300)

    assert [(one.seen, one.failure) for one in results] == [(TLS_1_3, None)] * 300


async def test_requests_are_drawn_as_limits_allow(poller: str) -> None:
    """A generator of a million is not read ahead of what is under way."""
    drawn: list[int] = []
    stopping = asyncio.Event()

    async with serving(silent) as port, engine(poller, seconds=0.4, sockets=5) as running:

        def requests() -> Iterator[GlanceRequest]:
            for n in range(1_000_000):
                drawn.append(n)
                yield tls(port)

        results: list[GlanceResult] = []
        task = asyncio.create_task(running.run(requests(), results.append, stopping=stopping))
        await asyncio.sleep(0.2)
        stopping.set()
        await task

    assert len(drawn) < 5 + MAX_WAITING + 2
    assert {one.failure for one in results} == {LayerFailure(Layer.TLS, Failure.TIMEOUT)}


async def test_a_run_that_is_stopped_ends_without_those_that_wait(poller: str) -> None:
    """Those that are connected have their result; the pace limiter would have held the others for a minute."""
    stopping = asyncio.Event()
    async with serving(silent) as port, engine(poller, pace=PaceLimiter(1.0)) as running:
        results: list[GlanceResult] = []
        task = asyncio.create_task(running.run([tcp(port)] * 60, results.append, stopping=stopping))
        await asyncio.sleep(0.2)
        stopping.set()
        async with asyncio.timeout(10):
            await task

    assert len(results) == 1


async def test_a_run_that_is_cancelled_leaves_no_socket_and_no_slot(poller: str) -> None:
    """Another run has all of them; the fixture counts what is left open."""
    async with (
        serving(silent) as port,
        resolving(lambda _: []) as (_, dns),
        engine(poller, seconds=30, sockets=3, resolvers=[f"udp:127.0.0.1:{dns}"]) as running,
    ):
        requests = [tls(port), tls(port), tls(port), tls(port), named(), named("b.example")]
        task = asyncio.create_task(running.run(requests, lambda _: None))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        results = await all_of(running, [tcp(port)] * 3)

    assert [one.failure for one in results] == [None] * 3


async def test_what_the_caller_raises_ends_the_run(poller: str) -> None:
    """Whether it comes from the requests or from a result."""

    def broken() -> Iterator[GlanceRequest]:
        yield tcp(1)
        raise LookupError

    def refuse(result: GlanceResult) -> None:
        raise KeyError(result.address)

    with socket.create_server(("127.0.0.1", 0)) as server:
        async with engine(poller) as running:
            with pytest.raises(LookupError):
                await running.run(broken(), lambda _: None)
            with pytest.raises(KeyError):
                await running.run([tcp(server.getsockname()[1])] * 10, refuse)


async def test_two_runs_share_the_engine(poller: str) -> None:
    """A single glance does not wait for the end of a long run."""
    async with serving(silent) as port, engine(poller, seconds=0.5, sockets=50) as running:
        long = asyncio.create_task(all_of(running, [tls(port)] * 100))
        await asyncio.sleep(0.05)
        result = await running.glance(tcp(port))
        assert not long.done()
        await long

    assert result.failure is None


async def test_a_run_without_requests_ends(poller: str) -> None:
    async with engine(poller) as running:
        assert await all_of(running, []) == []


async def test_a_second_run_after_the_first_has_the_same_resolver_socket(poller: str) -> None:
    """The source port stays for a minute."""
    async with (
        resolving(lambda query: [(0, reply_to(query, "192.0.2.1"))]) as (server, port),
        engine(poller, resolvers=[f"udp:127.0.0.1:{port}"]) as running,
    ):
        await all_of(running, [named()])
        await all_of(running, [named("b.example")])

    assert len({address for _, address in server.queries}) == 1


async def test_the_network_s_resolver_is_asked_where_none_is_given(poller: str) -> None:
    """The tools know it."""
    async with (
        resolving(lambda query: [(0, reply_to(query, "192.0.2.1"))]) as (_, port),
        Tools(1.0, PaceLimiter(0)) as tools,
        GlanceEngine(tools, poller=POLLERS[poller]) as running,
    ):
        tools.begin_pass(ResolverConfig((f"udp:127.0.0.1:{port}",)), ipv6=False)
        result = await running.glance(named())

    assert result.addresses == ("192.0.2.1",)


async def test_a_host_that_is_mostly_stopped_calls_no_healthy_server_dead(poller: str, ca: trustme.CA) -> None:
    """The event loop, which the server shares here, stands still for 45 of every 50 ms."""
    async with serving(silent, server_context(ca, "lab.example")) as port, engine(poller, seconds=0.5) as running:
        task = asyncio.create_task(all_of(running, [tls(port)] * 200))
        while not task.done():
            time.sleep(0.045)  # noqa: ASYNC251 - that is the point
            await asyncio.sleep(0.005)
        results = await task

    assert {one.failure for one in results} == {None}
