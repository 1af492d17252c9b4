"""Whether the vantage can say anything at all, asked before each target once it could not.

A hundred targets that are still to come when a line goes dead would each run into their time-outs. One verdict that
says `offline` is enough: from then on the anchors go first. A line that worked a moment ago is given a moment to come
back; after that, and where it was dead from the start, a look holds for a while and nothing waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from probe.clock import Clock
from probe.judge.vantage import conclude
from probe.model.verdict import AnchorLook, VantageState, Verdict

MUTE = frozenset({VantageState.OFFLINE, VantageState.PORTAL})
"""States in which nothing can be concluded about any target (contract: Where two readings are possible)."""
STILL = timedelta(seconds=30)
"""How long a vantage that was seen mute is taken to be so without another look."""
PATIENCE = timedelta(seconds=15)
"""How long the rest of a pass waits for a line to come back: a wireless link that re-associates takes a few seconds."""
PAUSE = timedelta(seconds=3)
"""Between two looks meanwhile."""

Fresh = Callable[[float], Awaitable[tuple[AnchorLook, ...]]]
"""The latest look at the anchors if it began at this moment (monotonic seconds) or later, else a new one."""


class Muteness:
    """Of one vantage, over one pass.

    Args:
        fresh: looks at the anchors.
        clock: says when.

    Attributes:
        looks: the last look that was asked for.
    """

    def __init__(self, fresh: Fresh, clock: Clock) -> None:
        self._fresh = fresh
        self._clock = clock
        self._mute = False
        self._lost: float | None = None
        self.looks: tuple[AnchorLook, ...] = ()

    @property
    def state(self) -> VantageState:
        """What the last look says."""
        return conclude(self.looks)

    async def look(self) -> VantageState:
        """Look now."""
        self.looks = await self._fresh(self._clock.monotonic())
        self._mute = self.state in MUTE
        return self.state

    async def holds(self) -> bool:
        """Whether the vantage is mute, as far as is known; asks the anchors only where it was when last asked."""
        while self._mute and self._lost is not None and self._clock.monotonic() - self._lost < PATIENCE.total_seconds():
            await self._clock.sleep(PAUSE.total_seconds())
            await self._ask(PAUSE / 2)
        if self._mute:
            await self._ask(STILL)
        return self._mute

    def saw(self, verdict: Verdict) -> None:
        """A verdict's vantage counts as a look."""
        if verdict.vantage.state in MUTE and not self._mute:
            self._mute = True
            self._lost = self._clock.monotonic()

    async def _ask(self, oldest: timedelta) -> None:
        self.looks = await self._fresh(self._clock.monotonic() - oldest.total_seconds())
        self._mute = self.state in MUTE
