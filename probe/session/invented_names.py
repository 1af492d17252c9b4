"""Ask a resolver for a name that nobody has once for all targets that want it at about the same moment.

What the resolver says of such a name tells a lie about one name from a resolver that rewrites every denial, or that has
lost its upstream. It counts only where the resolver is asked after the target's own answer: a captive portal may have
come up between the two, or an upstream been lost. So a query waits for a moment, in which other targets join it; one
that comes later begins another. All of them have the answer in their evidence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from probe.lazy import lazy
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Observation
from probe.model.step import Step

if TYPE_CHECKING:
    from probe.measure.perform import StepSource
    from probe.plan import dns
else:
    dns = lazy("probe.plan.dns")

PerformQuery = Callable[["StepSource"], Coroutine[Any, Any, tuple[Observation, ...]]]
"""Performs the plan of a query (`probe.measure.perform.perform`)."""

GATHER_SECONDS = 0.25
"""Real seconds for which a query waits for other targets. Full looks of a pass that fail alike mostly fail within it.
No longer: beside a query that is sent after a resolver has recovered, the failure before would look like a lie."""


class QueryOutcome(NamedTuple):
    """What a shared query showed.

    Attributes:
        asked: when it was sent, in seconds of the event loop's clock.
        seen: what was observed, with times from that moment on.
    """

    asked: float
    seen: tuple[Observation, ...]


class InventedNames:
    """The queries for invented names that wait for targets to join, or for an answer."""

    def __init__(self) -> None:
        self._gathering: dict[Step, asyncio.Task[QueryOutcome]] = {}
        self._asked: set[asyncio.Task[QueryOutcome]] = set()

    def join(self, step: Step, perform: PerformQuery) -> asyncio.Task[QueryOutcome]:
        """The query to the step's resolver that is not sent yet; a new one where there is none.

        Args:
            step: the query that a target wants.
            perform: performs the plan of a new query.
        """
        key = _alike(step)
        task = self._gathering.get(key)
        if task is None:
            task = self._gathering[key] = asyncio.create_task(self._ask(step, perform))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        return task

    async def close(self) -> None:
        """End the queries that wait or are under way."""
        tasks = list(self._asked)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._gathering.clear()

    async def _ask(self, step: Step, perform: PerformQuery) -> QueryOutcome:
        await asyncio.sleep(GATHER_SECONDS)
        del self._gathering[_alike(step)]
        return QueryOutcome(asyncio.get_running_loop().time(), await perform(dns.QueryPlan(step)))


class InventedNameWatch:
    """A target's plan, whose queries for invented names are shared with other targets.

    Args:
        plan: of the target.
        names: the shared queries.
        perform: performs the plan of a query.
    """

    def __init__(self, plan: StepSource, names: InventedNames, perform: PerformQuery) -> None:
        self._plan = plan
        self._names = names
        self._perform = perform
        self._joined: list[tuple[StepPosition, asyncio.Task[QueryOutcome]]] = []

    def pending(self) -> tuple[Step, ...]:
        """The steps to perform, without the queries for invented names, which are joined now."""
        steps = self._plan.pending()
        if not any(step.position.purpose is Purpose.GHOST for step in steps):
            return steps
        kept = []
        for step in steps:
            if step.position.purpose is Purpose.GHOST:
                self._joined.append((step.position, self._names.join(step, self._perform)))
            else:
                kept.append(step)
        return tuple(kept)

    def observe(self, step: Step, observation: Observation) -> None:
        """Pass on an observation."""
        self._plan.observe(step, observation)

    def finish(self, step: Step) -> None:
        """Pass on the end of a step."""
        self._plan.finish(step)

    async def observed(
        self, seen: tuple[Observation, ...], began: float, release: Callable[[], None] | None
    ) -> tuple[Observation, ...]:
        """The observations of the measurement with those of the queries that it joined.

        Args:
            seen: of the target's plan.
            began: start of the measurement, in seconds of the event loop's clock.
            release: called before a query is waited for.
        """
        for position, task in self._joined:
            if release is not None and not task.done():
                release()
            asked, made = await asyncio.shield(task)
            shift = int((asked - began) * 1000)
            seen += tuple(replace(one, at=one.at + shift, chain=position.chain, hop=position.hop) for one in made)
        return seen


def _alike(step: Step) -> Step:
    """What the queries have in common that may be one: all but the name, and the place in the target."""
    return replace(step, name="", position=StepPosition(purpose=Purpose.GHOST))
