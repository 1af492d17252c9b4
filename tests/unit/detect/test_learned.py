from __future__ import annotations

import pytest

from probe.detect.failure_classes import FailureClass
from probe.detect.learned import (
    AFTER_FAILURE,
    MIN_STRAY_SHARES,
    STRAY_RATE_RANGE,
    LearnedRates,
    cautious_share,
)


def test_a_new_vantage_believes_the_prior() -> None:
    """One stray in forty, bursts of 400 s."""
    learned = LearnedRates()

    assert learned.stray_rate == pytest.approx(1 / 40)
    assert learned.burst_seconds == [400.0] * 7
    assert all(sample >= floor for sample, floor in zip(learned.stray_shares, MIN_STRAY_SHARES, strict=True))


def test_rates_move_when_the_batch_is_over() -> None:
    """A batch is judged by one set of rates."""
    learned = LearnedRates()
    learned.count_successes(100_000)
    assert learned.stray_rate == pytest.approx(1 / 40)

    learned.update_rates()
    assert learned.stray_rate < 1e-4


def test_strays_teach_how_often_and_what_they_look_like() -> None:
    """Ten resets in a thousand attempts."""
    learned = LearnedRates()
    learned.count_strays([0, 0, 10, 0, 0, 0, 0], 1000)
    learned.update_rates()

    assert learned.stray_rate == pytest.approx(11 / 1040)
    assert learned.stray_shares[FailureClass.CUT] > learned.stray_shares[FailureClass.UNREACHABLE]


def test_bursts_teach_how_often_and_how_long() -> None:
    """A quarter of an hour of silence, twice."""
    learned = LearnedRates()
    before = learned.burst_rates[FailureClass.SILENT]
    learned.count_burst(FailureClass.SILENT, 900.0, 1.0)
    learned.count_burst(FailureClass.SILENT, 900.0, 1.0)
    learned.update_rates()

    assert learned.burst_rates[FailureClass.SILENT] > before
    assert learned.burst_seconds[FailureClass.SILENT] == pytest.approx(650.0)


def test_a_target_follows_its_vantage_until_it_has_seen_enough_itself() -> None:
    """Own counts are shrunk, and kept within reason."""
    learned = LearnedRates()

    assert learned.target_stray_rate(0, 0) == pytest.approx(learned.stray_rate)
    assert learned.target_stray_rate(90, 100) < 0.5
    assert learned.target_stray_rate(1e6, 1e6) == STRAY_RATE_RANGE[1]
    assert learned.target_stray_rate(0, 1e6) == STRAY_RATE_RANGE[0]
    assert learned.target_burst_rates(None, 0) == pytest.approx(learned.burst_rates)
    assert (
        learned.target_burst_rates([0, 8, 0, 0, 0, 0, 0], 4000)[1]
        > learned.burst_rates[1]
        > learned.target_burst_rates(None, 4000)[1]
    )


def test_leaks_seen_here_are_expected_of_the_next_block() -> None:
    """But for no more than four attempts' worth."""
    learned = LearnedRates()
    base = learned.leak_prior(AFTER_FAILURE)
    learned.count_leaks([50, 0, 0], [100, 0, 0])

    leaked, tried = learned.leak_prior(AFTER_FAILURE)
    assert (leaked, tried) == pytest.approx((base[0] + 2.0, base[1] + 4.0))


def test_a_cautious_share_lies_above_the_mean() -> None:
    """And comes down as evidence grows."""
    assert cautious_share(1, 10) > cautious_share(100, 1000) > 0.1


def test_counts_survive_as_plain_data() -> None:
    """The rates in force, too: they are of the last batch."""
    learned = LearnedRates()
    learned.count_strays([1, 2, 0, 0, 0, 0, 1], 50)
    learned.count_burst(FailureClass.SILENT, 77.0, 1.0)

    again = LearnedRates.of(learned.plain())

    assert again.plain() == learned.plain()
    assert again.stray_rate == learned.stray_rate
