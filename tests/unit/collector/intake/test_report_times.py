"""Corrections of wrong clocks, and the bounds of what an agent can have seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.collector.intake.report_times import Dated, ReportBounds, clock_offset, is_kept_time

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_batch_that_waited_in_its_outbox_does_not_show_a_slow_clock() -> None:
    """The collector takes it for a batch of three days ago."""
    assert clock_offset(NOW - timedelta(days=3), None, NOW) == timedelta(0)


def test_a_batch_from_the_future_shows_a_fast_clock() -> None:
    """Its times are moved back."""
    assert clock_offset(NOW + 10 * MINUTE, None, NOW) == -10 * MINUTE


def test_the_agent_s_clock_at_the_request_shows_its_offset() -> None:
    """It is found in both directions, whatever the batch's age."""
    assert clock_offset(NOW - timedelta(days=3), NOW - 7 * MINUTE, NOW) == 7 * MINUTE
    assert clock_offset(NOW - timedelta(days=3), NOW + 7 * MINUTE, NOW) == -7 * MINUTE


def test_an_offset_of_two_minutes_is_not_corrected() -> None:
    """On a fast laboratory clock it is two real minutes, because a request takes long there."""
    assert clock_offset(NOW, NOW - 2 * MINUTE, NOW) == timedelta(0)
    assert clock_offset(NOW, NOW - 60 * MINUTE, NOW, rate=60) == timedelta(0)


def test_times_older_than_thirty_days_or_in_the_future_are_ignored() -> None:
    """Up to five minutes ahead is accepted."""
    kept = [
        is_kept_time(NOW + delta, NOW) for delta in (-timedelta(days=30), -timedelta(days=31), 5 * MINUTE, 6 * MINUTE)
    ]

    assert kept == [True, False, True, False]


DAY_MS = 86_400_000
BOUNDS = ReportBounds(enrolled=50 * DAY_MS, last=90 * DAY_MS, received=91 * DAY_MS)


def test_a_possible_onset_is_kept() -> None:
    """It is not after the moment at which the agent was sure."""
    assert BOUNDS.dated(80 * DAY_MS, 81 * DAY_MS) == Dated(80 * DAY_MS, 81 * DAY_MS)
    assert BOUNDS.dated(82 * DAY_MS, 81 * DAY_MS) == Dated(81 * DAY_MS, 81 * DAY_MS)
    assert BOUNDS.dated(None, 81 * DAY_MS) == Dated(81 * DAY_MS, 81 * DAY_MS)


def test_an_impossible_time_is_after_the_last_round() -> None:
    """Or a month ago at the earliest, or at the enrolment."""
    new = ReportBounds(enrolled=90 * DAY_MS, last=0, received=91 * DAY_MS)
    old = ReportBounds(enrolled=0, last=2 * DAY_MS, received=91 * DAY_MS)

    found = [bounds.dated(None, None) for bounds in (BOUNDS, new, old)]

    assert found == [Dated(day * DAY_MS, 91 * DAY_MS, before_watch=True) for day in (90, 90, 61)]


def test_nothing_was_seen_before_the_enrolment() -> None:
    """A status from before stood then."""
    bounds = ReportBounds(enrolled=70 * DAY_MS, last=0, received=91 * DAY_MS)

    assert bounds.stood(5, 6) == Dated(70 * DAY_MS, 70 * DAY_MS, before_watch=True)
    assert bounds.stood(5, 80 * DAY_MS) == Dated(70 * DAY_MS, 80 * DAY_MS, before_watch=True)
    assert bounds.stood(71 * DAY_MS, 71 * DAY_MS) == Dated(71 * DAY_MS, 71 * DAY_MS)
