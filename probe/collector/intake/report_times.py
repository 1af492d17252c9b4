"""Times of reports: corrected by the agent's clock, and bounded by what the agent can have seen.

A round at an impossible time is ignored. A status is kept, because agents do not report it again, and dated by what is
known: it cannot have been seen before its agent enrolled, nor a month before it was received.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

CLOCK_TOLERANCE = timedelta(seconds=120)
"""A smaller clock offset is not corrected: detection looks at whole rounds, so a minute or two changes nothing."""
MAX_FUTURE = timedelta(minutes=5)
"""A time further ahead than this, after correction, is not believed."""
MAX_AGE = timedelta(days=30)
"""A round older than this is acknowledged and ignored; a status that began earlier is kept with this age."""


class Dated(msgspec.Struct, frozen=True):
    """When a status began and when its agent became sure, in milliseconds; `before_watch` as in `Span`."""

    start: int
    known: int
    before_watch: bool = False


class ReportBounds(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of an agent's reports, in milliseconds.

    Attributes:
        enrolled: when it enrolled; nothing it reports can have been seen here before.
        last: the end of its last round before this batch; 0 where there was none.
        received: when the batch came.
    """

    enrolled: int
    last: int
    received: int

    def dated(self, onset: int | None, known: int | None) -> Dated:
        """The dates of a transition.

        Where its time is impossible (a clock that NTP had not set, an outbox older than a month) it happened after the
        last round that is known, at an unknown moment: it is dated like a status that stood when it was first measured.

        Args:
            onset: corrected; None where impossible.
            known: the same, of when the agent became sure.
        """
        if known is None:
            return Dated(max(self._earliest, min(self.last, self.received)), self.received, before_watch=True)
        return self.stood(known if onset is None else min(onset, known), known)

    def stood(self, start: int, known: int) -> Dated:
        """The dates of a status, with its start bounded by what the agent can have seen."""
        if start >= self._earliest:
            return Dated(start, max(start, known))
        return Dated(self._earliest, max(self._earliest, known), before_watch=True)

    @property
    def _earliest(self) -> int:
        return min(self.received, max(self.enrolled, self.received - MAX_AGE // timedelta(milliseconds=1)))


def clock_offset(sent: datetime, posted: datetime | None, received: datetime, rate: float = 1.0) -> timedelta:
    """How much to add to an agent's times; zero when its clock is within `CLOCK_TOLERANCE`.

    A batch may wait in its outbox for days, so a `sent` before `received` does not show a slow clock. Without `posted`
    only a `sent` in the future is corrected.

    Args:
        sent: the agent's clock when it made the batch.
        posted: the agent's clock when it posted the batch (`Probe-Clock` header).
        received: the collector's clock at the request.
        rate: speed of the collector's clock. A laboratory's clock runs fast, so that a request takes more of its time.
    """
    offset = received - posted if posted is not None else min(received - sent, timedelta(0))
    return offset if abs(offset) > CLOCK_TOLERANCE * max(1.0, rate) else timedelta(0)


def is_kept_time(moment: datetime, received: datetime, rate: float = 1.0) -> bool:
    """Whether a corrected time is stored: at most `MAX_AGE` old and at most `MAX_FUTURE` ahead."""
    return received - MAX_AGE <= moment <= received + MAX_FUTURE * max(1.0, rate)
