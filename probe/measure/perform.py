"""Perform the steps that a plan asks for, at the same time where possible, and give it each observation at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import Any, Protocol

from probe.measure.chain_memory import ChainMemory
from probe.measure.failures import MAX_DETAIL_CHARACTERS, FailureInfo, OperationError
from probe.measure.step_timeout import StepTimeout
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
_loaded: dict[tuple[str, str], Any] = {}


def _loaded_from(table: Mapping[type[Step], tuple[str, str]], step: Step) -> Any:
    place = table[type(step)]
    found = _loaded.get(place)
    if found is None:
        found = _loaded[place] = getattr(import_module(place[0]), place[1])
    return found


BEGINNERS: dict[type[Step], tuple[str, str]] = {
    Resolve: ("probe.measure.resolve_at_once", "begin"),
    Connect: ("probe.measure.connect_at_once", "begin"),
    Handshake: ("probe.measure.connect_at_once", "begin"),
    Fetch: ("probe.measure.connect_at_once", "begin"),
}
"""Kind of step -> the module and the function that begins it without a task, where that is possible; a coroutine may
perform the rest."""


class StepUnderWay(Protocol):
    """A step that goes on without a task."""

    def close(self) -> None:
        """Give back what it holds; may be called again."""


def perform(
    plan: StepSource,
    tools: Tools,
    *,
    seconds: float | None = None,
    began: float | None = None,
    listening: Callable[[], None] | None = None,
) -> Coroutine[Any, Any, tuple[Observation, ...]]:
    """Perform all steps of a plan and return the observations in the order they were made, without our own addresses.

    Args:
        plan: gets each observation as soon as it exists.
        tools: shared resources of the steps.
        seconds: time for all steps; None for no limit. A step that it cuts off is observed as `Failure.LOCAL`, never as
            a time-out.
        began: the moment that observations count their times from, on the event loop's clock; now when None.
        listening: called once when every step left only listens for another DNS answer: half a second of passive
            waiting, which a late answer may end early.

    Raises:
        BaseExceptionGroup: the plan raised. An exception of a step becomes an observation (`Failure.BUG`).
    """
    moment = asyncio.get_running_loop().time() if began is None else began
    return _StepRunner(plan, tools, moment, listening).run(seconds)


class _StepRunner:
    """One run of one plan.

    Most plans have one step under way at a time, beside lookups that only listen. That step runs in the caller's own
    task; only others beside it get tasks.
    """

    __slots__ = (
        "_began",
        "_change",
        "_listening",
        "_memory",
        "_next",
        "_performs",
        "_plan",
        "_plan_error",
        "_running",
        "_tasks",
        "_tools",
        "_without_task",
        "observations",
    )

    def __init__(self, plan: StepSource, tools: Tools, began: float, listening: Callable[[], None] | None) -> None:
        self.observations: list[Observation] = []
        self._plan = plan
        self._tools = tools
        self._began = began
        self._running: dict[Step, bool] = {}
        """Step -> whether it only listens for more."""
        self._listening = listening
        self._memory = ChainMemory()
        self._next: tuple[Step, Coroutine[Any, Any, None] | None] | None = None
        """The step that the caller's own task performs next, and the rest of it where it was begun."""
        self._performs = False
        """The caller's own task performs a step."""
        self._change: asyncio.Future[None] | None = None
        """Ends the wait of the caller's own task."""
        self._tasks: set[asyncio.Task[None]] | None = None
        self._without_task: dict[Step, StepUnderWay] = {}
        self._plan_error: BaseException | None = None

    async def run(self, seconds: float | None) -> tuple[Observation, ...]:
        """Perform steps until none is under way and the plan asks for no more, or the time is over."""
        try:
            if seconds is None:
                await self._drive()
            else:
                with StepTimeout(seconds):
                    await self._drive()
        except TimeoutError:
            self._cut_off()
        finally:
            if self._tasks or self._without_task:
                await self._cancel()
        return self._tools.without_own_addresses(tuple(self.observations))

    async def _drive(self) -> None:
        self._start_pending()
        while True:
            if self._plan_error is not None:
                raise BaseExceptionGroup("the plan raised", [self._plan_error])
            following, self._next = self._next, None
            if following is not None:
                self._performs = True
                await self._run(*following)
                self._performs = False
            elif self._running:
                self._change = asyncio.get_running_loop().create_future()
                await self._change
                self._change = None
            else:
                return

    async def _cancel(self) -> None:
        """End everything that is under way."""
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        if self._next is not None and self._next[1] is not None:
            self._next[1].close()
        for step in tuple(self._without_task):
            self._without_task.pop(step).close()

    def _cut_off(self) -> None:
        """Observe the steps that the time limit cut off."""
        passed = FailureInfo(Failure.LOCAL, "the measurement's deadline passed")
        self.observations += [self._unperformed(step, passed) for step in self._running]

    def _start_pending(self) -> None:
        """Start the steps that the plan asks for now."""
        for step in self._plan.pending():
            self._running[step] = False
            if self._begin(step):
                continue
            if self._next is None and not self._performs:
                self._next = (step, None)
            else:
                self._start_task(self._run(step))
        if self._listening is not None and all(self._running.values()):
            self._listening()
            self._listening = None

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _begin(self, step: Step) -> bool:
        """Begin a step that needs no task; False where it needs one."""
        if type(step) not in BEGINNERS or self._tools.watcher is not None:
            return False

        def ended(rest: Coroutine[Any, Any, None] | None) -> None:
            if rest is None:
                self._end(step)
            elif self._next is None and not self._performs:
                self._next = (step, rest)
                self._wake()
            else:
                self._start_task(self._run(step, rest))

        timestamps = Timestamps(self._began, step.position, self._memory)
        begun: StepUnderWay | None = _loaded_from(BEGINNERS, step)(
            step, self._tools, timestamps, lambda one: self._take(step, one), ended
        )
        if begun is not None:
            self._without_task[step] = begun
        return begun is not None

    async def _run(self, step: Step, rest: Coroutine[Any, Any, None] | None = None) -> None:
        """Perform a step, or the rest of one that was begun without a task; the plan's own exceptions end here."""

        def emit(observation: Observation) -> None:
            self._take(step, observation)
            if self._plan_error is not None:
                raise self._plan_error

        try:
            if rest is not None:
                await rest
            else:
                if self._tools.watcher is not None:
                    await self._tools.watcher.watch(step)
                timestamps = Timestamps(self._began, step.position, self._memory)
                await _loaded_from(PERFORMERS, step)(step, self._tools, timestamps, emit)
        except Exception as error:  # noqa: BLE001 - a fault of a step is observed
            if error is not self._plan_error:
                bug = FailureInfo(Failure.BUG, f"{type(error).__name__}: {error}"[:MAX_DETAIL_CHARACTERS])
                self._take(step, self._unperformed(step, error.info if isinstance(error, OperationError) else bug))
        self._end(step)

    def _take(self, step: Step, observation: Observation) -> None:
        """Pass an observation to the plan, and start the steps that follow from it."""
        self.observations.append(observation)
        self._running[step] = step.listens_on
        try:
            self._plan.observe(step, observation)
            self._start_pending()
        except BaseException as error:  # noqa: BLE001 - raised by the caller's own task
            self._plan_error = error
        self._wake()

    def _end(self, step: Step) -> None:
        """Tell the plan of a step's end, and start the steps that follow from it."""
        del self._running[step]
        begun = self._without_task.pop(step, None)
        if begun is not None:
            begun.close()
        try:
            self._plan.finish(step)
            self._start_pending()
        except BaseException as error:  # noqa: BLE001 - as above
            self._plan_error = error
        self._wake()

    def _wake(self) -> None:
        """Let the caller's own task go on where it has anything to do."""
        change = self._change
        if change is None or change.done():
            return
        if self._next is not None or not self._running or self._plan_error is not None:
            change.set_result(None)

    def _unperformed(self, step: Step, failed: FailureInfo) -> Observation:
        """Return the observation of a step that could not be performed."""
        at = max(0, int((asyncio.get_running_loop().time() - self._began) * 1000))
        return step.unperformed(failed.failure, failed.detail, at)
