"""The window of history that fusion needs: what lies before a gap in all interference cannot change any more.

Reports that arrive later than the gap touch only what comes after it. So a fuser need not read all history each time:
it reads the spans that had not ended at the gap, and gets the same events as from all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from probe.fuse.interference_span import interference_spans
from probe.model.event import Event, Span

LATE_REPORTS = timedelta(days=7)
"""The window reaches at least this far back, so that reports of an agent that was offline for days fit into it."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The window that holds all history begins here."""
Period = tuple[datetime, datetime | None]


def window_start(spans: Iterable[Span], events: Iterable[Event], before: datetime, now: datetime) -> datetime:
    """The latest moment, at least `LATE_REPORTS` ago, at which there was neither interference nor an event.

    Args:
        spans: of one service in one country that had not ended at `before`.
        events: made of these spans.
        before: where the window began of which these are; the result is not earlier.
        now: the moment of the fusion.
    """
    periods: list[Period] = [(each.start, each.stop) for each in interference_spans(spans)]
    periods += [(event.onset, event.lifted) for event in events]
    return max(before, latest_gap(now - LATE_REPORTS, periods))


def latest_gap(limit: datetime, periods: Iterable[Period]) -> datetime:
    """The latest moment up to a limit that no period covers, its ends included, or at which one begins.

    Args:
        limit: the latest result.
        periods: in any order; the end is None while one lasts.
    """
    gap = limit
    for start, stop in sorted(periods, key=_last_first):
        if start < gap and (stop is None or stop >= gap):
            gap = start
    return gap


def _last_first(period: Period) -> tuple[bool, float]:
    """The order in which no period that was passed over can cover a gap found later."""
    stop = period[1]
    return (stop is not None, 0.0 if stop is None else -stop.timestamp())
