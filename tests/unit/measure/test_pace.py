"""The pace limiter spaces connections by network and by address; tested with a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from probe.measure.pace import MARGIN_SECONDS, PaceLimiter


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run, then move the clock."""
        await asyncio.sleep(0)
        self.now += seconds


def paced(rate: float) -> tuple[PaceLimiter, Time]:
    """Return a limiter and its clock."""
    clock = Time()
    return PaceLimiter(rate, monotonic=clock.monotonic, sleep=clock.sleep), clock


async def opened(pace: PaceLimiter, clock: Time, address: str, log: list[tuple[str, float]], **how: bool) -> None:
    """Open one connection and note its time."""
    async with pace.slot(address, **how):
        log.append((address, clock.now))
        await asyncio.sleep(0)


async def test_connections_to_one_network_are_spaced_and_another_network_is_independent() -> None:
    """Ten at once into one /16 take nine intervals."""
    pace, clock = paced(2.0)
    log: list[tuple[str, float]] = []
    await asyncio.gather(*(opened(pace, clock, f"198.51.{rank}.1", log) for rank in range(10)))
    moments = sorted(moment for _, moment in log)

    assert moments[0] == 100.0
    assert all(later - earlier >= 0.5 + MARGIN_SECONDS / 2 for earlier, later in pairwise(moments))
    assert pace.counters.connections == 10
    assert pace.counters.longest >= 4.5

    before = clock.now
    await opened(pace, clock, "203.0.113.1", log)
    assert log[-1][1] == before


async def test_one_address_has_one_connection_at_a_time() -> None:
    """The second connection waits until the first has ended."""
    pace, _ = paced(1000.0)
    open_now = 0

    async def connect() -> None:
        nonlocal open_now
        async with pace.slot("198.51.100.1"):
            open_now += 1
            assert open_now == 1
            await asyncio.sleep(0.001)
            open_now -= 1

    await asyncio.gather(*(connect() for _ in range(5)))
    assert pace._addresses == {}


async def test_an_urgent_connection_overtakes_the_queue_and_keeps_the_pace() -> None:
    """Only the connection whose slot is next already goes before it."""
    pace, clock = paced(1.0)
    log: list[tuple[str, float]] = []
    waiting = [asyncio.create_task(opened(pace, clock, f"198.51.100.{rank}", log)) for rank in range(5)]
    await asyncio.sleep(0)
    await opened(pace, clock, "198.51.100.99", log, urgent=True, exclusive=False)
    await asyncio.gather(*waiting)

    assert [address for address, _ in log].index("198.51.100.99") <= 2
    moments = [moment for _, moment in log]
    assert all(later - earlier >= 1 for earlier, later in pairwise(moments))


async def test_a_cancelled_wait_takes_no_slot() -> None:
    """The next connection is admitted."""
    pace, clock = paced(1.0)
    log: list[tuple[str, float]] = []
    await opened(pace, clock, "198.51.100.1", log)
    task = asyncio.create_task(opened(pace, clock, "198.51.100.2", log))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await opened(pace, clock, "198.51.100.3", log)

    assert [address for address, _ in log] == ["198.51.100.1", "198.51.100.3"]


async def test_a_rate_of_zero_is_no_limit() -> None:
    """Neither the rate nor the number of connections to an address is limited."""
    pace, clock = paced(0)
    async with pace.slot("198.51.100.1"), pace.slot("198.51.100.1"):
        assert clock.now == 100.0
    assert pace.counters.connections == 2


async def test_networks_not_used_recently_are_forgotten() -> None:
    """Memory does not grow with the number of addresses."""
    pace, clock = paced(1000.0)
    log: list[tuple[str, float]] = []
    for rank in range(3000):
        await opened(pace, clock, f"{rank // 250 + 1}.{rank % 250}.0.1", log)
        clock.now += 1

    assert len(pace._networks) <= 1025


async def test_after_a_time_out_the_next_connection_to_the_network_waits_twice_as_long() -> None:
    """Other networks are not affected, and a limiter without a rate does nothing."""
    pace, clock = paced(1.0)
    log: list[tuple[str, float]] = []
    await opened(pace, clock, "198.51.100.1", log)
    await opened(pace, clock, "203.0.113.1", log)

    pace.back_off("198.51.7.7")
    await opened(pace, clock, "203.0.113.1", log)
    await opened(pace, clock, "198.51.100.1", log)

    assert [moment for _, moment in log] == [100.0, 100.0, 101.0 + MARGIN_SECONDS, 102.0 + 2 * MARGIN_SECONDS]
    PaceLimiter(0).back_off("198.51.100.1")


def test_a_slot_is_taken_without_waiting_or_not_at_all() -> None:
    """What is returned is the time after which to try again; the slots of waiting connections are not taken."""
    pace, clock = paced(1.0)
    interval = 1.0 + MARGIN_SECONDS

    assert pace.try_enter("198.51.100.1") == 0
    assert pace.try_enter("198.51.100.2") == pytest.approx(interval)
    assert pace.try_enter("198.51.100.1") == pytest.approx(2 * interval)
    assert pace.try_enter("203.0.113.1") == 0
    clock.now += interval + 0.01
    assert pace.try_enter("198.51.100.2") == 0
    clock.now += interval + 0.01
    assert pace.try_enter("198.51.100.1") == pytest.approx(interval)
    pace.leave("198.51.100.1")
    assert pace.try_enter("198.51.100.1") == 0
    assert pace.counters.connections == 4


def test_after_a_time_out_a_slot_is_further_away() -> None:
    """As in `slot`."""
    pace, _ = paced(1.0)
    pace.try_enter("198.51.100.1")
    pace.leave("198.51.100.1")
    pace.back_off("198.51.100.1")

    assert pace.try_enter("198.51.100.1") == pytest.approx(2 * (1.0 + MARGIN_SECONDS))


def test_without_a_limit_every_slot_is_free() -> None:
    """Also several to one address; they are counted."""
    pace, _ = paced(0)

    assert [pace.try_enter("198.51.100.1") for _ in range(3)] == [0, 0, 0]
    pace.leave("198.51.100.1")
    assert pace.counters.connections == 3
