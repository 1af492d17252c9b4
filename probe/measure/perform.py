"""Drives a plan: does what it asks for, all at once where it may, and tells it what was seen the moment it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from probe.measure.failures import MAX_DETAIL, FailureInfo, OperationError
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Resolve, Send, Step, Trace


class StepSource(Protocol):
    """What is driven: a machine without a clock and without a network."""

    def pending(self) -> tuple[Step, ...]:
        """What to do now; each step is handed out once."""

    def observe(self, step: Step, observation: Observation) -> None:
        """Be told what a step saw."""

    def finish(self, step: Step) -> None:
        """Be told that a step will see no more."""


PERFORMERS: dict[type[Step], tuple[str, str]] = {
    Resolve: ("probe.measure.resolve", "resolve"),
    Connect: ("probe.measure.connect", "connect"),
    Handshake: ("probe.measure.handshake", "handshake"),
    Fetch: ("probe.measure.fetch", "fetch"),
    Send: ("probe.measure.send", "send"),
    QuicHandshake: ("probe.measure.quic", "quic"),
    Trace: ("probe.measure.trace", "trace"),
}
"""Kind of step -> the module and the coroutine that perform it. A module is imported when its first step comes, so that
a round of DNS lookups does not import HTTP: start-up time counts for a cron job."""
_loaded: dict[type, Any] = {}


def _performer(step: Step) -> Any:
    kind = type(step)
    found = _loaded.get(kind)
    if found is None:
        module, name = PERFORMERS[kind]
        found = _loaded[kind] = getattr(import_module(module), name)
    return found


async def perform(
    plan: StepSource,
    tools: Tools,
    *,
    deadline: float | None = None,
    began: float | None = None,
    listening: Callable[[], None] | None = None,
) -> tuple[Observation, ...]:
    """Do all that the plan asks for.

    Args:
        plan: is told of each observation as soon as it exists.
        tools: what steps need.
        deadline: the moment on the event loop's clock at which everything ends; what is then under way is noted as
            cut short by ourselves (`Failure.LOCAL`), never as a time-out. None for no such moment: each step ends by
            itself.
        began: the moment from which observations count their time; now when None.
        listening: called once all that is under way are questions that were answered, and listen for another answer:
            half a second in which nothing is done (a late answer may end it early).

    Returns:
        The observations in the order they were made.

    Raises:
        BaseExceptionGroup: the plan itself failed. What a step raises becomes an observation (`Failure.BUG`).
    """
    performance = _StepRunner(plan, tools, asyncio.get_running_loop().time() if began is None else began, listening)
    try:
        async with asyncio.timeout_at(deadline), asyncio.TaskGroup() as group:
            performance.begin(group)
    except TimeoutError:
        performance.cut_short()
    return tuple(performance.seen)


class _StepRunner:
    """One run of one plan."""

    def __init__(self, plan: StepSource, tools: Tools, began: float, listening: Callable[[], None] | None) -> None:
        self.seen: list[Observation] = []
        self._plan = plan
        self._tools = tools
        self._began = began
        self._under_way: dict[Step, bool] = {}
        """Step -> whether it only listens for more."""
        self._listening = listening
        self._broken: BaseException | None = None

    def begin(self, group: asyncio.TaskGroup) -> None:
        """Start what the plan asks for now."""
        for step in self._plan.pending():
            self._under_way[step] = False
            group.create_task(self._run(step, group))
        if self._listening is not None and all(self._under_way.values()):
            self._listening()
            self._listening = None

    async def _run(self, step: Step, group: asyncio.TaskGroup) -> None:
        timestamps = Timestamps(self._began, step.position)

        def emit(observation: Observation) -> None:
            self.seen.append(observation)
            self._under_way[step] = step.listens_on
            try:
                self._plan.observe(step, observation)
                self.begin(group)
            except BaseException as error:
                self._broken = error
                raise

        try:
            if self._tools.watcher is not None:
                await self._tools.watcher.watch(step)
            await _performer(step)(step, self._tools, timestamps, emit)
        except Exception as error:
            if error is self._broken:
                raise
            bug = FailureInfo(Failure.BUG, f"{type(error).__name__}: {error}"[:MAX_DETAIL])
            emit(self._unperformed(step, error.info if isinstance(error, OperationError) else bug))
        del self._under_way[step]
        self._plan.finish(step)
        self.begin(group)

    def cut_short(self) -> None:
        """Note the steps that the deadline cut off."""
        passed = FailureInfo(Failure.LOCAL, "the measurement's deadline passed")
        self.seen += [self._unperformed(step, passed) for step in self._under_way]

    def _unperformed(self, step: Step, failed: FailureInfo) -> Observation:
        """The observation of a step that could not be performed."""
        at = max(0, int((asyncio.get_running_loop().time() - self._began) * 1000))
        return step.unperformed(failed.failure, failed.detail, at)
