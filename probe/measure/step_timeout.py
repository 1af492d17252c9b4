"""A clock for one phase of a connection: TCP, TLS, HTTP each have their own.

`asyncio.timeout` cancels the moment its timer runs, even when the answer already lies in the kernel's buffer and only
we are late. On a slow host that turns our own lateness into a censor's silence. A `StepTimeout` first lets the loop
read what has arrived, and gives back the time during which the loop did not run at all.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

LATE = 0.02
"""Seconds by which a timer may be late before the host is called busy; the scheduler's grain is a few milliseconds."""

_ROUNDS = 3
"""Turns of the event loop from "bytes are in the kernel" to "the task that waits for them has run": the selector's, the
reader callback's and the task's own (asyncio's `_run_once`)."""


class StepTimeout:
    """`with StepTimeout(seconds):` raises TimeoutError inside its body's next await once the time is up.

    Args:
        seconds: how long the phase may last, counted from entering it.
    """

    __slots__ = ("_cancelling", "_due", "_expired", "_extended", "_handle", "_loop", "_seconds", "_task", "began")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False
        self._extended = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a phase belongs to a task")
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()
        self._due = self.began + self._seconds
        self._handle: asyncio.Handle = self._loop.call_at(self._due, self._time_is_up)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _time_is_up(self) -> None:
        lateness = self._loop.time() - self._due
        if lateness > LATE and not self._extended:
            self._extended = True
            self._due += lateness + min(lateness, self._seconds)
            self._handle = self._loop.call_at(self._due, self._time_is_up)
        else:
            self._drain(_ROUNDS)

    def _drain(self, rounds: int) -> None:
        if rounds:
            self._handle = self._loop.call_soon(self._drain, rounds - 1)
            return
        self._expired = True
        self._task.cancel()
