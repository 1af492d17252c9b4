"""Queries over UDP are repeated in time, and a flood of datagrams ends them."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
import time

import pytest

from probe.measure import dns_udp
from probe.measure.dns_udp import first_answer
from probe.measure.dns_wire import dns_question
from probe.measure.failures import OperationError
from probe.model.failure import Failure
from tests.loopback.tiny_servers import Resolver, question_of, reply_to, resolving

ASKED = dns_question("lab.example", "A")


def malformed(query: bytes) -> bytes:
    """Return an answer whose record's name points at itself."""
    return query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question_of(query) + b"\xc0\x1d" + bytes(16)


async def test_a_lost_query_is_repeated_after_about_a_second() -> None:
    """The second try has another source port."""
    seen: list[bytes] = []

    def react(query: bytes) -> list[tuple[float, bytes]]:
        seen.append(query)
        return [(0, reply_to(query, "192.0.2.1"))] if len(seen) == 2 else []

    began = time.monotonic()
    async with resolving(react) as (server, port):
        query, answer = await first_answer("127.0.0.1", port, ASKED, 5)
        query.close()

    assert answer.addresses == ("192.0.2.1",)
    assert 1.0 < time.monotonic() - began < 5
    assert len({address for _, address in server.queries}) == 2


async def test_silence_ends_in_a_time_out_after_three_tries() -> None:
    """The whole time is used."""
    async with resolving(lambda _: []) as (server, port):
        began = time.monotonic()
        with pytest.raises(OperationError) as raised:
            await first_answer("127.0.0.1", port, ASKED, 6.0)

    assert raised.value.info.failure is Failure.TIMEOUT
    assert time.monotonic() - began > 5.9
    assert len(server.queries) == 3


async def test_a_resolver_that_restarts_is_asked_again() -> None:
    """An ICMP message ends one try, not all."""
    async with resolving(lambda _: []) as (_, port):
        pass
    task = asyncio.create_task(first_answer("127.0.0.1", port, ASKED, 5))
    await asyncio.sleep(0.2)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Resolver(lambda query: [(0, reply_to(query, "192.0.2.1"))]), local_addr=("127.0.0.1", port)
    )
    try:
        query, answer = await task
        query.close()
    finally:
        transport.close()

    assert answer.addresses == ("192.0.2.1",)


async def test_a_flood_of_malformed_answers_ends_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    """They carry the right id, and reading them must not hold the event loop."""
    monkeypatch.setattr(dns_udp, "MAX_STRAY_DATAGRAMS", 20)

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, malformed(query))] * 100 + [(0.1, reply_to(query, "192.0.2.1"))]

    async with resolving(react) as (_, port):
        with pytest.raises(OperationError) as raised:
            await first_answer("127.0.0.1", port, ASKED, 1.0)

    assert (raised.value.info.failure, raised.value.info.detail) == (Failure.GARBAGE, "a flood of stray datagrams")


async def test_a_flood_of_late_answers_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions and malformed answers count; a differing answer behind the flood is not read."""
    monkeypatch.setattr(dns_udp, "MAX_STRAY_DATAGRAMS", 20)

    def react(query: bytes) -> list[tuple[float, bytes]]:
        first = reply_to(query, "192.0.2.1")
        flood = [(0.0, first), (0.0, malformed(query))] * 50
        return [(0.0, first), (0.0, reply_to(query, "192.0.2.2")), *flood, (0.1, reply_to(query, "192.0.2.3"))]

    async with resolving(react) as (_, port):
        query, answer = await first_answer("127.0.0.1", port, ASKED, 1.0)
        late = [one.addresses async for one, _ in query.late_answers(answer)]
        query.close()

    assert late == [("192.0.2.2",)]


IN_OWN_NETWORK = """
import asyncio
from probe.measure.dns_udp import ask
from probe.measure.dns_wire import dns_question
from probe.model.failure import Failure
from tests.loopback.tiny_servers import Resolver, reply_to

async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Resolver(lambda query: [(0, reply_to(query, "192.0.2.1"))]), local_addr=("fe80::53%inside", 5353)
    )
    query = ask("fe80::53%inside", 5353, dns_question("lab.example", "A"))
    async with asyncio.timeout(10):
        print(*(await query.answer()).addresses)
    query.close()
    transport.close()

asyncio.run(main())
"""
"""Asks a resolver at a link-local address; needs an interface `inside` that has it."""


def test_a_link_local_resolver_is_asked_in_its_zone() -> None:
    """With real packets, in a network namespace of its own. Python drops the zone of an address that it connects to."""
    setup = "ip link add inside type veth peer name outside && ip link set lo up && ip link set inside up"
    setup += " && ip link set outside up && ip address add fe80::53/64 dev inside nodad"
    inside = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    try:
        subprocess.run([*inside, setup], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespace of our own")
    script = f'{setup} && exec "$0" -c "$1"'
    done = subprocess.run(
        [*inside, script, sys.executable, IN_OWN_NETWORK], check=False, capture_output=True, text=True, timeout=60
    )

    assert (done.stdout, done.returncode) == ("192.0.2.1\n", 0), done.stderr


def test_a_zone_that_is_not_there_is_a_fault_of_this_host() -> None:
    """It must not read as a name that does not exist."""

    async def ask() -> None:
        await first_answer("fe80::1%nowhere", 53, ASKED, 0.1)

    with pytest.raises(OperationError) as raised:
        asyncio.run(ask())
    assert raised.value.info.failure is Failure.LOCAL
