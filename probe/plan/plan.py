"""The plan interface, and the queue of steps that the parts of a plan share.

A plan is a pure machine without a clock, chance or network::

    pending() -> steps      the steps to perform now; each is handed out once
    observe(step, seen)     one observation of a step, as soon as it is made; a step may make several
    finish(step)            the step makes no more observations

A measurement is complete when no step is under way and `pending()` is empty. A part of a plan (a name's lookup, a hop)
adds its steps to the plan's one `StepQueue` and receives the observations of these steps only.

Two large pages at one address share what a limiter lets through, so that neither has a speed of its own. A part that
compares speeds therefore reserves the address: the other parts' pages there wait until it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from probe.model.observation import Conversation, Observation
from probe.model.step import Fetch, Step


class StepListener(Protocol):
    """A part of a plan that receives the observations of the steps it added."""

    def observed(self, step: Step, seen: Observation) -> None:
        """Take in one observation of the step."""

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Take in the end of the step, with all of its observations."""


class NoListener:
    """A listener that ignores its observations: they are in the evidence for readers only."""

    def observed(self, step: Step, seen: Observation) -> None:
        """Ignore the observation."""

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Ignore the end."""


class StepQueue:
    """The steps of one plan: added once, handed out once, each with its listener and its observations."""

    def __init__(self) -> None:
        self._listeners: dict[Step, StepListener] = {}
        self._seen: dict[Step, list[Observation]] = {}
        self._fresh: list[Step] = []
        self._reserved: tuple[StepListener, str] | None = None
        self._at_failure: list[Callable[[], None]] = []

    def add(self, step: Step, listener: StepListener) -> bool:
        """Queue a step for the listener; False for a step equal to an earlier one, which is not performed again."""
        if step in self._listeners:
            return False
        self._listeners[step] = listener
        self._seen[step] = []
        self._fresh.append(step)
        return True

    def take(self) -> tuple[Step, ...]:
        """Take the steps that were not handed out yet and do not wait for a reservation."""
        waiting = [step for step in self._fresh if self._waits(step)]
        fresh, self._fresh = tuple(step for step in self._fresh if step not in waiting), waiting
        return fresh

    def reserve(self, address: str, listener: StepListener) -> None:
        """Let no other part fetch pages at an address until `release`; nothing while another has its reservation.

        There is one reservation at a time. Its holder never waits, so that no two parts wait for each other.
        """
        if self._reserved is None:
            self._reserved = (listener, address)

    def release(self, listener: StepListener) -> None:
        """End the reservation of this part, if it has one."""
        if self._reserved is not None and self._reserved[0] is listener:
            self._reserved = None

    def observe(self, step: Step, seen: Observation) -> None:
        """Record an observation and pass it to the step's listener."""
        self._seen[step].append(seen)
        self._listeners[step].observed(step, seen)

    def finish(self, step: Step) -> None:
        """Pass the end of a step to its listener."""
        seen = tuple(self._seen[step])
        if self._at_failure and any(isinstance(one, Conversation) and one.failure is not None for one in seen):
            for call in self._at_failure:
                call()
        self._listeners[step].finished(step, seen)

    def call_at_failure(self, call: Callable[[], None]) -> None:
        """Call this whenever a step ends that failed to connect or to converse with a server."""
        self._at_failure.append(call)

    def _waits(self, step: Step) -> bool:
        if self._reserved is None or not isinstance(step, Fetch):
            return False
        holder, address = self._reserved
        return step.address == address and self._listeners[step] is not holder


class Plan:
    """A plan as `probe.measure.perform` drives it; a subclass queues its first steps when it is created."""

    def __init__(self) -> None:
        self.queue = StepQueue()

    def pending(self) -> tuple[Step, ...]:
        """The steps to perform now; empty while the plan waits for those under way."""
        return self.queue.take()

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in one observation of a step.

        Raises:
            KeyError: the step is not one of this plan's.
        """
        self.queue.observe(step, observation)

    def finish(self, step: Step) -> None:
        """Take in the end of a step.

        Raises:
            KeyError: the step is not one of this plan's.
        """
        self.queue.finish(step)
