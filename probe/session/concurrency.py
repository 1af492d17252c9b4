"""Work over many targets, so many at once, and an orderly end when it is to stop; waiting that a stop cuts short."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from probe.clock import Clock

T = TypeVar("T")

Leave = Callable[[], None]
"""Gives one's place to the next before one's work is over: what is left is but waiting. May be called again."""

MOST = 3_100
"""Items under way at once, with a place or without, whatever is asked for: a target that is met with silence at every
try takes up to 31 KiB (94 MiB for all of these); most are over as soon as they have answered."""

GRACE = 25.0
"""Real seconds that work under way is given after a stop; service managers allow 90 before they kill."""


async def sweep(
    items: Iterable[T],
    work: Callable[[T, Leave], Awaitable[None]],
    *,
    concurrency: int,
    stopping: asyncio.Event | None = None,
    grace: float = GRACE,
) -> None:
    """Do the work for each item; after a stop begin no more, and give what is under way so many seconds.

    Args:
        items: drawn one by one, as places are free.
        work: for one item; may give its place back before it is over. What it raises ends the sweep.
        concurrency: how many hold a place at once, as far as memory goes.
        stopping: set when no more is to be begun.
        grace: real seconds.
    """
    places = asyncio.Semaphore(min(concurrency, MOST))
    memory = asyncio.Semaphore(MOST)

    async def one(item: T) -> None:
        held = True

        def leave() -> None:
            nonlocal held
            if held:
                held = False
                places.release()

        try:
            if stopping is None or not stopping.is_set():
                await work(item, leave)
        finally:
            leave()
            memory.release()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for item in items:
                await memory.acquire()
                await places.acquire()
                if stopping is not None and stopping.is_set():
                    return
                group.create_task(one(item))

    whole = asyncio.ensure_future(all_of_them())
    try:
        if stopping is not None:
            await _either(whole, stopping)
            await asyncio.wait({whole}, timeout=grace)
            if not whole.done():
                whole.cancel()
                await asyncio.wait({whole})
                return
        await whole
    finally:
        if not whole.done():  # we ourselves were cancelled: leave no task behind
            whole.cancel()
            await asyncio.wait({whole})


async def pause(clock: Clock, seconds: float, *ends: asyncio.Event) -> bool:
    """Sleep so many seconds of this clock; True when the whole time passed, False when an event cut it short."""
    if any(event.is_set() for event in ends):
        return False
    sleep = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await _either(sleep, *ends)
    finally:
        sleep.cancel()
    return not any(event.is_set() for event in ends)


async def _either(task: asyncio.Future[None], *events: asyncio.Event) -> None:
    """Until one of them is there."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    both: set[asyncio.Future[Any]] = {task, *waiting}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
