"""When rounds start, and which targets are due in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.agent.scheduler import RANGE_INTERVAL_SECONDS, back_off, due, first_delay, next_start
from probe.model.target import parse

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(("draw", "length"), [(0.0, 270), (0.5, 300), (1.0, 330)])
def test_a_round_starts_an_interval_and_its_jitter_after_the_last(draw: float, length: float) -> None:
    assert next_start(1000, 1020, interval=300, jitter=0.1, draw=draw) == 1000 + length


def test_missed_rounds_are_not_made_up_for() -> None:
    assert next_start(1000, 30_000, interval=300, jitter=0, draw=0.5) == 30_000


@given(st.floats(0, 100_000), st.floats(0, 100_000), st.floats(1, 10_000), st.floats(0, 0.9), st.floats(0, 1))
def test_a_round_is_never_in_the_past_and_never_further_than_an_interval_and_its_jitter(
    last: float, gone: float, interval: float, jitter: float, draw: float
) -> None:
    now = last + gone

    start = next_start(last, now, interval=interval, jitter=jitter, draw=draw)

    assert now <= start <= now + interval * (1 + jitter) + 0.001


def test_a_single_round_waits_a_random_share_unless_a_person_is_at_the_terminal() -> None:
    assert first_delay(longest=60, terminal=False, draw=0.25) == 15
    assert first_delay(longest=60, terminal=True, draw=0.25) == 0


def test_targets_are_due_every_round_and_ranges_once_an_hour() -> None:
    targets = [(text, parse(text)) for text in ("a.example", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    measured = {
        "a.example": NOON,
        "192.0.2.0/24": NOON - seconds(RANGE_INTERVAL_SECONDS - 1),
        "198.51.100.0/24": NOON - seconds(RANGE_INTERVAL_SECONDS),
    }

    assert [text for text, _ in due(targets, measured, NOON)] == ["a.example", "198.51.100.0/24", "203.0.113.0/24"]


def test_a_range_measured_in_the_future_is_due() -> None:
    """The clock was set back, so the time of the last measurement says nothing."""
    targets = [("192.0.2.0/24", parse("192.0.2.0/24"))]

    assert due(targets, {"192.0.2.0/24": NOON + seconds(1)}, NOON) == tuple(targets)


def test_back_off_doubles_up_to_a_bound_and_spreads_over_its_second_half() -> None:
    assert [back_off(n, 1.0) for n in (1, 2, 3)] == [5, 10, 20]
    assert back_off(1, 0.0) == 2.5
    assert back_off(10_000, 1.0) == 900
