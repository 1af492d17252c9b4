"""Holds back what our own pace may have caused, until that is known.

A verdict with a handshake in which nothing came back is held while everything else was silent, too. At the end of a
pass the run of silences is over, or it is waited for: one target of it is tried now and then for two and a half
minutes. Where it answers again, the network had punished our pace, and what failed meanwhile is `unknown`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from probe.clock import Clock
from probe.judge.policing import HEALS, Freeze, Handshake, acquitted, freezes, handshakes, policed
from probe.model.verdict import Status, VantageState, Verdict

REST = timedelta(seconds=65)
"""How long a frozen line is left alone before it is tried: it is frozen for about a minute."""
PAUSE = timedelta(seconds=10)
"""Between two tries after that."""

Measure = Callable[[Verdict], Awaitable[Verdict]]
"""Measures the target of a verdict once more."""


class PaceWatch:
    """Over one pass.

    Args:
        clock: says when, and waits.
        measure: tries a target again.
    """

    def __init__(self, clock: Clock, measure: Measure) -> None:
        self._clock = clock
        self._measure = measure
        self._handshakes: list[Handshake] = []
        self._stood: list[datetime] = []
        self._held: list[Verdict] = []

    def saw(self, verdict: Verdict) -> list[Verdict]:
        """Take in a verdict; those that may go out now, this one or others that were held."""
        seen = handshakes(verdict)
        self._handshakes += seen
        fresh = [one.begun for one in seen if not one.silent]
        for begun in fresh:
            insort(self._stood, begun)
        freed = [held for held in self._held if not self._doubtful(held)] if fresh and self._held else []
        for held in freed:
            self._held.remove(held)
        if self._doubtful(verdict):
            self._held.append(verdict)
            return freed
        return [*freed, verdict]

    async def settle(self, *, patient: bool = True) -> list[tuple[Verdict, Verdict]]:
        """The verdicts still held, each with what is to go out in its place.

        Args:
            patient: wait for a freeze that is not over; else what it covers is taken for our own doing.
        """
        found = self._found()
        if patient and any(freeze.healed is None for freeze in found):
            await self._wait(next(freeze for freeze in found if freeze.healed is None))
            found = [freeze for freeze in self._found() if freeze.healed is not None]
        held, self._held = self._held, []
        return [
            (verdict, policed(verdict) if any(freeze.covers(verdict) for freeze in found) else verdict)
            for verdict in held
        ]

    def _found(self) -> list[Freeze]:
        """The freezes that a held verdict may have been made in."""
        found = freezes(self._handshakes) if self._held else ()
        return [freeze for freeze in found if any(freeze.covers(verdict) for verdict in self._held)]

    def _doubtful(self, verdict: Verdict) -> bool:
        """Whether the line may have been frozen when the verdict was made."""
        if verdict.status is Status.REACHABLE:
            return False
        silent = [one for one in handshakes(verdict) if one.silent]
        if silent:
            return not all(acquitted(one, self._stood) for one in silent)
        # While everything is frozen the anchors are, too.
        return verdict.vantage.state is VantageState.OFFLINE and bool(self._held)

    async def _wait(self, freeze: Freeze) -> None:
        """Until an address of the freeze answers, or it has lasted too long to be one."""
        end = freeze.begun + HEALS
        frozen = [verdict for verdict in self._held if freeze.covers(verdict) and handshakes(verdict)]
        await self._clock.sleep(max(0.0, (freeze.begun + REST - self._clock.now()).total_seconds()))
        while frozen and self._clock.now() < end:
            frozen.append(frozen.pop(0))
            seen = handshakes(await self._measure(frozen[-1]))
            self._handshakes += [one for one in seen if one.address]
            if any(one.address in freeze.addresses and not one.silent for one in seen):
                return
            await self._clock.sleep(PAUSE.total_seconds())
