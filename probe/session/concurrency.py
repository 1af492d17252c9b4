"""Bounded concurrency: work on at most so many items at once; after a stop, finish or cancel what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from math import inf
from typing import Any, TypeVar

from probe.clock import Clock

T = TypeVar("T")

MAX_ITEMS_UNDER_WAY = 5_000
"""Items begun and not ended, with a slot or without. This bounds memory: a target that is silent at every try takes
up to 17 KiB, so all of these take 83 MiB. Most items end as soon as they have an answer."""

STARTS_PER_TURN = 128
"""Items begun before other tasks run. Thousands begun at once would hold the event loop for seconds, in which nothing
that arrives is read, and the time-outs of the first would pass."""

MAX_NAP_SECONDS = 60.0
"""Seconds after which a wait looks at the clock again: sleeping does not count the time of a suspended host."""
BEHIND_POLL_SECONDS = 0.02
"""Interval at which a host that cannot keep up is asked whether it can again."""

STOP_GRACE_SECONDS = 25.0
"""Real seconds that work under way may take after a stop; service managers allow 90 before they kill."""


class Slot:
    """The concurrency slot of one item; `concurrency` items have one at the same time.

    An item has its slot when its work begins. It releases the slot early when only passive waiting remains, and
    acquires one again to go on. A second release, or a second acquire, does nothing.
    """

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._acquired = False

    async def acquire(self) -> None:
        """Wait until fewer than `concurrency` items are at work."""
        if not self._acquired:
            await self._slots.acquire()
            self._acquired = True

    def release(self) -> None:
        """Let the next item begin."""
        if self._acquired:
            self._acquired = False
            self._slots.release()


async def run_bounded(
    items: Iterable[T],
    work: Callable[[T, Slot], Awaitable[None]],
    *,
    concurrency: int,
    stopping: asyncio.Event | None = None,
    grace: float = STOP_GRACE_SECONDS,
    is_behind: Callable[[], bool] = lambda: False,
) -> None:
    """Work on each item. After a stop begin no further item, and cancel what is still under way when the grace is over.

    Args:
        items: drawn one by one, as slots become free.
        work: for one item. What it raises ends the whole run.
        concurrency: how many items hold a slot at once.
        stopping: set when no more items are to be begun.
        grace: real seconds that work under way may take after the stop.
        is_behind: whether this host cannot keep up, so that no item is begun for now.
    """
    stopping = stopping or asyncio.Event()
    await finish_within(_run_all(items, work, concurrency, stopping, is_behind), stopping, grace)


async def _run_all(
    items: Iterable[T],
    work: Callable[[T, Slot], Awaitable[None]],
    concurrency: int,
    stopping: asyncio.Event,
    is_behind: Callable[[], bool],
) -> None:
    slots = asyncio.Semaphore(min(concurrency, MAX_ITEMS_UNDER_WAY))
    memory = asyncio.Semaphore(MAX_ITEMS_UNDER_WAY)

    async def run_one(item: T, slot: Slot) -> None:
        try:
            if not stopping.is_set():
                await work(item, slot)
        finally:
            slot.release()
            memory.release()

    async with asyncio.TaskGroup() as group:
        for number, item in enumerate(items, 1):
            if number % STARTS_PER_TURN == 0:
                await asyncio.sleep(0)
            while is_behind() and not stopping.is_set():  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(BEHIND_POLL_SECONDS)
            slot = Slot(slots)
            await memory.acquire()
            await slot.acquire()
            if stopping.is_set():
                return
            group.create_task(run_one(item, slot))


@asynccontextmanager
async def stop_after(clock: Clock, seconds: float, stopping: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set with the stop, and so many seconds of the clock after now.

    Time for which the host was suspended counts, where the clock counts it.
    """
    if seconds == inf:
        yield stopping
        return
    ending, end = asyncio.Event(), clock.monotonic() + seconds

    async def watch() -> None:
        while (rest := end - clock.monotonic()) > 0 and await pause(clock, min(rest, MAX_NAP_SECONDS), stopping):
            pass
        ending.set()

    task = asyncio.create_task(watch())
    try:
        yield ending
    finally:
        task.cancel()


async def pause_until(clock: Clock, moment: datetime, *ends: asyncio.Event) -> bool:
    """Sleep until the clock shows this moment, also where it is set meanwhile; False when an event cut it short."""
    while (rest := (moment - clock.now()).total_seconds()) > 0:
        if not await pause(clock, min(rest, MAX_NAP_SECONDS), *ends):
            return False
    return not any(event.is_set() for event in ends)


async def pause(clock: Clock, seconds: float, *ends: asyncio.Event) -> bool:
    """Sleep so many seconds of this clock; True when the whole time passed, False when an event cut it short."""
    return await finish_unless(clock.sleep(seconds), *ends)


async def finish_unless(work: Coroutine[Any, Any, object], *ends: asyncio.Event) -> bool:
    """Do the work unless one of the events is set; True when it was finished, False when it was not begun or cancelled.

    What the work raises is raised.
    """
    if any(event.is_set() for event in ends):
        work.close()
        return False
    task = await _ended(work, ends, 0.0)
    if not task.cancelled():
        task.result()
    return not task.cancelled()


async def finish_within(work: Coroutine[Any, Any, T], stopping: asyncio.Event, grace: float) -> T | None:
    """Do the work, and cancel it when the grace after a stop is over; its result, or None when it was cancelled.

    What the work raises is raised.
    """
    task = await _ended(work, (stopping,), grace)
    return None if task.cancelled() else task.result()


async def _ended(work: Coroutine[Any, Any, T], ends: Iterable[asyncio.Event], grace: float) -> asyncio.Task[T]:
    """Return the task of the work after its end; cancel it so many real seconds after the first event."""
    task = asyncio.create_task(work)
    try:
        await _first_of(task, *ends)
        await asyncio.wait({task}, timeout=grace)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
    return task


async def _first_of(task: asyncio.Future[Any], *events: asyncio.Event) -> None:
    """Wait until the task is done or an event is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    everything: set[asyncio.Future[Any]] = {task, *waiting}
    try:
        await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
