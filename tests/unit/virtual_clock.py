"""A clock that leaps to the next moment that a task waits for, once all tasks wait: no test sleeps."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from probe.clock import Clock

IDLE = 60
"""Turns of the event loop after which every task is taken to be waiting for the clock."""


class VirtualClock(Clock):
    """Virtual time: give the clock to the code under test, and run `leap` beside it."""

    def __init__(self, start: datetime = datetime(2017, 5, 4, tzinfo=UTC)) -> None:
        super().__init__()
        self._start = start
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        """The moment."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until `leap` has come to that moment."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._seconds + max(0.0, seconds), next(self._order), future))
        await future

    def advance(self, seconds: float) -> None:
        """Let time pass without a sleeping task."""
        self._seconds += seconds

    async def leap(self) -> None:
        """Leap until cancelled."""
        while True:
            for _ in range(IDLE):
                await asyncio.sleep(0)
            while self._sleepers:
                moment, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    self._seconds = max(self._seconds, moment)
                    future.set_result(None)
                    break
