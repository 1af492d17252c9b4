"""Withhold verdicts that our own pace may have caused, until that is decided.

A verdict with an unanswered handshake is withheld while all other handshakes are unanswered, too. It is released when
another handshake succeeded meanwhile. If the silence lasts at the end of the pass, the guard tries one of its targets
every few seconds until two and a half minutes have passed. If one answers again, the network had frozen our
connections because of their pace (`probe.judge.policing`), and the withheld verdicts become `unknown`.

All moments here are seconds of the monotonic clock. So a wall clock that is set back neither delays a verdict nor
changes the order of handshakes.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from probe.clock import Clock
from probe.lazy import lazy
from probe.model.verdict import Status, Vantage, VantageState, Verdict
from probe.session.concurrency import finish_unless

if TYPE_CHECKING:
    from probe.judge import policing
    from probe.judge.policing import Freeze, TimedHandshake
else:
    policing = lazy("probe.judge.policing")

FREEZE_REST = timedelta(seconds=65)
"""Time without connections before a frozen line is tried: it is frozen for about a minute."""
TRIAL_INTERVAL_SECONDS = 10.0
"""Delay between two tries after that."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MeasureAgain = Callable[[Verdict], Awaitable[Verdict]]
"""Measures the target of a verdict again; the result is not reported."""


class _Withheld(msgspec.Struct, frozen=True):
    """A withheld verdict, and the same verdict with its moments on the monotonic clock."""

    verdict: Verdict
    timed: Verdict


class PaceGuard:
    """Withholds verdicts during one pass over a list.

    Args:
        clock: its monotonic time orders the handshakes; it also sleeps.
        measure_again: tries a silent target.
    """

    def __init__(self, clock: Clock, measure_again: MeasureAgain) -> None:
        self._clock = clock
        self._measure_again = measure_again
        self._handshakes: list[TimedHandshake] = []
        self._succeeded: list[datetime] = []
        self._withheld: list[_Withheld] = []
        self._known_vantage: Vantage | None = None

    def add(self, verdict: Verdict, began: float) -> list[Verdict]:
        """Add a verdict; return the verdicts that can be reported now, among them withheld ones.

        Args:
            verdict: fresh.
            began: start of its measurement, in monotonic seconds.
        """
        if verdict.status is Status.REACHABLE:
            return [*self.note(self._worked(verdict, began)), verdict]
        timed = self._timed(verdict, began)
        ready = self.note(policing.handshakes(timed))
        if self._doubtful(timed):
            self._withheld.append(_Withheld(verdict, timed))
            return ready
        return [*ready, verdict]

    def _worked(self, verdict: Verdict, began: float) -> Sequence[TimedHandshake]:
        """The handshakes of a target that works. Those of looks at the anchors that another one brought are known."""
        if verdict.vantage is not self._known_vantage:
            self._known_vantage = verdict.vantage
            return policing.handshakes(self._timed(verdict, began))
        return policing.own_handshakes(verdict.evidence.observations, moment_of(began))

    def note(self, seen: Sequence[TimedHandshake]) -> list[Verdict]:
        """Add handshakes without a verdict; return the withheld verdicts that can be reported now."""
        if not seen:
            return []
        self._handshakes += seen
        succeeded = [one.begun for one in seen if not one.silent]
        for begun in succeeded:
            insort(self._succeeded, begun)
        return self._release() if succeeded else []

    async def settle(self, stopping: asyncio.Event) -> list[Verdict]:
        """Decide on the verdicts still withheld; return what is reported in their place.

        Waits for the end of a silence unless there is a stop. Without the wait, a silence that may be a freeze counts
        as one: a block that we may have caused is never reported.
        """
        found = self._freezes()
        lasting = next((freeze for freeze in found if freeze.healed is None), None)
        if lasting is not None:
            waited = await finish_unless(self._wait_for_end(lasting), stopping)
            found = [freeze for freeze in self._freezes() if freeze.healed is not None or not waited]
        withheld, self._withheld = self._withheld, []
        return [
            policing.with_policed_vantage(one.verdict)
            if any(freeze.covers(one.timed) for freeze in found)
            else one.verdict
            for one in withheld
        ]

    def _release(self) -> list[Verdict]:
        """The withheld verdicts that are no longer doubtful, after another handshake succeeded."""
        doubtful = [self._doubtful(one.timed) for one in self._withheld]
        ready = [one.verdict for one, held in zip(self._withheld, doubtful, strict=True) if not held]
        self._withheld = [one for one, held in zip(self._withheld, doubtful, strict=True) if held]
        return ready

    def _freezes(self) -> list[Freeze]:
        """The freezes in which a withheld verdict may have been made."""
        found = policing.freezes(self._handshakes) if self._withheld else ()
        return [freeze for freeze in found if any(freeze.covers(one.timed) for one in self._withheld)]

    def _doubtful(self, timed: Verdict) -> bool:
        """Whether the line may have been frozen when the verdict was made."""
        if timed.status is Status.REACHABLE:
            return False
        silent = [one for one in policing.handshakes(timed) if one.silent]
        if silent:
            return not all(policing.overlaps_success(one, self._succeeded) for one in silent)
        # While the line is frozen the anchors are silent, too.
        return timed.vantage.state is VantageState.OFFLINE and bool(self._withheld)

    async def _wait_for_end(self, freeze: Freeze) -> None:
        """Try the frozen targets in turn until an address answers or the silence has lasted too long to be a freeze."""
        frozen = [one for one in self._withheld if freeze.covers(one.timed) and policing.handshakes(one.timed)]
        await self._clock.sleep((freeze.begun + FREEZE_REST - self._now()).total_seconds())
        while frozen and self._now() < freeze.begun + policing.MAX_FREEZE:
            frozen.append(frozen.pop(0))
            began = self._clock.monotonic()
            trial = await self._measure_again(frozen[-1].verdict)
            seen = [one for one in policing.handshakes(self._timed(trial, began)) if one.address]
            self._handshakes += seen
            if any(one.address in freeze.addresses and not one.silent for one in seen):
                return
            await self._clock.sleep(TRIAL_INTERVAL_SECONDS)

    def _now(self) -> datetime:
        return moment_of(self._clock.monotonic())

    def _timed(self, verdict: Verdict, began: float) -> Verdict:
        """The verdict with its own moments and those of its anchors on the monotonic clock.

        A look at an anchor that would lie in the future was dated before the wall clock was set back; it is left out.
        """
        time, now = moment_of(began), self._now()
        anchors = [replace(look, at=time + (look.at - verdict.time)) for look in verdict.vantage.anchors]
        known = tuple(look for look in anchors if look.at <= now)
        return replace(verdict, time=time, vantage=replace(verdict.vantage, anchors=known))


def moment_of(seconds: float) -> datetime:
    """Monotonic seconds as a moment, as the guard compares them."""
    return _EPOCH + timedelta(seconds=seconds)
