"""The shape of every plan: it asks for steps and is told what they saw.

A plan is a machine without a clock, without chance and without a network::

    pending() -> steps      what to do now; each step is handed out once
    observe(step, seen)     as soon as a step has seen something; a step may see several things
    over(step)              that step will see no more

A measurement has ended when nothing is under way and `pending()` is empty. Parts of a plan (a name being looked up, a
hop being tried) are machines of the same kind that put their steps on one `Slate` and are told of those steps alone.
"""

from __future__ import annotations

from typing import Protocol

from probe.model.observation import Observation
from probe.model.step import Step


class Asker(Protocol):
    """A part of a plan: whoever asked for a step is told what became of it."""

    def told(self, step: Step, seen: Observation) -> None:
        """The step saw this."""

    def ended(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """The step is over; this is all it saw."""


class Unheard:
    """An asker to whom the answer makes no difference: it stands in the evidence for readers."""

    def told(self, step: Step, seen: Observation) -> None:
        """Nothing follows."""

    def ended(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Nothing follows."""


class Slate:
    """The steps of one plan: asked for, handed out, seen."""

    def __init__(self) -> None:
        self._asked: dict[Step, Asker] = {}
        self._seen: dict[Step, list[Observation]] = {}
        self._fresh: list[Step] = []

    def ask(self, step: Step, asker: Asker) -> bool:
        """Put a step on the slate for the asker; False when the very same step stood there before."""
        if step in self._asked:
            return False
        self._asked[step] = asker
        self._seen[step] = []
        self._fresh.append(step)
        return True

    def take(self) -> tuple[Step, ...]:
        """The steps not handed out yet."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def told(self, step: Step, seen: Observation) -> None:
        """Pass on to the asker what its step saw."""
        self._seen[step].append(seen)
        self._asked[step].told(step, seen)

    def ended(self, step: Step) -> None:
        """Tell the asker that its step is over."""
        self._asked[step].ended(step, tuple(self._seen[step]))


class Plan:
    """What `probe.measure` drives. Subclasses put their first steps on the slate when they are made."""

    def __init__(self) -> None:
        self.slate = Slate()

    def pending(self) -> tuple[Step, ...]:
        """What to do now; empty while the plan waits for what is under way."""
        return self.slate.take()

    def observe(self, step: Step, observation: Observation) -> None:
        """Be told what a step saw, as soon as it saw it.

        Raises:
            KeyError: the step is not one of this plan's.
        """
        self.slate.told(step, observation)

    def over(self, step: Step) -> None:
        """Be told that a step will see no more.

        Raises:
            KeyError: the step is not one of this plan's.
        """
        self.slate.ended(step)
