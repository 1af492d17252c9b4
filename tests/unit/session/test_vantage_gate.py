"""Whether the vantage can say anything at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from probe.model.failure import Failure
from probe.model.verdict import AnchorKind, AnchorLook, Status, Vantage, VantageState, Verdict
from probe.session.vantage_gate import Muteness
from tests.unit.agent.virtual_clock import VirtualClock


class Anchors:
    """One anchor that works or not, and how often it was looked at."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.working = True
        self.looks: list[AnchorLook] = []
        self.began = 0.0

    async def fresh(self, since: float) -> tuple[AnchorLook, ...]:
        """As `AnchorWatch.fresh`."""
        if not self.looks or self.began < since:
            self.began = self.clock.monotonic()
            failure = None if self.working else Failure.TIMEOUT
            look = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=self.clock.now(), failure=failure)
            self.looks.append(look)
        return (self.looks[-1],)


def verdict(state: VantageState, time: datetime) -> Verdict:
    return Verdict(time=time, target="a", status=Status.UNKNOWN, vantage=Vantage(state=state))


@pytest.fixture
async def anchors() -> AsyncIterator[Anchors]:
    made = Anchors()
    leaping = asyncio.create_task(made.clock.leap())
    yield made
    leaping.cancel()


async def test_a_vantage_that_works_is_not_asked_before_each_target(anchors: Anchors) -> None:
    muteness = Muteness(anchors.fresh, anchors.clock)

    assert await muteness.look() is VantageState.ONLINE
    assert [await muteness.holds() for _ in range(100)] == [False] * 100
    assert len(anchors.looks) == 1


@pytest.mark.parametrize("state", [VantageState.OFFLINE, VantageState.PORTAL])
async def test_one_verdict_that_says_so_is_enough_and_the_line_gets_a_moment_to_come_back(
    anchors: Anchors, state: VantageState
) -> None:
    muteness = Muteness(anchors.fresh, anchors.clock)
    anchors.working = False
    began = anchors.clock.monotonic()
    muteness.saw(verdict(state, anchors.clock.now()))

    assert [await muteness.holds() for _ in range(100)] == [True] * 100
    assert 15 <= anchors.clock.monotonic() - began <= 20, "the hundred do not wait one after another"
    assert len(anchors.looks) <= 6
    assert muteness.state is VantageState.OFFLINE


async def test_a_line_that_comes_back_is_used_again(anchors: Anchors) -> None:
    muteness = Muteness(anchors.fresh, anchors.clock)
    await muteness.look()
    muteness.saw(verdict(VantageState.OFFLINE, anchors.clock.now()))

    assert not await muteness.holds()
    assert not await muteness.holds()
    assert len(anchors.looks) == 2


async def test_a_line_that_was_dead_from_the_start_is_not_waited_for(anchors: Anchors) -> None:
    muteness = Muteness(anchors.fresh, anchors.clock)
    anchors.working = False
    await muteness.look()

    assert [await muteness.holds() for _ in range(100)] == [True] * 100
    assert anchors.clock.monotonic() == 0
    assert len(anchors.looks) == 1


async def test_an_allow_list_says_something_still(anchors: Anchors) -> None:
    muteness = Muteness(anchors.fresh, anchors.clock)
    muteness.saw(verdict(VantageState.ALLOWLIST, anchors.clock.now()))

    assert not await muteness.holds()
