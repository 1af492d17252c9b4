"""Which target is measured next."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.sweep.due_times import DueTimes, spread


def taken(due: DueTimes, now: float) -> list[int]:
    return [number for number in iter(lambda: due.take(now), None) if number is not None]


def test_targets_come_when_they_are_due_and_in_order() -> None:
    due = DueTimes(5)
    for number, second in [(3, 20), (0, 10), (4, 10), (1, 30), (2, 20)]:
        due.add(number, second)

    assert due.first == 10
    assert taken(due, 9.9) == []
    assert taken(due, 20) == [0, 4, 3, 2]
    assert (len(due), due.first) == (1, 30)
    assert taken(due, 100) == [1]
    assert (len(due), due.first) == (0, None)


def test_a_taken_target_can_be_due_again() -> None:
    due = DueTimes(2)
    due.add(0, 5)
    due.add(1, 5)

    assert due.take(5) == 0
    due.add(0, 5)

    assert taken(due, 5) == [1, 0]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), unique_by=lambda pair: pair[0]))
def test_order_is_that_of_seconds_then_of_adding(pairs: list[tuple[int, int]]) -> None:
    due = DueTimes(41)
    for number, second in pairs:
        due.add(number, second)

    assert taken(due, 6) == [number for number, _ in sorted(pairs, key=lambda pair: pair[1])]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 10, 97, 1000])
def test_every_number_comes_once(count: int) -> None:
    assert sorted(spread(count)) == list(range(count))


def test_neighbours_come_far_apart() -> None:
    place = {number: turn for turn, number in enumerate(spread(10_000))}

    assert min(abs(place[one] - place[other]) for one, other in pairwise(range(10_000))) > 1000
