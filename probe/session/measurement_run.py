"""One pass over a list of targets: vantage gate, measurements, re-tests and pace guard, as a stream of verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING, Protocol

import msgspec

from probe import judge
from probe.clock import Clock
from probe.judge.residual import RESIDUAL_RULE, end_of
from probe.model.hop import subjects_of
from probe.model.target import Target, TargetText, parse
from probe.model.verdict import Evidence, Vantage, Verdict
from probe.session.concurrency import STOP_GRACE_SECONDS, Slot, finish_within, pause, run_bounded
from probe.session.outages import POLL_SECONDS, REST_SECONDS, OutageMemory, OutageTrials
from probe.session.pace_guard import PaceGuard
from probe.session.round_witness import MIN_VERIFIED_SITES, RoundWitness
from probe.session.vantage_gate import VantageGate

if TYPE_CHECKING:
    from probe.session.pass_glances import PassGlances

MAX_SILENCE_WAIT_SECONDS = 30.0
"""Seconds that a pass is prolonged at most until the addresses that a forbidden name has silenced answer again."""
MAX_UNREAD_VERDICTS = 64
"""Verdicts that wait for the caller; when there are more, measurements wait, too."""


class MeasureTarget(Protocol):
    """Measures one target and judges it."""

    async def __call__(
        self, text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """The verdict; `release` is called once only late DNS answers are awaited."""


class Retests(msgspec.Struct, frozen=True):
    """When and how often a target is measured again in the same pass.

    Attributes:
        differs: whether a verdict contradicts the known status of its target, so that it is measured again.
        attempts: re-tests of such a target.
        window_seconds: time over which they are spread evenly, in seconds of the clock; none begins later.
    """

    differs: Callable[[Verdict], bool]
    attempts: int
    window_seconds: float


class _Deferred(msgspec.Struct, frozen=True):
    """A target whose address a forbidden name may have silenced; it is measured again at the end of the pass.

    Attributes:
        verdict: its verdict so far, which stands where no time is left.
        began: start of that measurement, in monotonic seconds of the clock.
    """

    item: TargetText
    verdict: Verdict
    began: float

    @property
    def ready(self) -> float:
        """The moment at which the silence is over, in monotonic seconds of the clock."""
        return self.began + max((end_of(cut) for cut in self.verdict.evidence.recent_cuts), default=0) / 1000


class MeasurementRun:
    """One pass; use it once.

    Args:
        measure: measures one target.
        gate: decides whether targets can be measured.
        clock: dates verdicts of targets that are skipped; its monotonic time counts for everything else.
        concurrency: how many targets are measured at once.
        retests: None for none.
        stopping: set when the pass is to end early.
        grace: real seconds that measurements under way may still take after the stop.
        memory: names that are known to cut the whole line; an empty one when None.
        tries_suspects: whether such names are tried alone at the end. Where another process uses the same line, it
            may have cut it meanwhile.
        glances: of the pass; None where every target is looked at in full.
        is_behind: whether this host cannot keep up with what is under way, so that no target is begun for now.
    """

    def __init__(
        self,
        measure: MeasureTarget,
        gate: VantageGate,
        clock: Clock,
        *,
        concurrency: int,
        retests: Retests | None = None,
        stopping: asyncio.Event | None = None,
        grace: float = STOP_GRACE_SECONDS,
        memory: OutageMemory | None = None,
        tries_suspects: bool = True,
        glances: PassGlances | None = None,
        is_behind: Callable[[], bool] = lambda: False,
    ) -> None:
        self._measure = measure
        self._gate = gate
        self._clock = clock
        self._concurrency = concurrency
        self._retests = retests
        self._stopping = stopping or asyncio.Event()
        self._grace = grace
        self._guard = PaceGuard(clock, self._try_again)
        self._witness = RoundWitness()
        self._line_worked = False
        self._tries_suspects = tries_suspects
        self._outages = OutageTrials(memory or OutageMemory(), self._try_alone, self._until_back)
        self._deferred: dict[str, _Deferred] = {}
        self._glances = glances
        self._is_behind = is_behind
        self._acquitted: list[TargetText] = []
        self._unread: asyncio.Queue[Verdict | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_UNREAD_VERDICTS)

    async def verdicts(self, targets: Iterable[TargetText]) -> AsyncGenerator[Verdict, None]:
        """Measure the targets; yield each verdict as soon as it is final, in any order, with those of re-tests.

        Looks at the anchors first, unless the gate has. Targets that cannot be measured at this vantage are judged
        `unknown`; targets that were not begun before a stop have no verdict. Close the generator to cancel what
        is under way (`contextlib.aclosing`).
        """
        running = asyncio.create_task(self._run(targets))
        running.add_done_callback(lambda _: self._unread.put_nowait(None))
        try:
            while (verdict := await self._unread.get()) is not None:
                self._room.release()
                yield verdict
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def _run(self, targets: Iterable[TargetText]) -> None:
        if not self._gate.looked:
            await self._gate.look()
        self._line_worked = self._gate.is_open
        await self._run_all(targets if self._glances is None else await self._glance(self._glances, targets))
        await self._run_deferred()
        await self._run_vouching()
        for verdict in await self._guard.settle(self._stopping):
            await self._settle_line(verdict)
        for verdict in await self._outages.settle():
            await self._witnessed(verdict)
        for verdict in self._witness.settle():
            await self._emit(verdict)

    async def _run_all(self, targets: Iterable[TargetText]) -> None:
        await run_bounded(
            targets,
            self._run_target,
            concurrency=self._concurrency,
            stopping=self._stopping,
            grace=self._grace,
            is_behind=self._is_behind,
        )

    async def _glance(self, glances: PassGlances, targets: Iterable[TargetText]) -> Iterable[TargetText]:
        """Glance at the targets that are due for it; return those to look at in full.

        Where most glances met silence, the anchors are looked at before the full looks: the line itself may be down.
        """
        if not glances.are_wanted:
            return targets
        chosen, full = glances.divide(targets, self._gate.vantage)
        if not chosen or not self._gate.is_open:
            return [*chosen, *full]
        first = [item for item in full if item[0] in glances.first]
        if first:
            await self._run_all(first)
            full = [item for item in full if item[0] not in glances.first]
        found = await glances.glance(chosen, self._gate.vantage, self._stopping)
        for ready in self._guard.note(found.handshakes):
            await self._settle_line(ready)
        for item, verdict in found.acquitted:
            self._acquitted.append(item)
            self._witness.note_glance(verdict)
            await self._emit(verdict)
        if 2 * found.silent > len(chosen):
            await self._gate.look()
        return [*found.differing, *full]

    async def _run_vouching(self) -> None:
        """Look in full at some targets that glances acquitted, where a verdict waits for certificates that verify."""
        if self._witness.lacks_certificates:
            encrypted = [item for item in self._acquitted if any(one.encrypted for one in subjects_of(item[1]))]
            await self._run_all(encrypted[:MIN_VERIFIED_SITES])

    async def _run_target(self, item: TargetText, slot: Slot) -> None:
        can_measure = self._gate.is_open or await self._can_measure()
        if self._stopping.is_set():
            return
        text, target = item
        if not can_measure:
            time, began = self._clock.now(), self._clock.monotonic()
            skipped = judge.verdict(
                time=time, text=text, target=target, evidence=Evidence(), vantage=self._gate.vantage
            )
            await self._take(skipped, began)
            return
        suspected = self._glances is not None and text in self._glances.suspected
        verdict = await self._measured(item, slot, suspected=suspected)
        self._gate.add(verdict)
        if self._retests is not None and self._retests.differs(verdict):
            await self._run_retests(item, slot, self._retests, verdict)

    async def _run_deferred(self) -> None:
        """Measure the deferred targets again whose addresses answer again soon; the verdicts of the others stand."""
        end = self._clock.monotonic() + MAX_SILENCE_WAIT_SECONDS
        waiting = sorted((one for one in self._deferred.values() if one.ready <= end), key=lambda one: one.ready)
        rest = waiting[-1].ready - self._clock.monotonic() if waiting else 0.0
        if waiting and await pause(self._clock, max(0.0, rest), self._stopping):
            await self._run_all([one.item for one in waiting])
        for one in self._deferred.values():
            await self._take(one.verdict, one.began)

    async def _can_measure(self) -> bool:
        """Whether the vantage allows a measurement; a stop ends the wait for the line to recover."""
        if self._gate.is_open:
            return True
        return bool(await finish_within(self._gate.try_to_open(), self._stopping, 0.0))

    async def _run_retests(self, item: TargetText, slot: Slot, retests: Retests, first: Verdict) -> None:
        end = self._clock.monotonic() + retests.window_seconds
        suspected = any(cause.startswith(("tls.", "http.")) for cause in first.causes)
        for attempt in range(1, retests.attempts + 1):
            if not await pause(self._clock, retests.window_seconds / (retests.attempts + 1), self._stopping):
                return
            await slot.acquire()
            late = self._clock.monotonic() > end
            if late or not await self._can_measure() or self._stopping.is_set():
                return
            await self._measured(item, slot, attempt=attempt, suspected=suspected)

    async def _measured(self, item: TargetText, slot: Slot, *, attempt: int = 0, suspected: bool = False) -> Verdict:
        """Measure, emit the verdicts that can be reported, and release the slot."""
        began = self._clock.monotonic()
        verdict = await self._measure(*item, attempt=attempt, suspected=suspected, release=slot.release)
        before = self._deferred.pop(item[0], None)
        if verdict.rule == RESIDUAL_RULE and not attempt and before is None:
            self._deferred[item[0]] = _Deferred(item, verdict, began)
        else:
            await self._take(verdict, began)
        slot.release()
        if self._glances is not None:
            await self._glances.refer(item, verdict)
        return verdict

    async def _take(self, verdict: Verdict, began: float) -> None:
        for ready in self._guard.add(verdict, began):
            await self._settle_line(ready)

    async def _settle_line(self, verdict: Verdict) -> None:
        """Withhold a verdict that lost the line, in a pass in which it worked; report any other."""
        can_try = self._tries_suspects and self._line_worked
        if not can_try or not self._outages.withholds(verdict):
            await self._witnessed(verdict)

    async def _witnessed(self, verdict: Verdict) -> None:
        for ready in self._witness.add(verdict):
            await self._emit(ready)

    async def _emit(self, verdict: Verdict) -> None:
        await self._room.acquire()
        self._unread.put_nowait(verdict)

    async def _try_again(self, verdict: Verdict) -> Verdict:
        return await self._measure(verdict.target, parse(verdict.target), attempt=1, suspected=False, release=None)

    async def _try_alone(self, verdict: Verdict) -> Verdict:
        await pause(self._clock, REST_SECONDS, self._stopping)
        return await self._measure(verdict.target, parse(verdict.target), attempt=0, suspected=True, release=None)

    async def _until_back(self, seconds: float) -> Vantage | None:
        """The vantage once the line works again; None where it does not within so many seconds, or after a stop."""
        end = self._clock.monotonic() + seconds
        while not self._stopping.is_set():
            vantage = await self._gate.look()
            if self._gate.is_open:
                return vantage
            if self._clock.monotonic() >= end or not await pause(self._clock, POLL_SECONDS, self._stopping):
                break
        return None
