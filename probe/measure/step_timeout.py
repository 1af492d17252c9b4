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


class PatientDeadline(Deadline):
    """A deadline that lets the event loop read what has arrived before it counts.

    Its time is extended once, by at most as long again, where the host was too busy.
    """

    __slots__ = ("_extended", "_handle")

    def __init__(self) -> None:
        super().__init__()
        self._extended = False
        self._handle: asyncio.Handle | None = None

    def timed_out(self) -> None:
        """Act."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Let the deadline not pass; may be called again."""
        super().cancel()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def passed(self, lateness: float) -> None:
        """Let the loop turn, or extend the time where it came to this too late."""
        if lateness > MAX_TIMER_LATENESS_SECONDS and not self._extended:
            self._extended = True
            self.due += lateness + min(lateness, self.seconds)
            self._handle = asyncio.get_running_loop().call_at(self.due, self._expire_after, _TURNS)
        else:
            self._expire_after(_TURNS)

    def _expire_after(self, turns: int) -> None:
        if turns:
            self._handle = asyncio.get_running_loop().call_soon(self._expire_after, turns - 1)
        else:
            self.timed_out()


class StepTimeout(PatientDeadline):
    """`with StepTimeout(seconds):` raises TimeoutError at the next await of its body once the time has passed.

    The time is extended once, by at most as long again, when the host was too busy to run the event loop.

    Args:
        seconds: counted from entering.
    """

    __slots__ = ("_cancelling", "_expired", "_limit", "_task")

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._limit = seconds
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a step time-out needs a task to cancel")
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self.begin(task.get_loop(), self._limit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def timed_out(self) -> None:
        """Cancel the task."""
        self._expired = True
        self._task.cancel()
