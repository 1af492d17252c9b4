"""Background tasks of a collector: repeated for ever, restarted with back-off when they fail, visible when they do.

A task is a coroutine function that does one pass and returns. The supervisor calls it again and again. A pass that
raises is logged, counted and repeated after a delay that doubles from one second to a minute. From the first failure
until the next pass that returns, the task is failing: `/readyz` answers 503 where the task is essential, `/metrics` has
`task_failing` at 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from probe.clock import Clock
from probe.collector.metrics import Metrics

LOG = logging.getLogger("probe.collector.supervision")
FIRST_DELAY_SECONDS = 1.0
"""Between a failed pass and the next one."""
MAX_DELAY_SECONDS = 60.0
"""The delay doubles with every further failure, up to this limit."""
Pass = Callable[[], Awaitable[None]]


class _Supervised:
    """The state of one task: its asyncio task, the failures since its last successful pass, and when that pass was."""

    __slots__ = ("essential", "failures", "succeeded", "task")

    def __init__(self, now: float, *, essential: bool) -> None:
        self.essential = essential
        self.task: asyncio.Task[None] | None = None
        self.failures = 0
        self.succeeded = now

    @property
    def failing(self) -> bool:
        return self.failures > 0 or self.task is None or self.task.done()


class Supervisor:
    """The background tasks of one process.

    Args:
        metrics: gets `task_failing`, `task_failures_total` and `task_success_age_seconds`, each by task.
        clock: for delays and ages, by its monotonic time.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._tasks: dict[str, _Supervised] = {}

    @contextlib.asynccontextmanager
    async def supervise(self, name: str, one_pass: Pass, *, essential: bool = True) -> AsyncIterator[None]:
        """Repeat passes of a task in the background while the block runs; cancel it at the end and wait for it.

        Args:
            name: of the task, in logs, metrics and `/readyz`.
            one_pass: does one pass. It waits by itself for something to do.
            essential: whether the process is not ready while the task fails.
        """
        supervised = self._tasks[name] = _Supervised(self._clock.monotonic(), essential=essential)
        self._metrics.set("task_failing", 0.0, task=name)
        self._metrics.register("task_success_age_seconds", partial(self._age, supervised), task=name)
        supervised.task = asyncio.create_task(self._repeat(name, one_pass, supervised), name=name)
        try:
            yield
        finally:
            supervised.task.cancel()
            # `wait` does not raise the task's own cancellation, and a cancellation of ours goes through it.
            await asyncio.wait({supervised.task})

    def states(self) -> dict[str, str]:
        """Task -> `running` or `failing`."""
        return {name: "failing" if each.failing else "running" for name, each in self._tasks.items()}

    def failing(self) -> list[str]:
        """The essential tasks that fail, by name."""
        return sorted(name for name, each in self._tasks.items() if each.failing and each.essential)

    def _age(self, supervised: _Supervised) -> float:
        return self._clock.monotonic() - supervised.succeeded

    async def _repeat(self, name: str, one_pass: Pass, supervised: _Supervised) -> None:
        while True:
            try:
                await one_pass()
            except asyncio.CancelledError as error:
                if _cancelled_from_outside():
                    raise
                await self._failed(name, supervised, error)  # something that the pass waited for was cancelled
            except Exception as error:  # noqa: BLE001 whatever it is, the task must go on and say so
                await self._failed(name, supervised, error)
            else:
                supervised.failures = 0
                supervised.succeeded = self._clock.monotonic()
                self._metrics.set("task_failing", 0.0, task=name)
            await asyncio.sleep(0)  # a pass that never waits must not hold the event loop

    async def _failed(self, name: str, supervised: _Supervised, error: BaseException) -> None:
        supervised.failures += 1
        self._metrics.set("task_failing", 1.0, task=name)
        self._metrics.add("task_failures_total", task=name)
        delay = delay_after(supervised.failures)
        first = supervised.failures == 1
        LOG.error(
            "%s failed %d times in a row, next pass in %.0f s: %s",
            *(name, supervised.failures, delay, error or type(error).__name__),
            exc_info=error if first else None,
        )
        await self._clock.sleep(delay)


def delay_after(failures: int) -> float:
    """Seconds until the next pass after a number of failures in a row."""
    return min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 10))


def _cancelled_from_outside() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
