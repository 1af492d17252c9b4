"""Targets are skipped while nothing can be concluded at the vantage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from probe.model.verdict import Status, Vantage, VantageState, Verdict
from probe.session.vantage_gate import VantageGate
from tests.unit.virtual_clock import VirtualClock


class Anchors:
    """Anchors whose result the test sets, and the times of the looks at them."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.state = VantageState.ONLINE
        self.looks: list[float] = []
        self.seen = Vantage(state=VantageState.ONLINE)

    async def look(self, earliest: float) -> Vantage:
        """Stand in for `look_at_vantage`."""
        if not self.looks or self.looks[-1] < earliest:
            self.looks.append(self.clock.monotonic())
            self.seen = Vantage(state=self.state)
        return self.seen

    def verdict(self, state: VantageState) -> Verdict:
        """Return a verdict made in this state of the vantage."""
        return Verdict(time=self.clock.now(), target="a", status=Status.UNKNOWN, vantage=Vantage(state=state))


@pytest.fixture
async def anchors() -> AsyncIterator[Anchors]:
    made = Anchors()
    leaping = asyncio.create_task(made.clock.leap())
    yield made
    leaping.cancel()


async def test_before_the_first_look_the_gate_is_open(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)

    assert (gate.looked, gate.vantage.state, gate.is_open) == (False, VantageState.ONLINE, True)
    assert await gate.try_to_open()
    assert anchors.looks == []


async def test_at_a_vantage_that_works_the_anchors_are_not_asked_before_each_target(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)

    assert (await gate.look()).state is VantageState.ONLINE
    assert gate.looked
    assert [await gate.try_to_open() for _ in range(100)] == [True] * 100
    assert len(anchors.looks) == 1


@pytest.mark.parametrize("state", [VantageState.OFFLINE, VantageState.PORTAL])
async def test_one_verdict_closes_the_gate_after_the_line_had_time_to_come_back(
    anchors: Anchors, state: VantageState
) -> None:
    """A hundred targets wait together, not one after another."""
    gate = VantageGate(anchors.look, anchors.clock)
    await gate.look()
    await anchors.clock.sleep(100)
    anchors.state = state
    began = anchors.clock.monotonic()
    gate.add(anchors.verdict(state))

    assert not gate.is_open
    assert [await gate.try_to_open() for _ in range(100)] == [False] * 100
    assert 15 <= anchors.clock.monotonic() - began <= 20
    assert len(anchors.looks) <= 7
    assert gate.vantage.state is state


async def test_more_verdicts_of_a_dead_line_do_not_prolong_the_wait(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)
    anchors.state = VantageState.OFFLINE
    gate.add(anchors.verdict(VantageState.OFFLINE))
    await gate.try_to_open()
    waited = anchors.clock.monotonic()
    gate.add(anchors.verdict(VantageState.OFFLINE))

    assert not await gate.try_to_open()
    assert anchors.clock.monotonic() == waited


async def test_a_line_that_comes_back_opens_the_gate(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)
    await gate.look()
    gate.add(anchors.verdict(VantageState.OFFLINE))

    assert await gate.try_to_open()
    assert gate.is_open
    assert await gate.try_to_open()
    assert len(anchors.looks) == 2


async def test_a_line_that_was_dead_from_the_start_is_not_waited_for(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)
    anchors.state = VantageState.OFFLINE
    await gate.look()

    assert [await gate.try_to_open() for _ in range(100)] == [False] * 100
    assert anchors.clock.monotonic() == 0
    assert len(anchors.looks) == 1


async def test_a_look_counts_for_half_a_minute_while_the_gate_is_closed(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)
    anchors.state = VantageState.OFFLINE
    await gate.look()
    anchors.state = VantageState.ONLINE

    await anchors.clock.sleep(29)
    assert not await gate.try_to_open()
    await anchors.clock.sleep(2)
    assert await gate.try_to_open()
    assert len(anchors.looks) == 2


async def test_an_allow_list_leaves_the_gate_open(anchors: Anchors) -> None:
    gate = VantageGate(anchors.look, anchors.clock)
    gate.add(anchors.verdict(VantageState.ALLOWLIST))

    assert await gate.try_to_open()
