"""Bounded concurrency and its orderly end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from probe.clock import Clock
from probe.session import concurrency
from probe.session.concurrency import (
    STARTS_PER_TURN,
    Slot,
    finish_unless,
    pause,
    pause_until,
    run_bounded,
    stop_after,
)


async def test_each_item_is_worked_on_once_and_no_more_at_once_than_allowed() -> None:
    done: list[int] = []
    now = most = 0

    async def work(item: int, slot: Slot) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        done.append(item)

    await run_bounded(range(50), work, concurrency=7)

    assert sorted(done) == list(range(50))
    assert most == 7


async def test_a_slot_that_is_released_early_lets_the_next_item_begin() -> None:
    begun: list[int] = []
    all_begun = asyncio.Event()

    async def work(item: int, slot: Slot) -> None:
        begun.append(item)
        slot.release()
        slot.release()  # gives back no second slot
        if item == 4:
            all_begun.set()
        await all_begun.wait()

    await asyncio.wait_for(run_bounded(range(5), work, concurrency=1), 5)

    assert begun == [0, 1, 2, 3, 4]


async def test_a_slot_released_twice_is_one_slot() -> None:
    now = most = 0

    async def work(item: int, slot: Slot) -> None:
        nonlocal now, most
        slot.release()
        slot.release()
        await slot.acquire()
        await slot.acquire()  # has it already
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    await asyncio.wait_for(run_bounded(range(20), work, concurrency=2), 5)

    assert most == 2


async def test_items_under_way_are_bounded_even_without_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """This bounds memory. Each item that ends makes room for another: twenty times as many items are done."""
    monkeypatch.setattr(concurrency, "MAX_ITEMS_UNDER_WAY", 5)
    now = most = done = 0

    async def work(item: int, slot: Slot) -> None:
        nonlocal now, most, done
        slot.release()
        now += 1
        most = max(most, now)
        for _ in range(10):
            await asyncio.sleep(0)
        now -= 1
        done += 1

    await asyncio.wait_for(run_bounded(range(100), work, concurrency=1000), 5)

    assert (most, done) == (5, 100)


async def test_other_tasks_run_while_many_items_begin() -> None:
    """Thousands that begin in one turn of the event loop would keep it from reading what arrives."""
    turn, begun = 0, Counter[int]()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def work(item: int, slot: Slot) -> None:
        begun[turn] += 1

    counting = asyncio.create_task(count_turns())
    await run_bounded(range(5 * STARTS_PER_TURN), work, concurrency=10_000)
    counting.cancel()

    assert begun.total() == 5 * STARTS_PER_TURN
    assert max(begun.values()) <= STARTS_PER_TURN


async def test_no_item_begins_while_the_host_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way ends first; a stop ends the wait."""
    monkeypatch.setattr(concurrency, "BEHIND_POLL_SECONDS", 0.0)
    asked = done = 0

    def is_behind() -> bool:
        nonlocal asked
        asked += 1
        return asked % 3 > 0

    async def work(item: int, slot: Slot) -> None:
        nonlocal done
        done += 1

    await run_bounded(range(20), work, concurrency=100, is_behind=is_behind)
    assert (asked, done) == (60, 20)

    stopping = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stopping.set)
    await asyncio.wait_for(run_bounded(range(20), work, concurrency=100, stopping=stopping, is_behind=lambda: True), 5)
    assert done == 20


async def test_items_are_drawn_only_as_slots_become_free() -> None:
    drawn: list[int] = []

    def items() -> object:
        for number in range(100):
            drawn.append(number)
            yield number

    async def work(item: object, slot: Slot) -> None:
        assert len(drawn) <= 4
        drawn.remove(item)  # type: ignore[arg-type]
        await asyncio.sleep(0)

    await asyncio.wait_for(run_bounded(items(), work, concurrency=3), 5)  # type: ignore[arg-type]

    assert drawn == []


async def test_after_a_stop_nothing_is_begun_and_what_is_under_way_is_finished() -> None:
    stopping = asyncio.Event()
    done: list[int] = []

    async def work(item: int, slot: Slot) -> None:
        stopping.set()
        await asyncio.sleep(0)
        done.append(item)

    await run_bounded(range(50), work, concurrency=3, stopping=stopping, grace=30)

    assert done == [0]


async def test_what_is_under_way_when_the_grace_is_over_is_cancelled() -> None:
    stopping = asyncio.Event()
    cancelled: list[int] = []

    async def work(item: int, slot: Slot) -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    began = time.monotonic()
    await run_bounded([1], work, concurrency=3, stopping=stopping, grace=0.1)

    assert cancelled == [1]
    assert 0.1 <= time.monotonic() - began < 30


async def test_an_error_while_work_is_cancelled_is_raised() -> None:
    """A full disk is reported even at the end of the grace."""
    stopping = asyncio.Event()

    async def work(item: int, slot: Slot) -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError(item)

    with pytest.raises(ExceptionGroup):
        await run_bounded([1], work, concurrency=1, stopping=stopping, grace=0)


async def test_a_cancelled_run_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()

    async def work(item: int, slot: Slot) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(run_bounded([1, 2, 3], work, concurrency=2, stopping=asyncio.Event()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("stopping", [None, asyncio.Event()])
async def test_what_the_work_raises_ends_the_run(stopping: asyncio.Event | None) -> None:
    async def work(item: int, slot: Slot) -> None:
        raise ValueError(item)

    with pytest.raises(ExceptionGroup) as caught:
        await run_bounded([1], work, concurrency=1, stopping=stopping)

    assert isinstance(caught.value.exceptions[0], ValueError)


async def test_a_pause_lasts_its_time_or_until_an_event() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    assert await pause(Clock(rate=1000), 1, first, second)
    asyncio.get_running_loop().call_soon(second.set)
    assert not await pause(Clock(), 3600, first, second)
    assert not await pause(Clock(), 3600, first, second)


async def test_work_is_cancelled_by_an_event_and_has_ended_then() -> None:
    stopping = asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cancelled")

    asyncio.get_running_loop().call_soon(stopping.set)

    assert not await finish_unless(work(), stopping)
    assert ended == ["cancelled"]


async def test_work_that_fails_before_an_event_raises() -> None:
    async def work() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the type is all there is
        await finish_unless(work(), asyncio.Event())


async def test_a_pass_with_a_deadline_is_stopped_by_it_or_by_the_stop() -> None:
    stopping, clock = asyncio.Event(), Clock(rate=1000)
    async with stop_after(clock, 5.0, stopping) as ending:
        await asyncio.wait_for(ending.wait(), 60)
        assert not stopping.is_set()
    async with stop_after(clock, 10**7, stopping) as ending:
        stopping.set()
        await asyncio.wait_for(ending.wait(), 60)
    async with stop_after(clock, float("inf"), stopping) as ending:
        assert ending is stopping


class SetClock(Clock):
    """A clock that is set ahead by half an hour while somebody sleeps."""

    ahead = timedelta()

    def now(self) -> datetime:
        """The time as set."""
        return datetime(2026, 5, 4, tzinfo=UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Sleep no time at all."""
        await asyncio.sleep(0)
        self.ahead += timedelta(minutes=30)


async def test_a_wait_for_a_moment_follows_the_wall_clock_where_it_is_set() -> None:
    clock, end = SetClock(), asyncio.Event()

    assert await pause_until(clock, clock.now() + timedelta(hours=1))
    assert clock.ahead == timedelta(hours=1), "two sleeps of a minute, and the clock was set in each"
    end.set()
    assert not await pause_until(clock, clock.now() + timedelta(hours=1), end)
    assert not await pause_until(clock, clock.now(), end)
