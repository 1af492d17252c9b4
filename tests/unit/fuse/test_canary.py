"""Agreement with targets of known status."""

from __future__ import annotations

import pytest

from probe.errors import ListError
from probe.fuse.canary import CanaryStatus, agrees, read_canaries, weight_of
from probe.fuse.standing import MIN_WEIGHT
from probe.model.verdict import Status

UP, DOWN, NEVER = CanaryStatus.UP, CanaryStatus.DOWN, CanaryStatus.NEVER
CANARIES = {"a": UP, "b": DOWN, "c": NEVER}


@pytest.mark.parametrize(
    ("expected", "status", "agreement"),
    [
        (UP, Status.REACHABLE, True),
        (UP, Status.BLOCKED, False),
        (UP, Status.THROTTLED, False),
        (UP, Status.UNREACHABLE, None),
        (DOWN, Status.DOWN, True),
        (DOWN, Status.UNREACHABLE, True),
        (DOWN, Status.REACHABLE, False),
        (DOWN, Status.BLOCKED, False),
        (DOWN, Status.UNKNOWN, None),
        (NEVER, Status.DOWN, True),
        (NEVER, Status.BLOCKED, True),
        (NEVER, Status.REACHABLE, False),
        (NEVER, Status.UNKNOWN, None),
    ],
)
def test_a_status_agrees_with_what_is_known_or_not(expected: CanaryStatus, status: Status, agreement: bool) -> None:
    """Failures of the vantage's own line say nothing; a network may answer for names that never existed."""
    assert agrees(expected, status) is agreement


def test_one_disagreement_leaves_a_vantage_its_vote_and_two_take_it() -> None:
    """Where it agrees with none; agreement with others outweighs them."""
    wrong = [("b", Status.REACHABLE), ("c", Status.REACHABLE)]

    assert weight_of([("a", Status.REACHABLE), ("other", Status.BLOCKED)], CANARIES) == 1.0
    assert weight_of(wrong[:1], CANARIES) == MIN_WEIGHT
    assert weight_of(wrong, CANARIES) < MIN_WEIGHT
    assert weight_of([*wrong, ("a", Status.REACHABLE)], CANARIES) == MIN_WEIGHT
    assert weight_of([("a", Status.UNREACHABLE)], CANARIES) == 1.0


def test_a_file_of_canaries_is_read_line_by_line() -> None:
    """With comments; a bad line is named."""
    assert read_canaries("# known\nup https://a.example/\n\nnever dns://x.example\n", "c.txt") == {
        "https://a.example/": UP,
        "dns://x.example": NEVER,
    }
    for line in ("https://a.example/", "maybe https://a.example/", "up a b"):
        with pytest.raises(ListError, match="is no canary") as error:
            read_canaries(f"up b.example\n{line}", "c.txt")
        assert error.value.where == "c.txt:2"
