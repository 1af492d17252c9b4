"""The step `ConnectEach`: observations from a scanner's answers, and connections where there is none."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator

import pytest

from probe.measure.budget import Budget
from probe.measure.connect_each import connect_each
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.observation import Connection, Observation
from probe.model.step import ConnectEach
from probe.model.syn import SynAnswer


class FakeScanner:
    """Answers from a table: address -> error number. What it does not know, it does not answer."""

    def __init__(self, **codes: int) -> None:
        self.codes = {address.replace("_", ".").lstrip("a"): code for address, code in codes.items()}
        self.asked: list[tuple[tuple[str, ...], float]] = []

    async def answers(
        self, addresses: tuple[str, ...], port: int, seconds: float, *, rate: float
    ) -> AsyncIterator[SynAnswer]:
        """Answer after 25 ms each; 203.0.113.3 only to the second SYN, and 203.0.113.4 is refused by this host."""
        self.asked.append((addresses, rate))
        now = asyncio.get_running_loop().time()
        for index, address in enumerate(addresses):
            if address in self.codes:
                last = address.rpartition(".")[2]
                yield SynAnswer(index, self.codes[address], now, 0.025, int(last == "3"), last == "4")

    async def close(self) -> None:
        """End nothing."""


async def performed(
    scanner: FakeScanner, addresses: tuple[str, ...], port: int = 80, *, pace: PaceLimiter | None = None
) -> tuple[dict[str, Connection], Tools]:
    """Address -> its observation; and the tools, after the step."""
    seen: list[Observation] = []
    async with Tools(2.0, pace or PaceLimiter(0)) as tools:
        tools._syn_scanner = scanner  # type: ignore[assignment]
        step = ConnectEach(addresses=addresses, port=port)
        await connect_each(step, tools, Timestamps(asyncio.get_running_loop().time(), StepPosition()), seen.append)
    return {one.address: one for one in seen if isinstance(one, Connection)}, tools


async def test_an_answer_becomes_the_observation_of_a_connection() -> None:
    """Accepted, refused, silent, unreachable by ICMP, without a route here."""
    scanner = FakeScanner(
        a203_0_113_1=0,
        a203_0_113_2=errno.ECONNREFUSED,
        a203_0_113_3=0,
        a203_0_113_4=errno.ENETUNREACH,
        a203_0_113_5=errno.ENETUNREACH,
        a203_0_113_6=errno.ETIMEDOUT,
    )

    seen, tools = await performed(scanner, tuple(f"203.0.113.{n}" for n in range(1, 7)))

    assert [(one.failure, one.detail) for one in seen.values()] == [
        (None, ""),
        (Failure.RESET, "ECONNREFUSED"),
        (None, ""),
        (Failure.NO_ROUTE, "ENETUNREACH"),
        (Failure.UNREACHABLE, "ENETUNREACH"),
        (Failure.TIMEOUT, ""),
    ]
    assert [(one.rtt, one.resent, one.took) for one in seen.values()][:3] == [(25_000, 0, 25), (0, 0, 25), (0, 1, 25)]
    assert tools.pace.counters.connections == 6


@pytest.mark.parametrize("limits", [PaceLimiter(1000.0), PaceLimiter(0, budget=Budget(10))])
async def test_with_limits_each_address_waits_for_its_turn(limits: PaceLimiter) -> None:
    """A pace and a budget of connections hold for SYNs too."""
    scanner = FakeScanner(a203_0_113_1=0, a203_0_113_2=0)

    seen, _ = await performed(scanner, ("203.0.113.1", "203.0.113.2"), pace=limits)

    assert set(seen) == {"203.0.113.1", "203.0.113.2"}
    assert [(len(addresses), rate > 0) for addresses, rate in scanner.asked] == [(1, True)] * 2
    assert limits.counters.connections == 2


async def test_where_nothing_scans_the_addresses_are_connected_to() -> None:
    """As an ordinary user: one accepts, one refuses."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async with server:
        seen, _ = await performed(FakeScanner(), ("127.0.0.1", "127.0.0.2"), port)

    assert {address: one.failure for address, one in seen.items()} == {"127.0.0.1": None, "127.0.0.2": Failure.RESET}


async def test_what_a_scanner_left_out_is_connected_to() -> None:
    """It died in the middle."""
    seen, _ = await performed(FakeScanner(a127_0_0_3=0), ("127.0.0.3", "127.0.0.4"), 1)

    assert {address: one.failure for address, one in seen.items()} == {"127.0.0.3": None, "127.0.0.4": Failure.RESET}
