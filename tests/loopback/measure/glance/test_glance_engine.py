"""Glances at real servers: what is seen, what fails and how, over every kind of poller."""

from __future__ import annotations

import asyncio
import hashlib
import ssl

import pytest
import trustme

from probe.model.failure import Failure
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


async def test_a_thousand_at_once_all_answer(poller: str, ca: trustme.CA) -> None:
    async with serving(silent, server_context(ca, "lab.example")) as port, engine(poller, seconds=20) as running:
        results = await all_of(running, [tls(port)] * 300)

    assert [(one.seen, one.failure) for one in results] == [(TLS_1_3, None)] * 300
