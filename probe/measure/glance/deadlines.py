"""The deadlines of many waiting glances, with one timer for all of them.

Deadlines of one length are due in the order in which they were set, so a table of each length, in order of insertion,
needs no sorting. A task, or a timer of the event loop, for each wait would cost more than the wait's own system calls.

The clock of the deadlines counts the time in which this host ran. On a slow host the timer comes late; the clock is set
back by as much, and what has arrived meanwhile is read before anything expires. So the host's own lateness is never
taken for the silence of a server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from probe.measure.step_timeout import MAX_TIMER_LATENESS_SECONDS

TICK_SECONDS = 0.05
"""Interval at which deadlines are checked; a deadline expires late by at most this, and never early."""


class Waiter(Protocol):
    """Something with a deadline."""

    def expire(self) -> None:
        """Take in that the time is over."""


class Deadlines:
    """Tables of deadlines, one for each length.

    Args:
        loop: the event loop.
        read_arrived: reads and handles what has arrived on all sockets; called before anything expires.
        on_tick: called at the end of every tick.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read_arrived: Callable[[], None], on_tick: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._read_arrived = read_arrived
        self._on_tick = on_tick
        self._tables: dict[float, dict[Waiter, float]] = {}
        self._lost = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def now(self) -> float:
        """Seconds on the clock of the deadlines, which stands still while the event loop does."""
        return monotonic() - self._lost

    def set(self, waiter: Waiter, seconds: float) -> None:
        """Call `waiter.expire` once after so many seconds, unless `clear` comes first."""
        table = self._tables.get(seconds)
        if table is None:
            table = self._tables[seconds] = {}
        table[waiter] = monotonic() - self._lost + seconds
        if self._timer is None:
            self.keep_ticking()

    def clear(self, waiter: Waiter, seconds: float) -> None:
        """Forget the deadline of this length."""
        self._tables[seconds].pop(waiter, None)

    def keep_ticking(self) -> None:
        """Have at least one more tick, also without a deadline."""
        if self._timer is None:
            self._due = monotonic() + TICK_SECONDS
            self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def close(self) -> None:
        """Forget all deadlines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tables.clear()

    def _tick(self) -> None:
        self._timer = None
        lateness = monotonic() - self._due
        if lateness > MAX_TIMER_LATENESS_SECONDS:
            self._lost += lateness
        now = self.now
        if any(_due(table, now) for table in self._tables.values()):
            self._read_arrived()
            for table in tuple(self._tables.values()):
                for waiter in _due(table, now):
                    if table.pop(waiter, None) is not None:
                        waiter.expire()
        self._on_tick()
        if any(self._tables.values()):
            self.keep_ticking()


def _due(table: dict[Waiter, float], now: float) -> list[Waiter]:
    """The waiters at the beginning of a table whose time is over.

    All in one pass: a dict whose first entries were deleted is slow to begin.
    """
    found: list[Waiter] = []
    for waiter, due in table.items():
        if due > now:
            break
        found.append(waiter)
    return found
