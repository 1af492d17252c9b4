from __future__ import annotations

import pytest

from probe.detect.failure_classes import Mark
from probe.detect.learned import (
    AFTER_FAILURE,
    STRAY_FLOORS,
    STRAY_RANGE,
    Learned,
    cautious_share,
)


def test_a_new_vantage_believes_the_prior() -> None:
    """One stray in forty, bursts of 400 s."""
    learned = Learned()

    assert learned.stray == pytest.approx(1 / 40)
    assert learned.tau == [400.0] * 7
    assert all(look >= floor for look, floor in zip(learned.looks, STRAY_FLOORS, strict=True))


def test_rates_move_when_the_batch_is_over() -> None:
    """A batch is judged by one set of rates."""
    learned = Learned()
    learned.quiet(100_000)
    assert learned.stray == pytest.approx(1 / 40)

    learned.settle()
    assert learned.stray < 1e-4


def test_strays_teach_how_often_and_what_they_look_like() -> None:
    """Ten resets in a thousand attempts."""
    learned = Learned()
    learned.strays([0, 0, 10, 0, 0, 0, 0], 1000)
    learned.settle()

    assert learned.stray == pytest.approx(11 / 1040)
    assert learned.looks[Mark.CUT] > learned.looks[Mark.UNREACHABLE]


def test_bursts_teach_how_often_and_how_long() -> None:
    """A quarter of an hour of silence, twice."""
    learned = Learned()
    before = learned.eps[Mark.SILENT]
    learned.burst(Mark.SILENT, 900.0, 1.0)
    learned.burst(Mark.SILENT, 900.0, 1.0)
    learned.settle()

    assert learned.eps[Mark.SILENT] > before
    assert learned.tau[Mark.SILENT] == pytest.approx(650.0)


def test_a_target_follows_its_vantage_until_it_has_seen_enough_itself() -> None:
    """Own counts are shrunk, and kept within reason."""
    learned = Learned()

    assert learned.own_stray(0, 0) == pytest.approx(learned.stray)
    assert learned.own_stray(90, 100) < 0.5
    assert learned.own_stray(1e6, 1e6) == STRAY_RANGE[1]
    assert learned.own_stray(0, 1e6) == STRAY_RANGE[0]
    assert learned.own_eps(None, 0) == pytest.approx(learned.eps)
    assert learned.own_eps([0, 8, 0, 0, 0, 0, 0], 4000)[1] > learned.eps[1] > learned.own_eps(None, 4000)[1]


def test_leaks_seen_here_are_expected_of_the_next_block() -> None:
    """But for no more than four attempts' worth."""
    learned = Learned()
    base = learned.leak_prior(AFTER_FAILURE)
    learned.leaks([50, 0, 0], [100, 0, 0])

    leaked, tried = learned.leak_prior(AFTER_FAILURE)
    assert (leaked, tried) == pytest.approx((base[0] + 2.0, base[1] + 4.0))


def test_a_cautious_share_lies_above_the_mean() -> None:
    """And comes down as evidence grows."""
    assert cautious_share(1, 10) > cautious_share(100, 1000) > 0.1


def test_counts_survive_as_plain_data() -> None:
    """The rates in force, too: they are of the last batch."""
    learned = Learned()
    learned.strays([1, 2, 0, 0, 0, 0, 1], 50)
    learned.burst(Mark.SILENT, 77.0, 1.0)

    again = Learned.of(learned.plain())

    assert again.plain() == learned.plain()
    assert again.stray == learned.stray
