"""What an agent says of a clock that differs from the collector's."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from probe.agent.clock_offset import ClockComparison, ClockOffset
from probe.clock import Clock

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Stopped(Clock):
    """A clock that stands at noon."""

    def now(self) -> datetime:
        """Noon."""
        return NOON


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (420, "this host's clock is 7 min ahead of the collector's"),
        (-150, "this host's clock is 2 min behind the collector's"),
        (-3 * 3600, "this host's clock is 3 hours behind the collector's"),
        (-400 * 86_400, "this host's clock is 400 days behind the collector's"),
    ],
)
def test_a_difference_is_said_in_words(seconds: float, said: str) -> None:
    comparison = ClockComparison(Stopped())

    comparison.take(NOON - timedelta(seconds=seconds))

    assert comparison.offset == ClockOffset(seconds, NOON)
    assert str(comparison.offset) == said


def test_a_difference_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    comparison = ClockComparison(Stopped())

    for seconds in (0, 119, -600, -601, None, 3):
        comparison.take(None if seconds is None else NOON - timedelta(seconds=seconds))

    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "this host's clock is 10 min behind the collector's",
        "this host's clock agrees with the collector's again",
    ]
    assert comparison.offset is None


def test_a_laboratory_clock_may_differ_by_more_because_it_runs_faster() -> None:
    """A reply that took a real second is a minute late on a clock that is sixty times as fast."""
    comparison = ClockComparison(Stopped(rate=60.0))

    comparison.take(NOON - timedelta(seconds=7000))

    assert comparison.offset is None
