"""Tries over UDP and the time they take."""

from __future__ import annotations

import asyncio
import time

import pytest

from probe.measure.dns_udp import first_answer
from probe.measure.dns_wire import dns_question
from probe.measure.failures import OperationError
from probe.model.failure import Failure
from tests.loopback.tiny_servers import Resolver, reply_to, resolving

ASKED = dns_question("lab.example", "A")


async def test_a_lost_query_is_asked_again_after_about_a_second() -> None:
    """From another port, under another id."""
    seen: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        seen.append(query)
        return [(0, reply_to(query, "192.0.2.1"))] if len(seen) == 2 else []

    began = time.monotonic()
    async with resolving(react) as (server, port):
        asked, answer = await first_answer("127.0.0.1", port, ASKED, 5)
        asked.close()

    assert answer.addresses == ("192.0.2.1",)
    assert 1.0 < time.monotonic() - began < 2
    assert len({address for _, address in server.queries}) == 2


async def test_silence_lasts_as_long_as_it_may_and_three_tries() -> None:
    """Each of them is listened to until the end."""
    async with resolving(lambda _: []) as (server, port):
        began = time.monotonic()
        with pytest.raises(OperationError) as end:
            await first_answer("127.0.0.1", port, ASKED, 3.3)

    assert end.value.info.failure is Failure.TIMEOUT
    assert 3.2 < time.monotonic() - began < 4.5
    assert len(server.queries) == 3


async def test_a_dead_resolver_that_comes_back_is_heard() -> None:
    """An ICMP message ends one try, not the question."""
    async with resolving(lambda _: []) as (_, port):
        pass
    task = asyncio.create_task(first_answer("127.0.0.1", port, ASKED, 5))
    await asyncio.sleep(0.2)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Resolver(lambda query: [(0, reply_to(query, "192.0.2.1"))]), local_addr=("127.0.0.1", port)
    )
    try:
        asked, answer = await task
        asked.close()
    finally:
        transport.close()

    assert answer.addresses == ("192.0.2.1",)
