"""The window of history that fusion needs."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from probe.fuse.fusion import fuse
from probe.fuse.window import BEGINNING, LATE_REPORTS, Period, latest_gap, window_start
from probe.model.event import Network, Span
from probe.model.verdict import Status

DAY = timedelta(days=1)
NOW = BEGINNING + 1000 * DAY
PERIODS = st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 5)), max_size=12)


def periods(found: list[tuple[int, int | None]]) -> list[Period]:
    """Periods from their first day and their length in days."""
    return [
        (BEGINNING + day * DAY, None if length is None else BEGINNING + (day + length) * DAY) for day, length in found
    ]


def span(start: int, stop: int | None, status: Status) -> Span:
    """A span of one vantage and target, in days before now."""
    began = NOW - start * DAY
    ended = None if stop is None else NOW - stop * DAY
    network = Network(asn=64500, country="RU")
    return Span(agent="a", target="t", network=network, start=began, stop=ended, known=began, status=status)


@given(PERIODS, st.integers(0, 25))
def test_the_gap_is_the_latest_moment_that_no_period_covers(found: list[tuple[int, int | None]], limit: int) -> None:
    """At the gap itself a period may begin, but none lasts through it."""
    known = periods(found)
    gap = latest_gap(BEGINNING + limit * DAY, known)

    def is_covered(moment: datetime) -> bool:
        return any(start < moment and (stop is None or stop >= moment) for start, stop in known)

    assert not is_covered(gap)
    later = (BEGINNING + half * DAY / 2 for half in range(2 * limit + 1))
    assert all(is_covered(moment) for moment in later if moment > gap)


def test_the_window_begins_before_the_event_that_lasts() -> None:
    """However long ago it began."""
    spans = [span(400, 300, Status.BLOCKED), span(300, 90, Status.REACHABLE), span(90, None, Status.BLOCKED)]
    events = fuse(spans, (), NOW, {})

    assert window_start(spans, events, BEGINNING, NOW) == NOW - 90 * DAY


def test_late_reports_of_some_days_fit_into_the_window() -> None:
    """It also never begins earlier than the window before it."""
    spans = [span(400, None, Status.REACHABLE)]

    assert window_start(spans, (), BEGINNING, NOW) == NOW - LATE_REPORTS
    assert window_start(spans, (), NOW - DAY, NOW) == NOW - DAY
