"""Glances connect in their order as soon as the pace, the sockets and the budget allow it."""

from __future__ import annotations

import asyncio

from probe.measure.budget import Budget
from probe.measure.failures import OperationError
from probe.measure.glance.admission import MAX_GLANCE_BYTES, MAX_WAITING, Admission
from probe.measure.pace import MARGIN_SECONDS, PaceLimiter
from probe.measure.tools import Tools


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        """Return it."""
        return self.time


class Wanting:
    """A glance that notes what it is told."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.said: list[str] = []

    def connect(self) -> None:
        """Note it."""
        self.said.append("connect")

    def refused(self, error: OperationError) -> None:
        """Note it."""
        self.said.append(error.info.detail)

    def drop(self) -> None:
        """Note it."""
        self.said.append("drop")


def made(rate: float = 1.0, *, sockets: int = 100, budget: Budget | None = None) -> tuple[Admission, Tools, Clock]:
    """Return an admission, its tools and their clock."""
    clock = Clock()
    tools = Tools(1.0, PaceLimiter(rate, budget=budget, monotonic=clock), sockets=sockets)
    return Admission(tools, clock), tools, clock


def test_without_limits_a_glance_connects_at_once() -> None:
    admission, tools, _ = made(0)
    glance = Wanting("192.0.2.1")
    admission.enter(glance)

    assert glance.said == ["connect"]
    assert tools.pace.counters.connections == 1


def test_the_pace_spaces_connections_to_one_network() -> None:
    """Another network does not wait."""
    admission, _, clock = made(1.0)
    first, second, third, other = (Wanting(a) for a in ("192.0.2.1", "192.0.2.2", "192.0.3.3", "198.51.100.1"))
    for glance in (first, second, third, other):
        admission.enter(glance)
    assert [one.said for one in (first, second, third, other)] == [["connect"], [], [], ["connect"]]

    clock.time += 1.0
    admission.admit_waiting()
    assert second.said == []
    clock.time += MARGIN_SECONDS + 0.001
    admission.admit_waiting()
    admission.admit_waiting()
    assert (second.said, third.said, admission.waiting) == (["connect"], [], 1)
    clock.time += 1.1
    admission.admit_waiting()
    assert (third.said, admission.waiting) == (["connect"], 0)


def test_one_address_has_one_connection_at_a_time() -> None:
    """Another address of its network goes first meanwhile."""
    admission, _, clock = made(1.0)
    first, again, other = Wanting("192.0.2.1"), Wanting("192.0.2.1"), Wanting("192.0.2.2")
    for glance in (first, again, other):
        admission.enter(glance)
    for _ in range(5):
        clock.time += 1.2
        admission.admit_waiting()
    assert (again.said, other.said) == ([], ["connect"])

    admission.leave("192.0.2.1")
    for _ in range(3):
        clock.time += 1.2
        admission.admit_waiting()
    assert again.said == ["connect"]


async def test_a_full_look_that_waits_for_the_network_goes_first() -> None:
    """Its slot and the glance's never overlap."""
    admission, tools, clock = made(1.0)
    first, second = Wanting("192.0.2.1"), Wanting("192.0.2.2")
    admission.enter(first)
    admission.enter(second)
    entered = asyncio.Event()

    async def look() -> None:
        async with tools.pace.slot("192.0.2.3"):
            entered.set()

    task = asyncio.create_task(look())
    await asyncio.sleep(0)
    clock.time += 1.1
    admission.admit_waiting()
    assert second.said == []

    async with asyncio.timeout(5):
        await entered.wait()
    await task
    clock.time += 2.2
    admission.admit_waiting()
    assert second.said == ["connect"]


async def test_a_full_look_waits_for_the_glance_at_its_address() -> None:
    admission, tools, clock = made(1.0)
    admission.enter(Wanting("192.0.2.1"))
    clock.time += 5
    entered = asyncio.Event()

    async def look() -> None:
        async with tools.pace.slot("192.0.2.1"):
            entered.set()

    task = asyncio.create_task(look())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not entered.is_set()

    admission.leave("192.0.2.1")
    async with asyncio.timeout(5):
        await task


def test_glances_wait_for_a_socket() -> None:
    """In their order."""
    admission, tools, _ = made(0, sockets=1)
    first, second, third = (Wanting("192.0.2.1") for _ in range(3))
    for glance in (first, second, third):
        admission.enter(glance)
    assert (first.said, second.said, admission.waiting) == (["connect"], [], 2)

    admission.leave(first.address)
    admission.admit_freed()
    assert (second.said, third.said) == (["connect"], [])

    tools.concurrency.sockets.release()  # by a full look
    admission.admit_freed()
    assert third.said == []
    admission.admit_waiting()
    assert (third.said, admission.waiting) == (["connect"], 0)


def test_a_spent_budget_refuses() -> None:
    """The socket and the pace are given back."""
    admission, tools, _ = made(1.0, sockets=1, budget=Budget(max_connections=1))
    first, second = Wanting("192.0.2.1"), Wanting("198.51.100.1")
    admission.enter(first)
    admission.leave(first.address)
    admission.enter(second)

    assert second.said == ["the round's budget of connections is spent"]
    assert tools.concurrency.sockets.free == 1


def test_glances_wait_for_the_bytes_that_open_connections_may_still_need() -> None:
    """A connection reserves its most, and gives back what it does not read."""
    admission, tools, clock = made(0, budget=Budget(max_bytes=MAX_GLANCE_BYTES + 100))
    first, second = Wanting("192.0.2.1"), Wanting("192.0.2.2")
    admission.enter(first)
    admission.enter(second)
    assert second.said == []

    tools.pace.budget.count(50)
    admission.leave(first.address)
    clock.time += 1
    admission.admit_waiting()
    assert second.said == ["connect"]


def test_dropped_glances_never_connect() -> None:
    """Others of their queue do."""
    admission, _, clock = made(1.0)
    glances = [Wanting(f"192.0.2.{n}") for n in range(1, 4)]
    for glance in glances:
        admission.enter(glance)

    assert admission.drop({glances[0], glances[1]}) == [glances[1]]
    clock.time += 2
    admission.admit_waiting()
    assert [one.said for one in glances] == [["connect"], [], ["connect"]]
    assert admission.waiting == 0


def test_there_is_room_for_a_bounded_number() -> None:
    admission, _, _ = made(1.0)
    for _ in range(MAX_WAITING + 1):
        assert admission.has_room
        admission.enter(Wanting("192.0.2.1"))

    assert not admission.has_room
