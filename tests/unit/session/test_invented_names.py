"""Queries for names that nobody has: who shares one, when it is sent, and what the evidence says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from probe.measure.perform import StepSource
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Observation
from probe.model.resolution import Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve
from probe.plan.plan import NoListener, Plan
from probe.session import invented_names
from probe.session.invented_names import InventedNames, InventedNameWatch

RESOLVER, OTHER_RESOLVER = "udp:9.9.9.9:53", "udp:1.1.1.1:53"


@pytest.fixture(autouse=True)
def _gathers_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invented_names, "GATHER_SECONDS", 0.01)


def query(name: str, resolver: str = RESOLVER, hop: int = 0, purpose: Purpose = Purpose.GHOST) -> Resolve:
    """A query of a target."""
    position = StepPosition(hop=hop, purpose=purpose)
    return Resolve(name=name, rrtype="A", resolver=resolver, trust=Trust.NETWORK, position=position)


class Line:
    """A stand-in for the network: keeps the queries, and denies each name once `answers` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Resolve] = []
        self.sent = asyncio.Event()
        self.answers = asyncio.Event()
        self.error = error

    async def perform(self, plan: StepSource) -> tuple[Observation, ...]:
        """Perform a query."""
        (step,) = plan.pending()
        assert isinstance(step, Resolve)
        self.asked.append(step)
        self.sent.set()
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return (step.unperformed(Failure.NXDOMAIN, "", 5),)


def watch(names: InventedNames, line: Line, *queries: Resolve) -> InventedNameWatch:
    """A target whose plan has asked for these queries."""
    plan = Plan()
    for step in queries:
        plan.queue.add(step, NoListener())
    found = InventedNameWatch(plan, names, line.perform)
    kept = tuple(step for step in queries if step.position.purpose is not Purpose.GHOST)
    assert found.pending() == kept
    return found


async def observed(one: InventedNameWatch, released: list[Any] | None = None) -> tuple[Observation, ...]:
    """What a measurement that began a minute ago observes beside its own steps."""
    release = None if released is None else lambda: released.append(one)
    return await one.observed((), asyncio.get_running_loop().time() - 60, release)


async def test_targets_that_want_one_at_the_same_moment_share_it() -> None:
    """One name is asked for. It stands in each one's evidence, at the hop that wanted it."""
    line, names = Line(), InventedNames()
    watches = [watch(names, line, query(f"invented{hop}.com", hop=hop)) for hop in range(3)]
    line.answers.set()

    seen = await asyncio.gather(*(observed(one) for one in watches))

    assert [step.name for step in line.asked] == ["invented0.com"]
    found = [one for (one,) in seen if isinstance(one, Resolution)]
    assert [(one.name, one.hop, one.purpose) for one in found] == [
        ("invented0.com", hop, Purpose.GHOST) for hop in range(3)
    ]
    assert all(one.at >= 60_005 for one in found), "the time is that of the target's measurement"


async def test_a_target_that_comes_once_it_is_sent_begins_another() -> None:
    """A portal may have come up, or an upstream been lost: an answer from before proves nothing."""
    line, names = Line(), InventedNames()
    first = asyncio.create_task(observed(watch(names, line, query("early.com"))))
    await line.sent.wait()
    late = watch(names, line, query("late.com"))
    line.answers.set()

    ((seen,), _) = await asyncio.gather(observed(late), first)

    assert [step.name for step in line.asked] == ["early.com", "late.com"]
    assert isinstance(seen, Resolution)
    assert seen.name == "late.com"


async def test_each_resolver_is_asked() -> None:
    """What one says shows nothing about another."""
    line, names = Line(), InventedNames()
    line.answers.set()
    seen = await observed(watch(names, line, query("a.com"), query("b.com", OTHER_RESOLVER)))
    assert [one.resolver for one in seen if isinstance(one, Resolution)] == [RESOLVER, OTHER_RESOLVER]


async def test_other_steps_stay_with_the_plan() -> None:
    """Nothing is shared, and nothing waited for."""
    line, names = Line(), InventedNames()
    assert await observed(watch(names, line, query("own.com", purpose=Purpose.SUBJECT))) == ()
    assert line.asked == []


async def test_the_slot_is_released_while_a_query_is_waited_for() -> None:
    """A silent resolver holds up no other target."""
    line, names, released = Line(), InventedNames(), list[Any]()
    waiting = asyncio.create_task(observed(watch(names, line, query("a.com")), released))
    await asyncio.sleep(0)
    assert len(released) == 1
    line.answers.set()
    assert len(await waiting) == 1


async def test_a_fault_reaches_every_target_that_waits() -> None:
    """Each verdict names it."""
    line, names = Line(ValueError("fault")), InventedNames()
    watches = [watch(names, line, query("a.com")) for _ in range(2)]
    line.answers.set()
    found = await asyncio.gather(*(observed(one) for one in watches), return_exceptions=True)
    assert [str(one) for one in found] == ["fault", "fault"]


@pytest.mark.parametrize("sent", [False, True])
async def test_the_end_of_a_session_ends_its_queries(sent: bool) -> None:
    """Those that gather, and those that are sent; a later pass can ask again."""
    line, names = Line(), InventedNames()
    waiting = asyncio.create_task(observed(watch(names, line, query("a.com"))))
    if sent:
        await line.sent.wait()

    await names.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    line.answers.set()
    assert len(await observed(watch(names, line, query("b.com")))) == 1
