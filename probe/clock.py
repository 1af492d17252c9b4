"""The only module that asks the machine for the time.

Everything else is given a `Clock`. A laboratory may run one faster than the world's (`Clock(rate=60)`: a second
here is a minute there), so that the months of a history pass in minutes and agents and collectors agree about it.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from probe.errors import SettingsError


class Clock:
    """Wall time for records, monotonic time for durations, sleeping for both.

    Args:
        origin: the moment this clock shows at the real moment `since`; the real time when None.
        rate: seconds of this clock in one real second.
        since: the real moment at which the clock showed `origin`, in seconds since the Unix epoch; now when None.
    """

    def __init__(self, origin: datetime | None = None, rate: float = 1.0, since: float | None = None) -> None:
        self.rate = rate
        self._since = time.time() if since is None else since
        self._origin = datetime.fromtimestamp(self._since, UTC) if origin is None else origin

    def now(self) -> datetime:
        """The moment, in UTC."""
        if self.rate == 1.0 and self._origin.timestamp() == self._since:
            return datetime.now(UTC)
        return self._origin + timedelta(seconds=(time.time() - self._since) * self.rate)

    def monotonic(self) -> float:
        """Seconds of this clock since an arbitrary moment; never goes back."""
        return time.monotonic() * self.rate

    async def sleep(self, seconds: float) -> None:
        """Sleep so many seconds of this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.rate)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """Read `ORIGIN@RATE` or `ORIGIN@RATE@SINCE` (RFC 3339, number, Unix seconds); the real clock for no text.

        Raises:
            SettingsError: the text has another form.
        """
        if not text:
            return cls()
        try:
            origin, rate, *since = text.split("@")
            return cls(datetime.fromisoformat(origin), float(rate), float(since[0]) if since else None)
        except (ValueError, IndexError) as error:
            raise SettingsError(
                f"{text!r} is no clock", where="PROBE_CLOCK", mend="write 2017-05-01T00:00:00Z@60"
            ) from error
