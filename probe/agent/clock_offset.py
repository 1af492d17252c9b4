"""How far this host's clock is from the collector's, as the collector's answers show it.

The collector corrects the times of reports by the same difference (`Probe-Clock`), so the agent changes none. It tells
its operator: certificates seem invalid to a host with a wrong clock, and its log has the wrong hours.
"""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from probe.clock import Clock

log = logging.getLogger(__name__)

CLOCK_TOLERANCE_SECONDS = 120.0
"""A smaller difference is not said. The collector does not correct it either."""


class ClockOffset(msgspec.Struct, frozen=True):
    """A difference of clocks; a note of the state file (`clock`).

    Attributes:
        seconds: by which this host's clock is ahead of the collector's; negative when it is behind.
        time: when the collector answered, by this host's clock.
    """

    seconds: float
    time: datetime

    def __str__(self) -> str:
        ahead = "ahead of" if self.seconds > 0 else "behind"
        return f"this host's clock is {_in_words(abs(self.seconds))} {ahead} the collector's"


class ClockComparison:
    """Compares this host's clock with the one in each answer, and logs when a difference begins or ends.

    Args:
        clock: of this host.

    Attributes:
        offset: the difference at the last answer; None where there is none to speak of, or none has been said.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.offset: ClockOffset | None = None

    def take(self, theirs: datetime | None) -> None:
        """Compare with the time in an answer that has just come; None when it has none."""
        if theirs is None:
            return
        before, now = self.offset, self._clock.now()
        seconds = (now - theirs).total_seconds()
        differs = abs(seconds) > CLOCK_TOLERANCE_SECONDS * self._clock.rate
        self.offset = ClockOffset(round(seconds, 1), now) if differs else None
        if self.offset is not None and before is None:
            log.warning("%s: reports are corrected; set the clock, or certificates may seem invalid", self.offset)
        elif self.offset is None and before is not None:
            log.info("this host's clock agrees with the collector's again")


def _in_words(seconds: float) -> str:
    """A duration in its largest fitting unit."""
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
