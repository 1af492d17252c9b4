"""The time-out of one step: TCP, TLS and HTTP each have their own.

`asyncio.timeout` cancels as soon as its timer fires, even when the answer is already in the kernel's buffer and only
this host is late. On a slow host its own lateness would look like a censor's silence. A `StepTimeout` lets the event
loop read what has arrived first, and extends the time by the time in which the loop did not run.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from probe.measure.step_deadlines import Deadline

MAX_TIMER_LATENESS_SECONDS = 0.02
"""Lateness of a timer above which the host counts as busy; the scheduler's resolution is a few milliseconds."""

_TURNS = 3
"""Turns of the event loop until bytes in the kernel have reached the task that waits for them: the selector, the reader
callback, the task (asyncio's `_run_once`)."""


class StepTimeout(Deadline):
    """`with StepTimeout(seconds):` raises TimeoutError at the next await of its body once the time has passed.

    The time is extended once, by at most as long again, when the host was too busy to run the event loop.

    Args:
        seconds: counted from entering.
    """

    __slots__ = ("_cancelling", "_expired", "_extended", "_handle", "_loop", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._expired = False
        self._extended = False
        self._handle: asyncio.Handle | None = None

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a step time-out needs a task to cancel")
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self._loop = task.get_loop()
        self.begin(self._loop, self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        if self._handle is not None:
            self._handle.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def passed(self, lateness: float) -> None:
        """Cancel the task, or extend the time where the loop came to this too late."""
        if lateness > MAX_TIMER_LATENESS_SECONDS and not self._extended:
            self._extended = True
            self.due += lateness + min(lateness, self._seconds)
            self._handle = self._loop.call_at(self.due, self._expire_after, _TURNS)
        else:
            self._expire_after(_TURNS)

    def _expire_after(self, turns: int) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._expire_after, turns - 1)
            return
        self._expired = True
        self._task.cancel()
