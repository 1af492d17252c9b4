"""What is due when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.agent.scheduler import RANGE_INTERVAL, back_off, due, first_delay, next_start
from probe.model.target import parse

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_the_first_round_is_due_at_once() -> None:
    assert next_start(None, NOON, interval=300, jitter=0.1, draw=0.9) == NOON


@pytest.mark.parametrize(("draw", "length"), [(0.0, 270), (0.5, 300), (1.0, 330)])
def test_a_round_follows_the_last_one_after_an_interval_and_its_jitter(draw: float, length: float) -> None:
    assert next_start(NOON, NOON + seconds(20), interval=300, jitter=0.1, draw=draw) == NOON + seconds(length)


def test_rounds_missed_while_asleep_are_not_made_up_for() -> None:
    woken = NOON + seconds(8 * 3600)

    assert next_start(NOON, woken, interval=300, jitter=0, draw=0.5) == woken


def test_a_clock_set_back_delays_a_round_by_one_interval_at_most() -> None:
    earlier = NOON - seconds(3600)

    assert next_start(NOON, earlier, interval=300, jitter=0, draw=0.5) == earlier + seconds(300)


@given(st.integers(-100_000, 100_000), st.floats(1, 10_000), st.floats(0, 0.9), st.floats(0, 1))
def test_a_round_is_never_in_the_past_and_never_further_than_an_interval_and_its_jitter(
    gone: int, interval: float, jitter: float, draw: float
) -> None:
    now = NOON + seconds(gone)

    start = next_start(NOON, now, interval=interval, jitter=jitter, draw=draw)

    assert now <= start <= now + seconds(interval * (1 + jitter)) + seconds(0.001)


def test_cron_waits_a_random_share_and_a_person_does_not_wait() -> None:
    assert first_delay(longest=60, terminal=False, draw=0.25) == 15
    assert first_delay(longest=60, terminal=True, draw=0.25) == 0


def test_every_target_is_due_every_round_but_ranges_only_once_an_hour() -> None:
    targets = [(text, parse(text)) for text in ("a.example", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    measured = {
        "a.example": NOON,
        "192.0.2.0/24": NOON - seconds(RANGE_INTERVAL - 1),
        "198.51.100.0/24": NOON - seconds(RANGE_INTERVAL),
    }

    assert [text for text, _ in due(targets, measured, NOON)] == ["a.example", "198.51.100.0/24", "203.0.113.0/24"]


def test_a_range_measured_in_the_future_is_due() -> None:
    """The clock was set back: the stamp says nothing."""
    targets = [("192.0.2.0/24", parse("192.0.2.0/24"))]

    assert due(targets, {"192.0.2.0/24": NOON + seconds(1)}, NOON) == tuple(targets)


def test_back_off_doubles_up_to_a_bound_and_spreads_over_its_second_half() -> None:
    assert [back_off(n, 1.0) for n in (1, 2, 3)] == [5, 10, 20]
    assert back_off(1, 0.0) == 2.5
    assert back_off(10_000, 1.0) == 900
