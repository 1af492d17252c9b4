"""Repeated attempts."""

from __future__ import annotations

import pytest

from probe.collector.notify.attempts import (
    FIRST_DELAY_MS,
    GIVE_UP_MS,
    MAX_DELAY_MS,
    next_attempt,
    refused,
    retry,
)


@pytest.mark.parametrize(
    ("tries", "chance", "delay"),
    [
        (1, 1.0, FIRST_DELAY_MS),
        (1, 0.0, FIRST_DELAY_MS // 2),
        (3, 1.0, 4 * FIRST_DELAY_MS),
        (500, 1.0, MAX_DELAY_MS),
    ],
)
def test_the_delay_doubles_up_to_a_limit_and_is_spread_by_chance(tries: int, chance: float, delay: int) -> None:
    assert next_attempt(retry("x"), tries, 0, 7, chance) == 7 + delay


def test_the_receiver_may_ask_for_more_time_within_bounds() -> None:
    assert next_attempt(retry("x", 120_000), 1, 0, 0, 1.0) == 120_000
    assert next_attempt(retry("x", 10**12), 1, 0, 0, 1.0) == MAX_DELAY_MS


def test_a_refusal_and_a_day_without_success_end_it() -> None:
    assert next_attempt(refused("410"), 1, 0, 0, 1.0) is None
    assert next_attempt(retry("x"), 9, GIVE_UP_MS, 0, 1.0) is None
    assert next_attempt(retry("x"), 9, GIVE_UP_MS - 1, 0, 1.0) is not None
