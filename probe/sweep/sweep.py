"""Sweep a list of targets: chunk after chunk, until every target has a verdict, or again and again.

Rounds of chunks follow each other; in a round each measurer (this process, or each worker process) has one chunk. While
nothing can be concluded at the vantage, the sweep waits instead of writing verdicts that say nothing. A target at which
the vantage could not tell is put back, and measured in a later round.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from itertools import chain, islice
from typing import Protocol
from zlib import crc32

from probe import judge
from probe.clock import Clock
from probe.errors import ProbeError
from probe.judge.sites import site_label
from probe.model.address import network_of, parse_address
from probe.model.target import RangeTarget, Target, TcpTarget, TlsTarget, parse
from probe.model.verdict import ControlFacts, Evidence, Vantage, VantageState, Verdict
from probe.session.session import Session
from probe.session.vantage_gate import CLOSING_STATES
from probe.sweep.due_times import DueTimes, spread
from probe.sweep.look_store import LookStore
from probe.sweep.sweep_pass import Chunk, Glancing, Repeat, SweepPass, SweptVerdict, swept
from probe.sweep.sweep_store import SweepStore
from probe.sweep.swept_looks import LookChange
from probe.sweep.target_names import TargetNames

MAX_CHUNK_TARGETS = 10_000
"""Targets of one pass of a session. What a session keeps until the end of a pass is bounded by it."""
SAVE_SECONDS = 5.0
"""Interval at which output and journal are saved to the disk."""
PAUSE_SECONDS = 5.0
"""First pause while nothing can be concluded at the vantage; each further one is twice as long."""
MAX_PAUSE_SECONDS = 120.0
MAX_LOSSES = 16
"""Losses of a worker process in a row, without a verdict in between, after which the sweep ends."""


class WorkerLostError(ProbeError):
    """A worker process ended before its chunk did."""


class ChunkMeasurer(Protocol):
    """Measures chunks, one after the other.

    Attributes:
        vantage: as it was at the end of the last chunk.
        is_spent: whether that chunk ended because the round's traffic limit was nearly reached.
    """

    vantage: Vantage
    is_spent: bool

    def measure(
        self, chunk: Chunk, control: Mapping[str, ControlFacts], glancing: Glancing | None, *, is_alone: bool
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Measure the targets; yield each verdict as soon as it is final. Targets without one were not begun.

        Raises:
            WorkerLostError: the process that measures has ended.
        """


class SweepListener(Protocol):
    """Is told how a sweep goes."""

    def advance(self) -> None:
        """One more target has its verdict."""

    def say(self, sentence: str) -> None:
        """Something that the operator should know has happened."""

    def note(self, note: str) -> None:
        """The vantage has this note (`probe.model.verdict.VantageNote`)."""


class SessionMeasurer:
    """Measures in this process.

    Args:
        session: measures.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.vantage = Vantage(state=VantageState.ONLINE)
        self.is_spent = False

    async def measure(
        self, chunk: Chunk, control: Mapping[str, ControlFacts], glancing: Glancing | None, *, is_alone: bool
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Measure the targets of a chunk."""
        one = SweepPass(self._session, chunk, is_alone=is_alone)
        async with aclosing(one.verdicts(control, glancing)) as verdicts:
            async for verdict in verdicts:
                yield verdict
        self.vantage, self.is_spent = one.vantage, one.is_spent


class _Lane:
    """One measurer, and the targets that it measures: those of one site or network always have the same."""

    def __init__(self, measurer: ChunkMeasurer, count: int) -> None:
        self.measurer = measurer
        self.due = DueTimes(count)
        self.chunk_targets = MAX_CHUNK_TARGETS
        self.losses = 0

    def chunk(self, names: TargetNames, now: float) -> list[tuple[int, str]]:
        """Take the targets of the next chunk."""
        taken = iter(lambda: self.due.take(now), None)
        return [(number, names[number]) for number in islice(taken, self.chunk_targets) if number is not None]


