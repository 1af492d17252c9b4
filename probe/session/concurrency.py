"""Bounded concurrency: work on at most so many items at once; after a stop, finish or cancel what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from probe.clock import Clock

T = TypeVar("T")

MAX_ITEMS_UNDER_WAY = 3_100
"""Items begun and not ended, with a slot or without. This bounds memory: a target that is silent at every try takes up
to 31 KiB, so all of these take 94 MiB. Most items end as soon as they have an answer."""

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
) -> None:
    """Work on each item. After a stop begin no further item, and cancel what is still under way when the grace is over.

    Args:
        items: drawn one by one, as slots become free.
        work: for one item. What it raises ends the whole run.
        concurrency: how many items hold a slot at once.
        stopping: set when no more items are to be begun.
        grace: real seconds that work under way may take after the stop.
    """
    stopping = stopping or asyncio.Event()
    await finish_within(_run_all(items, work, concurrency, stopping), stopping, grace)


async def _run_all(
    items: Iterable[T], work: Callable[[T, Slot], Awaitable[None]], concurrency: int, stopping: asyncio.Event
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
        for item in items:
            slot = Slot(slots)
            await memory.acquire()
            await slot.acquire()
            if stopping.is_set():
                return
            group.create_task(run_one(item, slot))


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
