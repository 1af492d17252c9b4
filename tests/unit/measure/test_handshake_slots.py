"""Handshake slots are released early, and once."""

from __future__ import annotations

import asyncio

import pytest

from probe.measure import handshake_slots
from probe.measure.handshake_slots import ConcurrencyLimits, Slots, open_files


async def test_a_slot_is_released_once() -> None:
    """By the caller, by the timer, or at the end of the block."""
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot() as permit:
        permit.release()
        permit.release()
        async with limits.handshake_slot():
            assert limits._handshakes.free == 0
    assert limits._handshakes.free == 1


async def test_a_slot_is_released_after_its_time(monkeypatch) -> None:  # noqa: ANN001
    """The next handshake starts while the first still waits."""
    monkeypatch.setattr(handshake_slots, "SLOT_SECONDS", 0.0)
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot(), asyncio.timeout(60), limits.handshake_slot():
        pass
    assert limits._handshakes.free == 1


def test_the_limit_of_open_files_is_raised() -> None:
    """It is raised as far as the system allows."""
    assert open_files() >= 64


async def test_slots_are_given_out_in_the_order_of_asking() -> None:
    """Nobody takes one past those that wait."""
    slots, order = Slots(1), list[int]()
    assert slots.try_acquire()

    async def take(number: int) -> None:
        await slots.acquire()
        order.append(number)

    waiting = [asyncio.create_task(take(number)) for number in range(3)]
    await asyncio.sleep(0)
    slots.release()
    assert not slots.try_acquire()
    for _ in range(3):
        await asyncio.sleep(0)
        slots.release()
    await asyncio.gather(*waiting)
    assert (order, slots.free) == ([0, 1, 2], 1)


async def test_a_slot_that_came_to_a_cancelled_task_goes_to_the_next() -> None:
    """Whether it was cancelled before its turn or at it."""
    slots = Slots(1)
    assert slots.try_acquire()
    early, late, last = (asyncio.create_task(slots.acquire()) for _ in range(3))
    await asyncio.sleep(0)
    early.cancel()
    slots.release()
    late.cancel()
    await last
    assert early.cancelled()
    assert late.cancelled()
    slots.release()
    assert slots.free == 1


async def test_a_host_is_behind_while_the_first_of_the_queue_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """No further connections are to be opened then: servers would close them before their handshakes begin."""
    monkeypatch.setattr(handshake_slots, "MAX_QUEUE_SECONDS", 0.0)
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot() as held:
        assert not limits.is_behind()
        waiting = asyncio.create_task(limits.handshake_slot().__aenter__())
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert limits.is_behind()
        held.release()
        (await waiting).release()

    assert not limits.is_behind()
    assert limits._handshakes.free == 1


async def test_a_slot_tells_how_long_it_was_waited_for() -> None:
    """Nothing, where one was free."""
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot() as held:
        waiting = asyncio.create_task(limits.handshake_slot().__aenter__())
        await asyncio.sleep(0.01)
        held.release()
        after = await waiting
        after.release()

    assert (held.waited, after.waited > 0) == (0.0, True)
    assert limits._handshakes.free == 1
