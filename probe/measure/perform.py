"""Perform the steps that a plan asks for, at the same time where possible, and give it each observation at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from probe.measure.chain_memory import ChainMemory
from probe.measure.failures import MAX_DETAIL_CHARACTERS, FailureInfo, OperationError
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.step import Connect, ConnectEach, Fetch, Handshake, QuicHandshake, Resolve, Send, Step, Trace


class StepSource(Protocol):
    """A plan: a state machine without a clock and without a network."""

    def pending(self) -> tuple[Step, ...]:
        """Return the steps to start now; each step is returned once."""

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in an observation of a step."""

    def finish(self, step: Step) -> None:
        """Take in that a step makes no more observations."""


PERFORMERS: dict[type[Step], tuple[str, str]] = {
    Resolve: ("probe.measure.resolve", "resolve"),
    Connect: ("probe.measure.connect", "connect"),
    ConnectEach: ("probe.measure.connect_each", "connect_each"),
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
    """Perform all steps of a plan and return the observations in the order they were made.

    Args:
        plan: gets each observation as soon as it exists.
        tools: shared resources of the steps.
        deadline: end of all steps, on the event loop's clock; None for none. A step that it cuts off is observed as
            `Failure.LOCAL`, never as a time-out.
        began: the moment that observations count their times from; now when None.
        listening: called once when every step left only listens for another DNS answer: half a second of passive
            waiting, which a late answer may end early.

    Raises:
        BaseExceptionGroup: the plan raised. An exception of a step becomes an observation (`Failure.BUG`).
    """
    runner = _StepRunner(plan, tools, asyncio.get_running_loop().time() if began is None else began, listening)
    try:
        async with asyncio.timeout_at(deadline), asyncio.TaskGroup() as group:
            runner.start_pending(group)
    except TimeoutError:
        runner.cut_off()
    return tuple(runner.observations)


class _StepRunner:
    """One run of one plan."""

    def __init__(self, plan: StepSource, tools: Tools, began: float, listening: Callable[[], None] | None) -> None:
        self.observations: list[Observation] = []
        self._plan = plan
        self._tools = tools
        self._began = began
        self._running: dict[Step, bool] = {}
        """Step -> whether it only listens for more."""
        self._listening = listening
        self._memory = ChainMemory()
        self._plan_error: BaseException | None = None

    def start_pending(self, group: asyncio.TaskGroup) -> None:
        """Start the steps that the plan asks for now."""
        for step in self._plan.pending():
            self._running[step] = False
            group.create_task(self._run(step, group))
        if self._listening is not None and all(self._running.values()):
            self._listening()
            self._listening = None

    def cut_off(self) -> None:
        """Observe the steps that the deadline cut off."""
        passed = FailureInfo(Failure.LOCAL, "the measurement's deadline passed")
        self.observations += [self._unperformed(step, passed) for step in self._running]

    async def _run(self, step: Step, group: asyncio.TaskGroup) -> None:
        timestamps = Timestamps(self._began, step.position, self._memory)

        def emit(observation: Observation) -> None:
            self.observations.append(observation)
            self._running[step] = step.listens_on
            try:
                self._plan.observe(step, observation)
                self.start_pending(group)
            except BaseException as error:
                self._plan_error = error
                raise

        try:
            if self._tools.watcher is not None:
                await self._tools.watcher.watch(step)
            await _performer(step)(step, self._tools, timestamps, emit)
        except Exception as error:
            if error is self._plan_error:
                raise
            bug = FailureInfo(Failure.BUG, f"{type(error).__name__}: {error}"[:MAX_DETAIL_CHARACTERS])
            emit(self._unperformed(step, error.info if isinstance(error, OperationError) else bug))
        del self._running[step]
        self._plan.finish(step)
        self.start_pending(group)

    def _unperformed(self, step: Step, failed: FailureInfo) -> Observation:
        """Return the observation of a step that could not be performed."""
        at = max(0, int((asyncio.get_running_loop().time() - self._began) * 1000))
        return step.unperformed(failed.failure, failed.detail, at)
