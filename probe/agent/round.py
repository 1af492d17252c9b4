"""One pass over the due targets: anchors, targets in random order, re-tests, anchors again, and what the detector says.

Anchors go first: on a vantage that is offline or behind a captive portal nothing is measured, because nothing could be
concluded. A verdict that contradicts what is believed of its target is looked at again, a few times within a minute;
that tells a block from a stumble in one round instead of three. The detector hears everything at the end, in the order
of time, so that replaying the verdicts gives the transitions that the agent reported.

This is the only module that catches `Exception`: a fault of ours in one measurement is written into its verdict, and
the round goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Protocol

from probe.agent.traffic import toll
from probe.clock import Clock
from probe.detect.detector import Detector
from probe.detect.detector_input import AnchorOutcome, CauseUpdate, DetectorInput, VantageInput
from probe.errors import ProbeError
from probe.formats.batch import RoundReport
from probe.model.target import Target, parse
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import AnchorLook, Evidence, Status, Vantage, VantageState, Verdict
from probe.session.concurrency import Leave, pause, sweep
from probe.session.pace_guard import PaceWatch
from probe.session.vantage_gate import MUTE, Muteness

log = logging.getLogger(__name__)


class Instruments(Protocol):
    """What a round measures with."""

    async def fresh(self, since: float) -> tuple[AnchorLook, ...]:
        """The latest look at every anchor if it began at `since` or later, else a new one."""

    async def measure(self, text: str, target: Target, *, attempt: int, suspected: bool) -> Verdict:
        """One target end to end; `suspected` on a re-test where a server name may have been what was blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a round is done.

    Attributes:
        concurrency: targets under way at once.
        retests: looks again at a target whose verdict contradicts what is believed of it.
        window: seconds within which they are done.
        asn: of the network, 0 when not known; `country` likewise.
    """

    concurrency: int
    retests: int
    window: float
    asn: int = 0
    country: str = ""


@dataclass(slots=True, kw_only=True)
class RoundResult:
    """What a round found.

    Attributes:
        report: for the collector.
        changes: transitions, each with the verdict of this round that speaks for it, where there is one.
        updates: blocks that go on by other means.
        services: transitions of whole services that follow from the changes, once they have been folded.
        verdicts: target -> its newest verdict.
    """

    report: RoundReport
    changes: Sequence[tuple[Transition, Verdict | None]] = ()
    updates: Sequence[CauseUpdate] = ()
    services: Sequence[Transition] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


class Round:
    """One round.

    Args:
        targets: text and target of those due.
        instruments: to measure with.
        detector: to be fed.
        terms: how.
        clock: for moments, durations and pauses.
        chance: for the order.
        stopping: set when the round is to end early: it begins no more and concludes from what it has.
    """

    def __init__(
        self,
        targets: Sequence[tuple[str, Target]],
        instruments: Instruments,
        detector: Detector,
        *,
        terms: Terms,
        clock: Clock,
        chance: Random,
        stopping: asyncio.Event,
    ) -> None:
        self._targets = list(targets)
        self._instruments = instruments
        self._detector = detector
        self._terms = terms
        self._clock = clock
        self._chance = chance
        self._stopping = stopping
        self._slots = asyncio.Semaphore(terms.concurrency)
        self._verdicts: list[Verdict] = []
        self._muteness = Muteness(instruments.fresh, clock)
        self._pace_watch = PaceWatch(clock, self._tried_again)

    async def run(self) -> RoundResult:
        """Do it."""
        start, began = self._clock.now(), self._clock.monotonic()
        state = await self._state()
        if state in MUTE:
            self._verdicts = [self._silent(text, start, state) for text, _ in self._targets]
        else:
            await self._measure_all()
            policed = await self._settle()
            after = await self._state()
            state = after if state is VantageState.ONLINE else state
            state = VantageState.POLICED if policed and state is VantageState.ONLINE else state
        transitions = self._feed(start, state)
        newest = {verdict.target: verdict for verdict in self._verdicts}
        taken = toll(self._verdicts)
        return RoundResult(
            report=RoundReport(
                start=start,
                seconds=round(self._clock.monotonic() - began, 3),
                targets=len(self._targets),
                measured=len({v.target for v in self._verdicts if v.status is not Status.UNKNOWN}),
                state=state.value,
                connections=taken.connections,
                handshakes=taken.handshakes,
                busiest=taken.busiest,
                notes=tuple(sorted({note for verdict in self._verdicts for note in verdict.vantage.notes})),
            ),
            changes=[(transition, self._witness(transition)) for transition in transitions],
            updates=self._detector.updates(),
            verdicts=newest,
        )

    async def _state(self) -> VantageState:
        try:
            return await self._muteness.look()
        except ProbeError:
            raise
        except Exception:
            log.exception("fault in looking at the anchors")
            return VantageState.ONLINE  # what the anchors do not deny; each failing verdict asks them again

    async def _measure_all(self) -> None:
        self._chance.shuffle(self._targets)
        async with asyncio.TaskGroup() as retests:

            async def first_look(item: tuple[str, Target], _leave: Leave) -> None:
                if await self._muteness.holds():
                    silent = self._silent(item[0], self._clock.now(), self._muteness.state)
                    self._verdicts.append(silent)
                    self._pace_watch.saw(silent)
                    return
                verdict = await self._measured(*item, attempt=0, suspected=False)
                self._muteness.saw(verdict)
                if self._terms.retests and self._detector.differs(self._sighting(verdict)):
                    retests.create_task(self._look_again(*item, verdict))

            await sweep(self._targets, first_look, concurrency=self._terms.concurrency, stopping=self._stopping)

    async def _settle(self) -> bool:
        """Take back what our own pace caused; whether there was anything."""
        settled = await self._pace_watch.settle(patient=not self._stopping.is_set())
        instead = {id(before): after for before, after in settled if after is not before}
        self._verdicts = [instead.get(id(verdict), verdict) for verdict in self._verdicts]
        return bool(instead)

    async def _tried_again(self, verdict: Verdict) -> Verdict:
        """Another look at a target, which goes into no verdict of the round."""
        target = parse(verdict.target)
        return await self._instruments.measure(verdict.target, target, attempt=1, suspected=False)

    async def _look_again(self, text: str, target: Target, first: Verdict) -> None:
        """Re-tests, evenly over the window; none is begun after it."""
        end = self._clock.monotonic() + self._terms.window
        suspected = any(cause.startswith(("tls.", "http.")) for cause in first.causes)
        for attempt in range(1, self._terms.retests + 1):
            waited = await pause(self._clock, self._terms.window / (self._terms.retests + 1), self._stopping)
            if not waited or self._clock.monotonic() > end or await self._muteness.holds():
                return
            await self._measured(text, target, attempt=attempt, suspected=suspected)

    async def _measured(self, text: str, target: Target, *, attempt: int, suspected: bool) -> Verdict:
        async with self._slots:
            start = self._clock.now()
            try:
                verdict = await self._instruments.measure(text, target, attempt=attempt, suspected=suspected)
            except ProbeError:
                raise
            except Exception as error:
                log.exception("fault in a measurement")
                verdict = self._silent(text, start, VantageState.ONLINE, f"{type(error).__name__}: {error}", attempt)
        self._verdicts.append(verdict)
        self._pace_watch.saw(verdict)
        return verdict

    def _silent(self, text: str, time: datetime, state: VantageState, error: str = "", attempt: int = 0) -> Verdict:
        return Verdict(
            time=time,
            target=text,
            status=Status.UNKNOWN,
            evidence=Evidence(error=error[:500], attempt=attempt),
            vantage=Vantage(state=state, asn=self._terms.asn, country=self._terms.country),
        )

    def _sighting(self, verdict: Verdict) -> DetectorInput:
        vantage = verdict.vantage
        anchors = tuple(
            AnchorOutcome(failure=one.failure, foreign_content=one.foreign_content) for one in vantage.anchors
        )
        where = VantageInput(state=vantage.state, asn=vantage.asn, anchors=anchors)
        return DetectorInput(
            verdict.time, verdict.target, verdict.status, verdict.causes, verdict.evidence.attempt, where
        )

    def _feed(self, start: datetime, state: VantageState) -> list[Transition]:
        self._verdicts.sort(key=lambda verdict: verdict.time)
        found: list[Transition] = []
        for verdict in self._verdicts:
            found += self._detector.feed(self._sighting(verdict))
        if not self._verdicts:  # no target is due, and yet the vantage has a state
            where = VantageInput(state=state, asn=self._terms.asn)
            found += self._detector.feed(DetectorInput(start, VANTAGE, Status.UNKNOWN, (), 0, where))
        return found + self._detector.end_round(self._clock.now())

    def _witness(self, transition: Transition) -> Verdict | None:
        """The newest verdict of this round that says what the transition says."""
        own = [verdict for verdict in self._verdicts if verdict.target == transition.target]
        saying = [verdict for verdict in own if verdict.status == transition.after]
        fitting = saying or own
        return fitting[-1] if fitting else None
