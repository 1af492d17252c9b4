"""Corrections of wrong clocks, and late reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.collector.intake.apply_batch import clock_offset, is_kept_time

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
