"""Background tasks: repeated, restarted with back-off, visible while they fail."""

from __future__ import annotations

import asyncio
import logging

import pytest

from probe.clock import Clock
from probe.collector.metrics import Metrics
from probe.collector.supervision import MAX_DELAY_SECONDS, Supervisor, delay_after
from probe.errors import StorageError


class JumpingClock(Clock):
    """A clock on which a sleep takes no real time; it records the sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self.at = 1000.0

    def monotonic(self) -> float:
        """Seconds; only a sleep moves them."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Advance the clock at once."""
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


class Work:
    """A pass that raises the given errors, one a pass, and then waits for `go_on`; `reached` is set when it waits."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.passes = 0
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def one_pass(self) -> None:
        """Fail, or wait."""
        self.passes += 1
        if self.errors:
            raise self.errors.pop(0)
        self.reached.set()
        await self.go_on.wait()
        self.go_on.clear()
        self.reached.clear()


@pytest.fixture
def clock() -> JumpingClock:
    """Time that does not pass by itself."""
    return JumpingClock()


@pytest.fixture
def metrics() -> Metrics:
    """Numbers of one process."""
    return Metrics()


@pytest.fixture
def supervisor(metrics: Metrics, clock: JumpingClock) -> Supervisor:
    """A supervisor on that clock."""
    return Supervisor(metrics, clock)


async def test_a_pass_that_fails_is_repeated_after_a_growing_delay(
    supervisor: Supervisor, clock: JumpingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It may raise any exception. The first failure is logged with its traceback, the others in a line."""
    work = Work(StorageError("cannot be read"), ValueError("odd"), ZeroDivisionError())
    with caplog.at_level(logging.ERROR):
        async with supervisor.supervise("fuser", work.one_pass):
            await asyncio.wait_for(work.reached.wait(), 5)

    assert (work.passes, clock.slept) == (4, [1.0, 2.0, 4.0])
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]
    assert "odd" in caplog.text


async def test_a_task_is_failing_until_a_pass_returns(
    supervisor: Supervisor, metrics: Metrics, clock: JumpingClock
) -> None:
    """In the states that `/readyz` reads and in the metrics; a pass that returns resets the delay."""
    work = Work(ValueError())
    async with supervisor.supervise("fuser", work.one_pass):
        await asyncio.wait_for(work.reached.wait(), 5)
        assert supervisor.states() == {"fuser": "failing"}
        assert 'task_failing{task="fuser"} 1\n' in metrics.text()
        assert 'task_success_age_seconds{task="fuser"} 1\n' in metrics.text()

        work.errors.append(ValueError())
        work.go_on.set()
        while clock.slept != [1.0, 1.0]:  # noqa: ASYNC110 the supervisor has no event for it
            await asyncio.sleep(0)
        await asyncio.wait_for(work.reached.wait(), 5)
        work.go_on.set()
        while work.passes < 5:  # noqa: ASYNC110 the supervisor has no event for it
            await asyncio.sleep(0)

        assert supervisor.states() == {"fuser": "running"}
        text = metrics.text()
    assert 'task_failing{task="fuser"} 0\n' in text
    assert 'task_failures_total{task="fuser"} 2\n' in text
    assert 'task_success_age_seconds{task="fuser"} 0\n' in text


async def test_a_cancellation_from_outside_ends_the_task(supervisor: Supervisor) -> None:
    """At the end of the block, also while it waits after a failure."""
    work = Work()
    async with supervisor.supervise("fuser", work.one_pass):
        await work.reached.wait()
        (task,) = (each for each in asyncio.all_tasks() if each.get_name() == "fuser")

    assert task.cancelled()
    assert supervisor.states() == {"fuser": "failing"}


async def test_a_cancelled_future_that_a_pass_waits_for_is_a_failure_like_others(
    supervisor: Supervisor, clock: JumpingClock
) -> None:
    """The task itself was not cancelled, so it continues."""
    work = Work(asyncio.CancelledError())
    async with supervisor.supervise("fuser", work.one_pass):
        await asyncio.wait_for(work.reached.wait(), 5)

    assert clock.slept == [1.0]


async def test_a_cancellation_of_the_block_is_not_swallowed(supervisor: Supervisor) -> None:
    """The caller can cancel the block while the task is being stopped."""
    ending = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.05)

    async def block() -> None:
        async with supervisor.supervise("fuser", stubborn):
            await asyncio.sleep(0)

    running = asyncio.create_task(block())
    await ending.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_pass_that_never_waits_does_not_hold_the_event_loop(supervisor: Supervisor) -> None:
    """Other tasks run between two passes."""
    passes = 0

    async def eager() -> None:
        nonlocal passes
        passes += 1

    async with supervisor.supervise("fuser", eager):
        for _ in range(10):
            await asyncio.sleep(0)

    assert 1 <= passes <= 11


def test_the_delay_doubles_up_to_a_minute() -> None:
    """This holds for any number of failures."""
    assert [delay_after(n) for n in (1, 2, 3, 6, 7, 10**6)] == [1.0, 2.0, 4.0, 32.0, 60.0, MAX_DELAY_SECONDS]
