"""A phase's clock, on an event loop whose time is ours."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from probe.measure.step_timeout import StepTimeout


async def test_silence_ends_in_a_time_out() -> None:
    """And the task is not left cancelled."""
    with pytest.raises(TimeoutError), StepTimeout(0.0):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_ends_in_time_is_left_alone() -> None:
    """The timer goes with the body."""
    with StepTimeout(10.0) as phase:
        await asyncio.sleep(0)
    assert phase._handle.cancelled()


async def test_a_cancellation_from_outside_stays_a_cancellation() -> None:
    """Never taken for a time-out."""

    async def body() -> None:
        with StepTimeout(10.0):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_bytes_that_came_before_the_time_was_up_are_read_by_a_late_host() -> None:
    """The loop is held beyond the phase's end while the answer already lies in the kernel."""
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


async def held_back(phase: StepTimeout) -> None:
    """Pretend that the loop slept through the phase, then wait for ever."""
    now = asyncio.get_running_loop().time()
    phase._handle.cancel()
    phase._due = now - 0.5
    phase._on_timer()
    assert phase._due - now == pytest.approx(0.05, abs=0.02)
    await asyncio.Event().wait()


async def test_the_time_the_loop_did_not_run_is_given_back_once() -> None:
    """A host that stood still is given as long again, and not for ever."""
    with pytest.raises(TimeoutError), StepTimeout(0.05) as phase:
        await held_back(phase)
