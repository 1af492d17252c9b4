"""What a sweep knows of each target."""

from __future__ import annotations

from probe.model.verdict import Status
from probe.sweep.target_states import MAX_TRIES, TargetStates, code_of, status_of


def test_a_verdict_sets_status_time_and_counts() -> None:
    states = TargetStates(3)

    states.set(1, Status.BLOCKED, 1_700_000_000)
    states.set(1, Status.REACHABLE, 1_700_000_300)
    states.set(2, Status.REACHABLE, 1_700_000_301)

    assert [states.status(number) for number in range(3)] == [None, Status.REACHABLE, Status.REACHABLE]
    assert [states.time(number) for number in range(3)] == [0, 1_700_000_300, 1_700_000_301]
    assert (states.measured, states.statuses[Status.REACHABLE], states.statuses[Status.BLOCKED]) == (2, 2, 0)


def test_a_new_pass_keeps_what_is_known() -> None:
    states = TargetStates(2)
    states.set(0, Status.DOWN, 5)

    states.begin_pass()

    assert (states.measured, states.is_measured(0)) == (0, False)
    assert (states.status(0), states.time(0), states.statuses[Status.DOWN]) == (Status.DOWN, 5, 1)


def test_a_target_is_tried_a_bounded_number_of_times_in_a_pass() -> None:
    states = TargetStates(1)

    assert [states.may_try_again(0) for _ in range(MAX_TRIES + 2)] == [True] * (MAX_TRIES - 1) + [False] * 3
    states.begin_pass()
    assert states.may_try_again(0)


def test_the_code_of_each_status_stays() -> None:
    """Journals on disk hold these codes."""
    codes = {"reachable": 1, "blocked": 2, "throttled": 3, "down": 4, "unreachable": 5, "unknown": 6}

    assert {str(status): code_of(status) for status in Status} == codes
    assert {str(status_of(code)): code for code in codes.values()} == codes
    assert (status_of(0), status_of(7)) == (None, None)
