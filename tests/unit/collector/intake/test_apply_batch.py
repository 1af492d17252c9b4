"""Clocks that are off, and reports that are late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.collector.intake.apply_batch import clock_offset, is_kept_time

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_batch_that_waited_in_its_outbox_is_not_taken_for_a_slow_clock() -> None:
    """Sent three days ago by its own account, which may well be true."""
    assert clock_offset(NOW - timedelta(days=3), None, NOW) == timedelta(0)


def test_a_batch_of_a_time_to_come_shows_a_fast_clock() -> None:
    """It is put back by as much."""
    assert clock_offset(NOW + 10 * MINUTE, None, NOW) == -10 * MINUTE


def test_the_clock_at_the_request_tells_skew_from_waiting() -> None:
    """In both directions, whatever the batch's own age."""
    assert clock_offset(NOW - timedelta(days=3), NOW - 7 * MINUTE, NOW) == 7 * MINUTE
    assert clock_offset(NOW - timedelta(days=3), NOW + 7 * MINUTE, NOW) == -7 * MINUTE


def test_two_minutes_are_tolerated() -> None:
    """And in a laboratory two minutes of the world, since the request itself takes time there."""
    assert clock_offset(NOW, NOW - 2 * MINUTE, NOW) == timedelta(0)
    assert clock_offset(NOW, NOW - 60 * MINUTE, NOW, rate=60) == timedelta(0)


def test_what_is_too_old_or_has_not_come_yet_is_not_kept() -> None:
    """Thirty days back, five minutes ahead."""
    kept = [
        is_kept_time(NOW + delta, NOW) for delta in (-timedelta(days=30), -timedelta(days=31), 5 * MINUTE, 6 * MINUTE)
    ]

    assert kept == [True, False, True, False]
