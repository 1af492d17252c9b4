from __future__ import annotations

import msgspec
import pytest

from probe.detect import null_model
from probe.detect.failure_classes import ANCHOR_WITNESS, CAUSE_WITNESS, NO_WITNESS, SUCCESS, FailureClass
from probe.detect.hypotheses import HYPOTHESES, PROVEN, SILENT
from probe.detect.learned import LearnedRates
from probe.detect.round_times import ClockCorrection
from probe.detect.suspicion import MAX_TRAIL_SAMPLES, NO_HYPOTHESIS, Suspicion, onset_between

LEARNED = LearnedRates()
STRAY = 0.01


def fail(suspicion: Suspicion, moment: float, failure_class: int, batch: int = 1, dt: float = 15.0) -> None:
    """One failure, so long after the last look."""
    null_model.predict(suspicion.belief, dt, LEARNED.burst_rates, LEARNED.burst_seconds)
    suspicion.failed(
        (moment, failure_class, batch), onset=moment - 150.0, stray=STRAY * LEARNED.stray_shares[failure_class]
    )


def work(suspicion: Suspicion, moment: float, batch: int = 1, dt: float = 15.0) -> int:
    """One success."""
    null_model.predict(suspicion.belief, dt, LEARNED.burst_rates, LEARNED.burst_seconds)
    return suspicion.succeeded(moment, batch, STRAY)


def test_one_injected_answer_weighs_more_than_one_time_out() -> None:
    """Evidence grows with how rarely an ordinary fault looks like it."""
    injected, silent = Suspicion(LEARNED.burst_rates), Suspicion(LEARNED.burst_rates)
    fail(injected, 1000.0, FailureClass.PROVEN)
    fail(silent, 1000.0, FailureClass.SILENT)

    assert max(injected.sums) > max(silent.sums) + 3.0
    assert HYPOTHESES[injected.best()].regime == PROVEN
    assert HYPOTHESES[silent.best()].regime == SILENT


def test_the_fifth_time_out_in_a_minute_adds_no_evidence() -> None:
    """It belongs to the same episode."""
    suspicion = Suspicion(LEARNED.burst_rates)
    sums = []
    for n in range(6):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
        sums.append(max(suspicion.sums))

    assert sums[1] - sums[0] > 2.0
    assert sums[5] - sums[4] < 0.3


def test_successes_bring_every_sum_back_to_zero() -> None:
    """The full block goes first, the leakiest hypothesis last."""
    suspicion = Suspicion(LEARNED.burst_rates)
    fail(suspicion, 1000.0, FailureClass.UNREACHABLE)
    firsts = []
    for n in range(1, 20):
        firsts.append(work(suspicion, 1000.0 + 300.0 * n, n, dt=300.0))
        if firsts[-1] == NO_HYPOTHESIS:
            break

    assert firsts == sorted(firsts)
    assert firsts[-1] == NO_HYPOTHESIS
    assert len(firsts) > 2


def test_a_stray_is_learned_as_a_stray() -> None:
    """One failure is followed by a success."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    fail(suspicion, 1000.0, FailureClass.CUT)
    work(suspicion, 1015.0)

    strays, attempts, bursts = suspicion.learn_into(learned, 1015.0)

    assert (strays, attempts, bursts) == (1.0, 2, [])
    assert suspicion.learn_into(learned, 1030.0) == (0.0, 0, [])


def test_an_episode_is_learned_as_a_burst_of_its_length() -> None:
    """It lasts from half a round before its first failure to the middle before the next success."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    work(suspicion, 1345.0, 2, dt=300.0)

    strays, _, bursts = suspicion.learn_into(learned, 1345.0)
    learned.update_rates()

    assert strays == 0.0
    assert bursts == [(FailureClass.SILENT, 0.3 if suspicion.peak > 9.0 else 1.0)]
    assert learned.burst_seconds[FailureClass.SILENT] < 400.0


def test_a_success_within_a_burst_does_not_end_it() -> None:
    """One of twelve attempts works, and one burst is learned."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    work(suspicion, 1046.0, dt=1.0)
    for n in range(4):
        fail(suspicion, 1060.0 + 15.0 * n, FailureClass.SILENT)
    work(suspicion, 1405.0, 2, dt=300.0)

    strays, _, bursts = suspicion.learn_into(learned, 1405.0)

    assert strays == 0.0
    assert [kind for kind, _ in bursts] == [FailureClass.SILENT]


def test_a_failure_of_another_class_long_after_a_burst_is_a_stray() -> None:
    """No success between the two is needed."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    fail(suspicion, 8245.0, FailureClass.CUT, 2, dt=7200.0)
    work(suspicion, 8545.0, 3, dt=300.0)

    strays, _, bursts = suspicion.learn_into(learned, 8545.0)

    assert strays == 1.0
    assert [kind for kind, _ in bursts] == [FailureClass.SILENT]