class Sweep:
    """One sweep; use it once.

    Args:
        names: of the targets.
        store: their states, and where verdicts go.
        measurers: what measures; each gets its share of the targets.
        clock: of the program.
        control: target -> the control's facts about it.
        listener: is told how it goes.
        looks: what is remembered of looks; with `glancing`, which reads it. None for full looks alone.
        every: seconds after which a target is measured again; 0 for one pass.
        round_seconds: least time from one round to the next, where a round has reached its traffic limit.

    Attributes:
        is_offline: whether nothing can be concluded at the vantage now.
        was_offline: whether a verdict was written for which the vantage was offline.
    """

    def __init__(
        self,
        names: TargetNames,
        store: SweepStore,
        measurers: Sequence[ChunkMeasurer],
        clock: Clock,
        *,
        control: Mapping[str, ControlFacts],
        listener: SweepListener,
        looks: LookStore | None = None,
        glancing: Glancing | None = None,
        every: float = 0.0,
        round_seconds: float = 0.0,
    ) -> None:
        self._names = names
        self._store = store
        self._lanes = [_Lane(one, len(names)) for one in measurers]
        self._clock = clock
        self._control = control
        self._listener = listener
        self._looks = looks
        self._glancing = glancing
        self._every = int(every)
        self._round_seconds = round_seconds
        self._alone: list[int] = []
        self._pause = PAUSE_SECONDS
        self._told_notes: set[str] = set()
        self.is_offline = self.was_offline = False

    async def run(self) -> None:
        """Measure until every target has its verdict; with `every`, until cancelled."""
        if self._store.is_complete:
            self._store.begin_pass(self._now())
        self._fill()
        saving = asyncio.create_task(self._save_regularly())
        try:
            while await self._wait_for_due():
                await self._round()
                if saving.done():
                    saving.result()  # raises: the state cannot be saved
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            self._store.save(self._store.unsaved())
        self._store.end_pass(self._now())

    def _fill(self) -> None:
        states = self._store.states
        for number in spread(len(self._names)):
            if not states.is_measured(number):
                self._put_back(number, 0)
            elif self._every:
                self._put_back(number, states.time(number) + self._every)

    async def _wait_for_due(self) -> bool:
        """Wait until a target is due; False when none will be."""
        while not self._alone:
            seconds = [lane.due.first for lane in self._lanes if lane.due.first is not None]
            if not seconds:
                return False
            if min(seconds) <= self._now():
                return True
            await self._clock.sleep(min(60.0, min(seconds) - self._now()))
        return True

    async def _round(self) -> None:
        """One chunk for each measurer; or, where the line was lost, the suspects for one while the others rest."""
        began = self._clock.monotonic()
        if self._alone:
            suspects, self._alone = self._alone, []
            used = [(self._lanes[0], [(number, self._names[number]) for number in suspects])]
        else:
            chunks = [(lane, lane.chunk(self._names, self._now())) for lane in self._lanes]
            used = [(lane, chunk) for lane, chunk in chunks if chunk]
        is_alone = len(used) == 1 or len(self._lanes) == 1
        async with asyncio.TaskGroup() as group:
            for lane, chunk in used:
                group.create_task(self._measure(lane, chunk, is_alone=is_alone))
        await self._rest(began, [lane.measurer for lane, _ in used])

    async def _rest(self, began: float, measurers: Sequence[ChunkMeasurer]) -> None:
        """Pause while nothing can be concluded at the vantage, or until the next round may have traffic."""
        was_offline = self.is_offline
        self._tell_notes(chain.from_iterable(one.vantage.notes for one in measurers))
        closed = [one.vantage.state for one in measurers if one.vantage.state in CLOSING_STATES]
        self.is_offline = bool(closed)
        if closed:
            self._listener.say(f"the vantage is {closed[0]}: paused for {self._pause:.0f} s")
            await self._clock.sleep(self._pause)
            self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
            return
        self._pause = PAUSE_SECONDS
        if was_offline:
            self._listener.say("the vantage is online again")
        if any(one.is_spent for one in measurers):
            await self._clock.sleep(began + self._round_seconds - self._clock.monotonic())

    def _tell_notes(self, notes: Iterable[str]) -> None:
        """Tell each note about the vantage once."""
        for note in dict.fromkeys(notes):
            if note not in self._told_notes:
                self._told_notes.add(note)
                self._listener.note(note)

    async def _measure(self, lane: _Lane, chunk: Chunk, *, is_alone: bool) -> None:
        left = dict(chunk)
        try:
            measured = lane.measurer.measure(chunk, self._control, self._glancing, is_alone=is_alone)
            async with aclosing(measured) as verdicts:
                async for one in verdicts:
                    lane.losses = 0
                    if isinstance(one, SweptVerdict):
                        del left[one.number]
                        self._take(one)
                    elif self._looks is not None:
                        self._looks.put(one.number, one.looks)
            lane.chunk_targets = min(2 * lane.chunk_targets, MAX_CHUNK_TARGETS)
        except WorkerLostError as error:
            lane.losses += 1
            if lane.losses > MAX_LOSSES:
                raise
            self._listener.say(f"{error}; {len(left)} targets are measured again")
            # A target at which the process ends is found among fewer and fewer, until it is alone in its chunk.
            lane.chunk_targets = max(1, min(lane.chunk_targets, len(chunk)) // 8)
            if len(chunk) == 1 and left:
                self._take(self._faulty(*left.popitem(), str(error)))
        for number in left:
            self._put_back(number, self._now())

    def _take(self, one: SweptVerdict) -> None:
        """Write a verdict, or put its target back."""
        if one.repeat is Repeat.SKIPPED:
            self._put_back(one.number, self._now())
        elif one.repeat is Repeat.TRIED and self._store.states.may_try_again(one.number):
            if one.state in CLOSING_STATES:
                self._alone.append(one.number)
            else:
                self._put_back(one.number, self._now())
        else:
            self._store.take(one.number, one.status, one.second, bytes(one.verdict) + b"\n")
            self._listener.advance()
            self.was_offline |= one.state is VantageState.OFFLINE
            if self._every:
                self._put_back(one.number, one.second + self._every)

    def _put_back(self, number: int, second: int) -> None:
        lane = self._lanes[0]
        if len(self._lanes) > 1:
            lane = self._lanes[crc32(_place_of(parse(self._names[number])).encode()) % len(self._lanes)]
        lane.due.add(number, second)

    def _faulty(self, number: int, text: str, error: str) -> SweptVerdict:
        """The verdict on a target at which a worker process ends."""
        verdict: Verdict = judge.verdict(
            time=self._clock.now(),
            text=text,
            target=parse(text),
            evidence=Evidence(error=error),
            vantage=Vantage(state=VantageState.ONLINE),
        )
        return swept(number, verdict)

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            saving = asyncio.create_task(asyncio.to_thread(self._store.save, self._store.unsaved()))
            try:
                await asyncio.shield(saving)
            except asyncio.CancelledError:
                await saving  # what is saved last must come after it
                raise

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _place_of(target: Target) -> str:
    """The site or network that a target belongs to."""
    match target:
        case TcpTarget(address=address) | TlsTarget(address=address):
            return network_of(address)
        case RangeTarget(network=network):
            return network_of(network.partition("/")[0])
        case _:
            host = target.host
            return network_of(host) if parse_address(host) is not None else site_label(host)
