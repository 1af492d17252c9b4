"""The limits that tell a freeze from packet loss."""

from __future__ import annotations

import pytest

from probe.model.flow import MIN_FREEZE_SILENCE_MS, Flow, is_freeze


@pytest.mark.parametrize(
    ("silence", "longest_pause", "before", "frozen"),
    [
        (MIN_FREEZE_SILENCE_MS, 0, 0, True),
        (MIN_FREEZE_SILENCE_MS - 1, 0, 0, False),
        (8_000, 4_000, 0, True),
        (7_999, 4_000, 0, False),
        (9_000, 0, 9_000, True),
        (8_999, 0, 9_000, False),
        (MIN_FREEZE_SILENCE_MS, 250, 9_000, True),
        (MIN_FREEZE_SILENCE_MS - 1, 200, 9_000, False),
        (4_000, 500, 9_000, True),
        (3_999, 500, 9_000, False),
    ],
)
def test_a_freeze_is_longer_than_any_pause_that_loss_makes(
    silence: int, longest_pause: int, before: int, frozen: bool
) -> None:
    """At least two seconds, twice the longest pause, and the whole transfer before it, or eight times the pause."""
    assert is_freeze(silence, longest_pause=longest_pause, before=before) is frozen


def test_a_rate_counts_the_silence_at_the_end() -> None:
    """A transfer that took no time at all has one, too."""
    assert Flow(bytes=20_000, took=1_000, quiet=1_000).rate == 10_000
    assert Flow(bytes=20_000).rate == 20_000_000
