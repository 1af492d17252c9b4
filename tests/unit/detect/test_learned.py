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


def test_a_new_vantage_has_the_prior_rates() -> None:
    """One attempt in forty is a stray, a burst lasts 400 s."""
    learned = LearnedRates()

    assert learned.stray_rate == pytest.approx(1 / 40)
    assert learned.burst_seconds == [400.0] * 7
    assert all(sample >= floor for sample, floor in zip(learned.stray_shares, MIN_STRAY_SHARES, strict=True))


def test_rates_change_at_the_end_of_a_batch() -> None:
    """One batch uses one set of rates."""
    learned = LearnedRates()
    learned.count_successes(100_000)
    assert learned.stray_rate == pytest.approx(1 / 40)

    learned.update_rates()
    assert learned.stray_rate < 1e-4


def test_strays_change_the_stray_rate_and_its_classes() -> None:
    """Ten of a thousand attempts are resets."""
    learned = LearnedRates()
    learned.count_strays([0, 0, 10, 0, 0, 0, 0], 1000)
    learned.update_rates()

    assert learned.stray_rate == pytest.approx(11 / 1040)
    assert learned.stray_shares[FailureClass.CUT] > learned.stray_shares[FailureClass.UNREACHABLE]


def test_bursts_change_the_burst_rate_and_its_duration() -> None:
    """Two bursts of time-outs last a quarter of an hour each."""
    learned = LearnedRates()
    before = learned.burst_rates[FailureClass.SILENT]
    learned.count_burst(FailureClass.SILENT, 900.0, 1.0)
    learned.count_burst(FailureClass.SILENT, 900.0, 1.0)
    learned.update_rates()

    assert learned.burst_rates[FailureClass.SILENT] > before
    assert learned.burst_seconds[FailureClass.SILENT] == pytest.approx(650.0)


def test_the_rates_of_a_target_are_shrunk_towards_its_vantage() -> None:
    """They stay within fixed bounds."""
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


def test_earlier_leaks_are_the_prior_of_the_next_block() -> None:
    """They weigh at most four attempts."""
    learned = LearnedRates()
    base = learned.leak_prior(AFTER_FAILURE)
    learned.count_leaks([50, 0, 0], [100, 0, 0])

    leaked, tried = learned.leak_prior(AFTER_FAILURE)
    assert (leaked, tried) == pytest.approx((base[0] + 2.0, base[1] + 4.0))


def test_a_cautious_share_lies_above_the_mean() -> None:
    """It approaches the mean as counts grow."""
    assert cautious_share(1, 10) > cautious_share(100, 1000) > 0.1


def test_plain_data_restores_the_counts() -> None:
    """The rates of the last batch are restored, too."""
    learned = LearnedRates()
    learned.count_strays([1, 2, 0, 0, 0, 0, 1], 50)
    learned.count_burst(FailureClass.SILENT, 77.0, 1.0)

    again = LearnedRates.from_plain(learned.to_plain())

    assert again.to_plain() == learned.to_plain()
    assert again.stray_rate == learned.stray_rate
