"""The limits that tell a freeze from packet loss."""

from __future__ import annotations

import pytest

from probe.model.flow import MIN_FREEZE_SILENCE_MS, is_freeze


@pytest.mark.parametrize(
    ("silence", "longest_pause", "before", "frozen"),
    [
        (MIN_FREEZE_SILENCE_MS, 0, 0, True),
        (MIN_FREEZE_SILENCE_MS - 1, 0, 0, False),
        (8_000, 4_000, 0, True),
        (7_999, 4_000, 0, False),
        (9_000, 0, 9_000, True),
        (8_999, 0, 9_000, False),
    ],
)
def test_a_freeze_is_longer_than_any_pause_that_loss_makes(
    silence: int, longest_pause: int, before: int, frozen: bool
) -> None:
    """At least two seconds, twice the longest pause, and the whole transfer before it."""
    assert is_freeze(silence, longest_pause=longest_pause, before=before) is frozen
