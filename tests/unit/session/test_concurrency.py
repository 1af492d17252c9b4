"""Work over many targets, and its orderly end."""

from __future__ import annotations

import asyncio

import pytest

from probe.clock import Clock
from probe.session.concurrency import Leave, pause, sweep


async def test_everything_is_done_once_and_no_more_at_once_than_allowed() -> None:
    done: list[int] = []
    now = most = 0

    async def work(item: int, leave: Leave) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        done.append(item)

    await sweep(range(50), work, concurrency=7)

    assert sorted(done) == list(range(50))
    assert most == 7


async def test_whoever_leaves_early_makes_room_for_the_next() -> None:
    begun: list[int] = []
    everybody = asyncio.Event()

    async def work(item: int, leave: Leave) -> None:
        begun.append(item)
        leave()
        leave()  # gives back no second place
        if item == 4:
            everybody.set()
        await everybody.wait()

    await asyncio.wait_for(sweep(range(5), work, concurrency=1), 5)

    assert begun == [0, 1, 2, 3, 4]


async def test_after_a_stop_nothing_is_begun_and_what_is_under_way_is_finished() -> None:
    stopping = asyncio.Event()
    done: list[int] = []

    async def work(item: int, leave: Leave) -> None:
        stopping.set()
        await asyncio.sleep(0)
        done.append(item)

    await sweep(range(50), work, concurrency=3, stopping=stopping, grace=30)

    assert sorted(done) == [0]


async def test_what_takes_too_long_after_a_stop_is_cut_short() -> None:
    stopping = asyncio.Event()
    cut: list[int] = []

    async def work(item: int, leave: Leave) -> None:
        stopping.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(item)
            raise

    await sweep([1], work, concurrency=3, stopping=stopping, grace=0)

    assert cut == [1]


async def test_a_cancelled_sweep_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()

    async def work(item: int, leave: Leave) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(sweep([1, 2, 3], work, concurrency=2, stopping=asyncio.Event()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert asyncio.all_tasks() == before


async def test_what_the_work_raises_ends_the_sweep() -> None:
    async def work(item: int, leave: Leave) -> None:
        raise ValueError(item)

    with pytest.raises(ExceptionGroup) as caught:
        await sweep([1], work, concurrency=1, stopping=asyncio.Event())

    assert isinstance(caught.value.exceptions[0], ValueError)


async def test_a_pause_lasts_its_time_or_until_an_event() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    assert await pause(Clock(rate=1000), 1, first, second)
    asyncio.get_running_loop().call_soon(second.set)
    assert not await pause(Clock(), 3600, first, second)
    assert not await pause(Clock(), 3600, first, second)
