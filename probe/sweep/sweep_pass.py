"""Measure one part of a sweep's list with a session: the verdicts of a chunk of targets, as lines of the output.

A chunk is one pass of the session (`Session.verdicts`), so its verdicts are those that `probe check` would give. It
ends early when nothing can be concluded at the vantage, when the round's traffic limit is nearly reached, or when too
many verdicts are withheld. The targets that are left get their turn in a later chunk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum

import msgspec

from probe.formats import jsonlines
from probe.judge.residual import RESIDUAL_RULE
from probe.model.target import TargetText, parse
from probe.model.verdict import ControlFacts, Status, Vantage, VantageState, Verdict
from probe.session.concurrency import MAX_ITEMS_UNDER_WAY
from probe.session.session import Session
from probe.session.vantage_gate import CLOSING_STATES

MAX_OUTSTANDING = MAX_ITEMS_UNDER_WAY + 1000
"""Targets begun whose verdicts are not final. When there are more, many verdicts are withheld until the pass ends."""
CONNECTIONS_A_TARGET = 16
"""Connections that a target may still begin: so many are left in the round's traffic limit for each one under way."""

_UNDECIDED_RULES = frozenset({"host.no_way", "vantage.policed", RESIDUAL_RULE})
"""Rules of verdicts that say nothing of the target because of a passing state of this host or its line."""

Chunk = Sequence[tuple[int, str]]
"""Numbers and texts of targets."""


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
        self._outstanding = 0
        self.vantage = Vantage(state=VantageState.ONLINE)
        self.is_spent = False

    async def verdicts(self, control: Mapping[str, ControlFacts]) -> AsyncGenerator[SweptVerdict, None]:
        """Measure the targets; yield each verdict as soon as it is final. Targets without one were not begun.

        Args:
            control: target -> the control's facts about it.
        """
        self._session.prepare(control)
        self.vantage = await self._session.look()
        if self._is_closed:
            return
        numbers = {text: number for number, text in self._chunk}
        measured = self._session.verdicts(self._draw(), tries_suspects=self._is_alone)
        async with aclosing(measured) as verdicts:
            async for verdict in verdicts:
                self._outstanding -= 1
                self.vantage = verdict.vantage if verdict.vantage.state in CLOSING_STATES else self.vantage
                yield swept(numbers[verdict.target], verdict)

    @property
    def _is_closed(self) -> bool:
        return self.vantage.state in CLOSING_STATES

    def _draw(self) -> Iterator[TargetText]:
        for turn, (_, text) in enumerate(self._chunk):
            # The first is always measured: a limit below the needs of one target must not stop the sweep.
            if turn and not self._session.has_room((self._outstanding + 1) * CONNECTIONS_A_TARGET):
                self.is_spent = True
            if self._is_closed or self.is_spent or self._outstanding > MAX_OUTSTANDING:
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
