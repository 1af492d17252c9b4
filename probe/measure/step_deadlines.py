"""The deadlines of one event loop: a table for each duration and one timer a table, in place of one timer a step.

Steps of one duration end in the order in which they began, so that a table needs no heap: a new deadline is appended,
and one that is met in time is deleted. A check of a healthy target sets five deadlines and meets all of them;
asyncio's timers cost more there than the connection.
"""

from __future__ import annotations

import asyncio
import threading

SWEEP_INTERVAL_SECONDS = 0.005
"""Shortest time between two sweeps of one table; deadlines that pass in between end together."""


class Deadline:
    """A moment after which `passed` is called once, unless `cancel` was called before.

    Attributes:
        due: on the event loop's clock.
        seconds: from its beginning to `due`.
        table: that it waits in; None where it does not wait.
    """

    __slots__ = ("due", "seconds", "table")

    def __init__(self) -> None:
        self.due = self.seconds = 0.0
        self.table: _DeadlineTable | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        """Let the deadline pass so many seconds from now."""
        table = _tables.of(loop).get(seconds) or _tables.new_table(loop, seconds)
        self.table = table
        self.seconds = seconds
        self.due = loop.time() + seconds
        table.waiting[self] = None
        if table.timer is None:
            table.arm(self.due)

    def cancel(self) -> None:
        """Let the deadline not pass; may be called again."""
        table = self.table
        if table is not None:
            self.table = None
            table.waiting.pop(self, None)

    def passed(self, lateness: float) -> None:
        """Act; the loop came to it so many seconds late."""
        raise NotImplementedError


class _DeadlineTable:
    """The deadlines of one duration, the first to pass first.

    Attributes:
        waiting: in order.
        timer: of the next sweep; None while nothing waits.
    """

    __slots__ = ("_at", "_loop", "_seconds", "timer", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._at = 0.0
        self.waiting: dict[Deadline, None] = {}
        self.timer: asyncio.TimerHandle | None = None

    def arm(self, at: float) -> None:
        """Sweep at this moment."""
        self._at = at
        self.timer = self._loop.call_at(at, self._sweep)

    def _sweep(self) -> None:
        now, at = self._loop.time(), self._at
        gone: list[Deadline] = []
        next_due = 0.0
        for deadline in self.waiting:
            if deadline.due > now:
                next_due = deadline.due
                break
            gone.append(deadline)
        for deadline in gone:
            del self.waiting[deadline]
        self.timer = None
        if next_due:
            self.arm(max(next_due, now + SWEEP_INTERVAL_SECONDS))
        else:
            _tables.of(self._loop).pop(self._seconds, None)
        for deadline in gone:
            if deadline.table is self:  # another one may have cancelled it just now
                deadline.table = None
                deadline.passed(now - max(deadline.due, at))


class _LoopTables(threading.local):
    """The tables of the event loop that runs in this thread, by duration."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.tables: dict[float, _DeadlineTable] = {}

    def of(self, loop: asyncio.AbstractEventLoop) -> dict[float, _DeadlineTable]:
        """Return the tables of a loop; a loop that has ended has none."""
        if self._loop is not loop:
            self._loop, self.tables = loop, {}
        return self.tables

    def new_table(self, loop: asyncio.AbstractEventLoop, seconds: float) -> _DeadlineTable:
        """Return an empty table of a duration that has none."""
        table = self.of(loop)[seconds] = _DeadlineTable(loop, seconds)
        return table


_tables = _LoopTables()
