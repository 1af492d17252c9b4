"""Deadlines expire in order, never early, and never because this host was late."""

from __future__ import annotations

import asyncio
import time

from probe.measure.glance.deadlines import TICK_SECONDS, Deadlines


class Waiting:
    """Remembers when its time was over."""

    def __init__(self, deadlines: Deadlines | None = None) -> None:
        self.expired: list[float] = []
        self.deadlines = deadlines

    def expire(self) -> None:
        """Note the time."""
        self.expired.append(asyncio.get_running_loop().time())


async def until(condition: object) -> None:
    """Let the event loop run until a list is filled."""
    async with asyncio.timeout(10):
        while not condition:  # noqa: ASYNC110 - nothing tells that the list is filled
            await asyncio.sleep(0.01)


def made(arrived: list[str] | None = None) -> Deadlines:
    """Return deadlines that note what they call."""
    calls = arrived if arrived is not None else []
    return Deadlines(
        asyncio.get_running_loop(), lambda: calls.append("read"), lambda: calls.append("tick") if not calls else None
    )


async def test_a_deadline_expires_once_and_not_early() -> None:
    """It is late by a tick at most, where the host is not."""
    deadlines, waiting = made(), Waiting()
    began = asyncio.get_running_loop().time()
    deadlines.set(waiting, 0.1)
    await until(waiting.expired)
    await asyncio.sleep(3 * TICK_SECONDS)
    deadlines.close()

    assert len(waiting.expired) == 1
    assert waiting.expired[0] - began >= 0.1


async def test_a_deadline_that_is_cleared_does_not_expire() -> None:
    """Others of its length do."""
    deadlines, first, second = made(), Waiting(), Waiting()
    deadlines.set(first, 0.1)
    deadlines.set(second, 0.1)
    deadlines.clear(first, 0.1)
    await until(second.expired)
    deadlines.close()

    assert first.expired == []


async def test_what_has_arrived_is_read_before_anything_expires() -> None:
    """An answer that is in the kernel's buffer counts."""
    deadlines: Deadlines
    answered, silent = Waiting(), Waiting()
    deadlines = Deadlines(asyncio.get_running_loop(), lambda: deadlines.clear(answered, 0.05), lambda: None)
    deadlines.set(answered, 0.05)
    deadlines.set(silent, 0.05)
    await until(silent.expired)
    deadlines.close()

    assert answered.expired == []


async def test_time_in_which_the_host_stood_still_does_not_count() -> None:
    """A process that was stopped for a second has its whole time-out left."""
    deadlines, waiting = made(), Waiting()
    deadlines.set(waiting, 0.4)
    time.sleep(0.8)  # noqa: ASYNC251 - the event loop is to stand still
    stood_still = asyncio.get_running_loop().time()
    await until(waiting.expired)
    deadlines.close()

    assert waiting.expired[0] - stood_still > 0.25


async def test_two_lengths_do_not_disturb_each_other() -> None:
    """The shorter one, set later, expires first."""
    deadlines, long, short = made(), Waiting(), Waiting()
    deadlines.set(long, 0.4)
    deadlines.set(short, 0.05)
    await until(short.expired)

    assert long.expired == []
    deadlines.close()


async def test_there_is_a_tick_where_one_is_asked_for() -> None:
    """And none after it without a deadline."""
    calls: list[str] = []
    deadlines = made(calls)
    deadlines.keep_ticking()
    await until(calls)
    await asyncio.sleep(3 * TICK_SECONDS)
    deadlines.close()

    assert calls == ["tick"]


async def test_a_waiter_may_set_its_next_deadline_when_it_expires() -> None:
    """As a query does that is sent again."""
    deadlines = made()

    class Twice(Waiting):
        def expire(self) -> None:
            super().expire()
            if len(self.expired) < 2:
                deadlines.set(self, 0.05)

    waiting = Twice()
    deadlines.set(waiting, 0.05)
    async with asyncio.timeout(10):
        while len(waiting.expired) < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    deadlines.close()
