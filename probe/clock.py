"""The clock of the program: wall time for records, monotonic time for ages and deadlines, and sleeping.

Everything but the timing of single network acts is given a `Clock` and does not ask the machine for the time. A
laboratory may run one that is faster than the world's (`Clock(rate=60)`: one real second is one minute), so that months
of history pass in minutes, and agents and collectors agree about the time.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from math import isfinite

from probe.errors import SettingsError

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", None)
"""Linux has a monotonic clock that also counts while the host is suspended: a laptop's cache is old when it wakes."""


class Clock:
    """Wall time for records, monotonic time for ages and deadlines, sleeping for both.

    Args:
        origin: what the clock shows at the real moment `since`; the real time when None.
        rate: seconds of this clock in one real second.
        since: Unix seconds of the real moment at which the clock shows `origin`; now when None.
    """

    def __init__(self, origin: datetime | None = None, rate: float = 1.0, since: float | None = None) -> None:
        self.rate = rate
        self._since = time.time() if since is None else since
        self._origin = datetime.fromtimestamp(self._since, UTC) if origin is None else origin

    def now(self) -> datetime:
        """The date and time in UTC. It jumps when somebody sets the host's clock: use `monotonic` for ages."""
        if self.rate == 1.0 and self._origin.timestamp() == self._since:
            return datetime.now(UTC)
        return self._origin + timedelta(seconds=(time.time() - self._since) * self.rate)

    def monotonic(self) -> float:
        """Seconds of this clock since an arbitrary moment. Never goes back; comparable within one process only."""
        seconds = time.monotonic() if _MONOTONIC is None else time.clock_gettime(_MONOTONIC)
        return seconds * self.rate

    @property
    def counts_suspension(self) -> bool:
        """Whether `monotonic` also counts while the host is suspended."""
        return _MONOTONIC is not None

    async def sleep(self, seconds: float) -> None:
        """Sleep a number of seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.rate)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """Read `ORIGIN@RATE` or `ORIGIN@RATE@SINCE` (RFC 3339, number, Unix seconds); the real clock for no text.

        Raises:
            SettingsError: the text has another form, the origin has no time zone, or the rate is not above 0.
        """
        if not text:
            return cls()
        try:
            return cls(*_parts(text))
        except (ValueError, OverflowError) as error:
            raise SettingsError(
                f"{text!r} is no clock: {error}", where="PROBE_CLOCK", mend="write 2017-05-01T00:00:00Z@60"
            ) from error


MIN_JUMP_SECONDS = 30.0
"""Smaller differences are the slow correction of a clock by NTP."""


class ClockJumps:
    """Notices that the wall clock was set, by comparing it with the monotonic clock.

    Only where the monotonic clock also counts while the host is suspended (Linux). Elsewhere a jump ahead looks like
    sleep, and none is reported.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._readings = clock.now(), clock.monotonic()

    def since_last_call(self) -> float:
        """Return by how many seconds the clock was set ahead (negative: back) since the last call or the creation."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        (wall_before, monotonic_before), self._readings = self._readings, (wall, monotonic)
        jump = (wall - wall_before).total_seconds() - (monotonic - monotonic_before)
        return jump if self._clock.counts_suspension and abs(jump) >= MIN_JUMP_SECONDS * self._clock.rate else 0.0


def _parts(text: str) -> tuple[datetime, float, float | None]:
    """Origin, rate and real moment of a clock's text.

    Raises:
        ValueError: the text has another form.
    """
    words = text.split("@")
    if len(words) not in (2, 3):
        raise ValueError("it has two or three parts, separated by @")
    origin, numbers = datetime.fromisoformat(words[0]), [float(word) for word in words[1:]]
    if origin.tzinfo is None:
        raise ValueError("the origin has no time zone")
    if not all(map(isfinite, numbers)) or numbers[0] <= 0:
        raise ValueError("the rate must be a number above 0, and the moment a number")
    return origin.astimezone(UTC), numbers[0], numbers[1] if len(numbers) > 1 else None
