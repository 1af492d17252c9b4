"""Skip targets while nothing can be concluded at the vantage.

If the line fails in the middle of a list, each remaining target would run into its time-outs. So the first verdict with
the vantage state `offline` or `portal` closes the gate, and the anchors are looked at before each further target. A
line that worked before gets a few seconds to recover. After that, and where the line never worked, one look at the
anchors counts for a while, and no target waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from probe.clock import Clock
from probe.model.verdict import Vantage, VantageState, Verdict

CLOSING_STATES = frozenset({VantageState.OFFLINE, VantageState.PORTAL})
"""States in which nothing can be concluded about any target (contract: Where two readings are possible)."""
MAX_LOOK_AGE_SECONDS = 30.0
"""Maximum age of a look at the anchors that counts while the gate is closed."""
RECOVERY_SECONDS = 15.0
"""How long targets wait for a line to come back: a wireless link that re-associates takes a few seconds."""
RECOVERY_POLL_SECONDS = 3.0
"""Interval of looks at the anchors during that time."""

LookAtAnchors = Callable[[float], Awaitable[Vantage]]
"""The vantage by the latest look at the anchors if it began at this moment (monotonic seconds) or later, else by a new
look."""


class VantageGate:
    """Whether targets are measured, during one pass over a list.

    Args:
        look: looks at the anchors.
        clock: its monotonic time decides how old a look is.

    Attributes:
        vantage: as the last look showed it; `online` before the first look.
        looked: whether there was a look.
        is_open: whether targets can be measured, as far as is known.
    """

    def __init__(self, look: LookAtAnchors, clock: Clock) -> None:
        self._look = look
        self._clock = clock
        self._lost_at: float | None = None
        self.vantage = Vantage(state=VantageState.ONLINE)
        self.looked = False
        self.is_open = True

    async def look(self) -> Vantage:
        """Look at the anchors now; opens or closes the gate."""
        return await self._look_since(self._clock.monotonic())

    async def try_to_open(self) -> bool:
        """Look at the anchors while the gate is closed, unless the last look still counts; whether the gate is open."""
        while not self.is_open and self._lost_at is not None and self._since(self._lost_at) < RECOVERY_SECONDS:
            await self._clock.sleep(RECOVERY_POLL_SECONDS)
            await self._look_since(self._clock.monotonic() - RECOVERY_POLL_SECONDS / 2)
        if not self.is_open:
            await self._look_since(self._clock.monotonic() - MAX_LOOK_AGE_SECONDS)
        return self.is_open

    def add(self, verdict: Verdict) -> None:
        """Close the gate if the vantage of this verdict was offline or behind a portal."""
        if verdict.vantage.state in CLOSING_STATES and self.is_open:
            self.is_open = False
            self._lost_at = self._clock.monotonic()

    def _since(self, moment: float) -> float:
        return self._clock.monotonic() - moment

    async def _look_since(self, earliest: float) -> Vantage:
        vantage = await self._look(earliest)
        self.vantage, self.looked = vantage, True
        self.is_open = vantage.state not in CLOSING_STATES
        return vantage
