from __future__ import annotations

from probe.detect.onset import between


def test_a_change_is_dated_in_the_middle_of_two_looks() -> None:
    """Between them nothing is known."""
    assert between(100.0, 400.0) == 250.0


def test_without_a_look_before_the_first_look_is_all_there_is() -> None:
    """A target that never worked."""
    assert between(0.0, 400.0) == 400.0
    assert between(500.0, 400.0) == 400.0
