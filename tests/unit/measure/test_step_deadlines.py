"""Deadlines pass in order, once, and not after they were cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from probe.measure.step_deadlines import Deadline


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop run until a condition holds."""
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


class Noted(Deadline):
    """A deadline that notes when it passes."""

    def __init__(self, name: str, passed: list[str]) -> None:
        super().__init__()
        self.name = name
        self.noted = passed
        self.also: Deadline | None = None

    def passed(self, lateness: float) -> None:
        """Note it, and cancel another one."""
        assert lateness >= 0
        self.noted.append(self.name)
        if self.also is not None:
            self.also.cancel()


async def test_deadlines_of_several_durations_pass_in_their_order() -> None:
    """Those of one duration in the order in which they began."""
    loop, passed = asyncio.get_running_loop(), list[str]()
    for name, seconds in (("c", 0.05), ("a", 0.01), ("b", 0.01), ("d", 0.05)):
        Noted(name, passed).begin(loop, seconds)
    await until(lambda: len(passed) == 4)

    assert passed == ["a", "b", "c", "d"]


async def test_a_cancelled_deadline_does_not_pass() -> None:
    """Also where the one before it, which passes in the same sweep, cancels it."""
    loop, passed = asyncio.get_running_loop(), list[str]()
    first, second, third, last = (Noted(name, passed) for name in ("first", "second", "third", "last"))
    for one in (first, second, third, last):
        one.begin(loop, 0.0)
    first.also = second
    third.cancel()
    third.cancel()
    await until(lambda: "last" in passed)

    assert passed == ["first", "last"]


async def test_a_deadline_may_begin_again() -> None:
    """With another duration, as often as its owner likes."""
    loop, passed = asyncio.get_running_loop(), list[str]()
    one = Noted("x", passed)
    one.begin(loop, 60.0)
    one.cancel()
    for times in (1, 2):
        one.begin(loop, 0.0)
        await until(lambda times=times: len(passed) == times)

    assert passed == ["x", "x"]
    assert one.table is None


def test_each_event_loop_has_its_own_deadlines() -> None:
    """A loop that ended with deadlines under way leaves none to the next."""
    passed: list[str] = []

    async def begin() -> None:
        Noted("left behind", passed).begin(asyncio.get_running_loop(), 0.0)

    async def wait() -> None:
        Noted("own", passed).begin(asyncio.get_running_loop(), 0.0)
        await until(lambda: "own" in passed)

    asyncio.run(begin())
    asyncio.run(wait())
    assert "own" in passed
