"""A step time-out raises TimeoutError, and not because this host was busy."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from probe.measure.step_timeout import StepTimeout


async def test_silence_ends_in_a_time_out() -> None:
    """The task is not left cancelled."""
    with pytest.raises(TimeoutError), StepTimeout(0.0):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_body_that_ends_in_time_is_not_cancelled() -> None:
    """Its deadline no longer waits."""
    with StepTimeout(10.0) as timeout:
        await asyncio.sleep(0)
        assert timeout.table is not None
    assert timeout.table is None


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    """It is no time-out."""

    async def body() -> None:
        with StepTimeout(10.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_bytes_that_arrived_in_time_are_read_by_a_late_host() -> None:
    """The event loop is blocked beyond the time-out while the answer is in the kernel's buffer."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()

    def hold_the_loop() -> None:
        theirs.send(b"in time")
        until = time.monotonic() + 0.06
        while time.monotonic() < until:
            pass

    loop.call_soon(hold_the_loop)
    with ours, theirs, StepTimeout(0.01):
        assert await loop.sock_recv(ours, 100) == b"in time"


async def held_back(limit: StepTimeout) -> None:
    """Make the timer late by half a second, then wait without an end."""
    now = asyncio.get_running_loop().time()
    limit.cancel()
    limit.due = now - 0.5
    limit.passed(0.5)
    assert limit.due - now == pytest.approx(0.05, abs=0.02)
    await asyncio.Event().wait()


async def test_the_time_is_extended_once_when_the_loop_did_not_run() -> None:
    """By as long again, and not without an end."""
    with pytest.raises(TimeoutError), StepTimeout(0.05) as timeout:
        await held_back(timeout)