def test_two_bursts_hours_apart_are_two() -> None:
    """A failure of another class shows that the first burst was over."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    fail(suspicion, 8245.0, FailureClass.CUT, 2, dt=7200.0)
    for n in range(4):
        fail(suspicion, 8260.0 + 15.0 * n, FailureClass.SILENT, 2)
    work(suspicion, 8605.0, 3, dt=300.0)

    assert [kind for kind, _ in suspicion.learn_into(learned, 8605.0)[2]] == [FailureClass.SILENT, FailureClass.SILENT]


def test_an_open_burst_is_learned_up_to_now() -> None:
    """It ends in the middle between its last failure and the moment of learning."""
    learned, whole = LearnedRates(), LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    weight = 0.3 if suspicion.peak > 9.0 else 1.0

    assert suspicion.learn_into(learned, 1065.0) == (0.0, 0, [(FailureClass.SILENT, weight)])
    assert suspicion.learn_into(learned, 1080.0) == (0.0, 0, [])
    whole.count_burst(FailureClass.SILENT, 1055.0 - 850.0, weight)
    assert learned.to_plain() == whole.to_plain()


def test_at_most_eight_bursts_are_recorded() -> None:
    """The stored state stays small."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    moment = 1000.0
    for batch in range(11):
        for n in range(4):
            fail(suspicion, moment + 15.0 * n, FailureClass.SILENT, batch, dt=15.0 if n else 3600.0)
        work(suspicion, moment + 345.0, batch, dt=300.0)
        work(suspicion, moment + 645.0, batch, dt=300.0)
        moment += 4245.0

    assert len(suspicion.learn_into(learned, moment)[2]) == 8


def test_crowded_failures_are_not_learned_as_bursts() -> None:
    """The vantage may have caused them."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(4):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    suspicion.crowded = True
    work(suspicion, 1345.0, 2, dt=300.0)

    assert suspicion.learn_into(learned, 1345.0)[2] == []
    assert not suspicion.crowded


def test_an_hour_of_failures_is_not_learned_as_a_burst() -> None:
    """It may be a block that ended before the alarm."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    for n in range(13):
        fail(suspicion, 1000.0 + 300.0 * n, FailureClass.SILENT, n, dt=300.0)
    work(suspicion, 1000.0 + 300.0 * 13, 13, dt=300.0)

    assert suspicion.learn_into(learned, 5000.0)[2] == []


def test_the_trail_is_bounded() -> None:
    """It keeps the newest attempts."""
    suspicion = Suspicion(LEARNED.burst_rates)
    for n in range(200):
        fail(suspicion, 1000.0 + n, FailureClass.UNREACHABLE)

    assert len(suspicion.trail) == MAX_TRAIL_SAMPLES
    assert suspicion.trail[-1][1] != SUCCESS
    assert len(msgspec.msgpack.encode(suspicion.to_plain())) < 1500


@pytest.mark.parametrize(
    ("witnesses", "proven"), [(NO_WITNESS, False), (ANCHOR_WITNESS, False), (CAUSE_WITNESS | ANCHOR_WITNESS, True)]
)
def test_only_a_self_evident_cause_proves_interference(witnesses: int, proven: bool) -> None:
    """Anchors confirm the vantage, a second answer confirms interference."""
    suspicion = Suspicion(LEARNED.burst_rates)
    suspicion.witness |= witnesses

    assert suspicion.proven is proven


def test_rests_on_one_batch_counts_batches_with_failures() -> None:
    """A suspect vantage discards such a suspicion."""
    suspicion = Suspicion(LEARNED.burst_rates)
    fail(suspicion, 1000.0, FailureClass.FORGED, 7)
    assert suspicion.rests_on_one_batch()

    fail(suspicion, 1300.0, FailureClass.FORGED, 8)
    assert not suspicion.rests_on_one_batch()


def test_plain_data_restores_the_state_and_a_clock_correction_moves_it() -> None:
    """The data is small, and a correction forth and back changes nothing."""
    suspicion = Suspicion(LEARNED.burst_rates)
    for n in range(3):
        fail(suspicion, 1000.0 + 15.0 * n, FailureClass.SILENT)
    again = Suspicion.from_plain(msgspec.msgpack.decode(msgspec.msgpack.encode(suspicion.to_plain())))
    assert again.to_plain() == suspicion.to_plain()

    again.correct(ClockCorrection(-3600.0))
    assert again.trail[0][0] == pytest.approx(1000.0 - 3600.0)
    again.correct(ClockCorrection(3600.0))
    assert again.to_plain() == suspicion.to_plain()


def test_a_change_is_dated_between_two_samples() -> None:
    """Nothing is known between them."""
    assert onset_between(100.0, 400.0) == 250.0


def test_without_an_earlier_sample_the_first_one_dates_the_change() -> None:
    """The target never worked."""
    assert onset_between(0.0, 400.0) == 400.0
    assert onset_between(500.0, 400.0) == 400.0
