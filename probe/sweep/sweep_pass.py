"""Measure one part of a sweep's list with a session: the verdicts of a chunk of targets, as lines of the output.

A chunk is one pass of the session (`Session.verdicts`), so its verdicts are those that `probe check` would give. It
ends early when nothing can be concluded at the vantage, when the round's traffic limit is nearly reached, or when too
many verdicts are withheld. The targets that are left get their turn in a later chunk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum
from random import SystemRandom
from typing import NamedTuple

import msgspec

from probe.clock import Clock
from probe.formats import jsonlines
from probe.judge.residual import RESIDUAL_RULE
from probe.model.target import TargetText, parse
from probe.model.verdict import ControlFacts, Status, Vantage, VantageState, Verdict
from probe.plan.looks import LookTerms
from probe.session.concurrency import MAX_ITEMS_UNDER_WAY
from probe.session.pass_glances import RoundLooks
from probe.session.session import Session
from probe.session.vantage_gate import CLOSING_STATES
from probe.sweep.swept_looks import LookChange, LookMemories, SweptLooks

MAX_OUTSTANDING = MAX_ITEMS_UNDER_WAY + 1000
"""Targets begun whose verdicts are not final. When there are more, many verdicts are withheld until the pass ends."""
CONNECTIONS_A_TARGET = 16
"""Connections that a target may still begin: so many are left in the round's traffic limit for each one under way."""

_UNDECIDED_RULES = frozenset({"host.no_way", "vantage.policed", RESIDUAL_RULE})
"""Rules of verdicts that say nothing of the target because of a passing state of this host or its line."""

Chunk = Sequence[tuple[int, str]]
"""Numbers and texts of targets."""


class Glancing(NamedTuple):
    """What glances need beside the session.

    Attributes:
        terms: the settings of looks.
        memories: number -> what is remembered of the target.
        secret: of the key of the vantage.
        clock: of the program.
    """

    terms: LookTerms
    memories: LookMemories
    secret: bytes
    clock: Clock

    def looks(self, chunk: Chunk, session: Session) -> SweptLooks:
        """The looks of a chunk at the session's vantage."""
        return SweptLooks(
            chunk,
            self.memories,
            self.terms,
            vantage=session.vantage_key(self.secret),
            now=self.clock.now().timestamp(),
            draw=SystemRandom().random,
        )


class Repeat(StrEnum):
    """Whether a target must be measured in a later chunk."""

    NO = "no"
    SKIPPED = "skipped"
    """It was not measured: the vantage was offline already."""
    TRIED = "tried"
    """It was measured, and the vantage could not tell."""


class SweptVerdict(msgspec.Struct, frozen=True):
    """A verdict on its way to the output.

    Attributes:
        number: of the target.
        status: of the verdict.
        state: of the vantage.
        second: Unix second at which the measurement began.
        repeat: whether the target must be measured again instead.
        verdict: as JSON, without a line end.
    """

    number: int
    status: Status
    state: VantageState
    second: int
    repeat: Repeat
    verdict: msgspec.Raw


class SweepPass:
    """One chunk; use it once.

    Args:
        session: measures.
        chunk: the targets.
        is_alone: whether no other process measures over this line meanwhile.

    Attributes:
        vantage: as it was at the last look.
        is_spent: whether the pass ended because the round's traffic limit was nearly reached.
    """

    def __init__(self, session: Session, chunk: Chunk, *, is_alone: bool = True) -> None:
        self._session = session
        self._chunk = chunk
        self._is_alone = is_alone
        self._numbers = {text: number for number, text in chunk}
        self._outstanding = 0
        self.vantage = Vantage(state=VantageState.ONLINE)
        self.is_spent = False

    async def verdicts(
        self, control: Mapping[str, ControlFacts], glancing: Glancing | None = None
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Measure the targets; yield each verdict as soon as it is final. Targets without one were not begun.

        Args:
            control: target -> the control's facts about it.
            glancing: None where all targets are looked at in full and no glance is to come; otherwise what is to be
                remembered of a target is yielded, too.
        """
        self._session.prepare(control)
        self.vantage = await self._session.look()
        if self._is_closed:
            return
        if glancing is None:
            async with aclosing(self._measured(self._draw(self._numbers))) as verdicts:
                async for verdict in verdicts:
                    yield swept(self._numbers[verdict.target], verdict)
            return
        async with aclosing(self._looked(glancing.looks(self._chunk, self._session))) as found:
            async for one in found:
                yield one

    async def _looked(self, looks: SweptLooks) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        """Glance at the targets that are due for it; look at the others in full, with reference glances."""
        left = dict.fromkeys(self._numbers)
        for texts, bulk in looks.bulks():
            if not self._may_begin(len(texts)):
                return
            for text in texts:
                del left[text]
            self._outstanding += len(texts)
            async with aclosing(self._remembered([(text, parse(text)) for text in texts], looks, bulk)) as found:
                async for one in found:
                    yield one
        async with aclosing(self._remembered(self._draw(left), looks, looks.full())) as found:
            async for one in found:
                yield one

    async def _remembered(
        self, targets: Iterable[TargetText], looks: SweptLooks, some: RoundLooks
    ) -> AsyncGenerator[SweptVerdict | LookChange, None]:
        async with aclosing(self._measured(targets, some)) as verdicts:
            async for verdict in verdicts:
                yield swept(self._numbers[verdict.target], verdict)
                for change in looks.note(verdict):
                    yield change
                for change in looks.settle(some):
                    yield change
        for change in looks.settle(some):
            yield change

    async def _measured(
        self, targets: Iterable[TargetText], looks: RoundLooks | None = None
    ) -> AsyncGenerator[Verdict, None]:
        measured = self._session.verdicts(targets, tries_suspects=self._is_alone, looks=looks)
        async with aclosing(measured) as verdicts:
            async for verdict in verdicts:
                self._outstanding -= 1
                self.vantage = verdict.vantage if verdict.vantage.state in CLOSING_STATES else self.vantage
                yield verdict

    @property
    def _is_closed(self) -> bool:
        return self.vantage.state in CLOSING_STATES

    def _may_begin(self, count: int) -> bool:
        """Whether so many more targets may be begun now."""
        if not self._session.has_room((self._outstanding + count) * CONNECTIONS_A_TARGET):
            self.is_spent = True
        return not (self._is_closed or self.is_spent or self._outstanding > MAX_OUTSTANDING)

    def _draw(self, texts: Iterable[str]) -> Iterator[TargetText]:
        for turn, text in enumerate(texts):
            # The first is always measured: a limit below the needs of one target must not stop the sweep.
            if turn and not self._may_begin(1):
                return
            self._outstanding += 1
            yield text, parse(text)


def swept(number: int, verdict: Verdict) -> SweptVerdict:
    """The verdict on the target with this number, as it goes to the output."""
    repeat = Repeat.NO
    if verdict.status is Status.UNKNOWN and verdict.vantage.state in CLOSING_STATES:
        repeat = Repeat.TRIED if verdict.evidence.observations else Repeat.SKIPPED
    elif verdict.rule in _UNDECIDED_RULES:
        repeat = Repeat.TRIED
    return SweptVerdict(
        number=number,
        status=verdict.status,
        state=verdict.vantage.state,
        second=int(verdict.time.timestamp()),
        repeat=repeat,
        verdict=msgspec.Raw(jsonlines.write(verdict)[:-1]),
    )
