from __future__ import annotations

import pytest

from probe.detect import null_model
from probe.detect.decision import (
    FIRST_SIGHT_NATS,
    FLAPPING_NATS,
    LONG_SHARED_NATS,
    LOWEST_THRESHOLD_NATS,
    NEW_VANTAGE_NATS,
    PAIR_NATS,
    REPEATED_NATS,
    Circumstances,
    Reason,
    decide,
)
from probe.detect.failure_classes import CAUSE_WITNESS, SUCCESS, FailureClass
from probe.detect.hypotheses import CUT, PROVEN, REGIMES, SILENT
from probe.detect.learned import LearnedRates
from probe.detect.suspicion import Suspicion

KNOWN = Circumstances()
RARE = [rate / 1000 for rate in LearnedRates().burst_rates]


def suspicion_of(*steps: tuple[float, int]) -> Suspicion:
    """Return evidence from failures given as (minutes, class), on a vantage where bursts are very rare."""
    learned = LearnedRates()
    suspicion = Suspicion(RARE)
    before = 0.0
    for minutes, failure_class in steps:
        moment = 1000.0 + 60.0 * minutes
        null_model.predict(suspicion.belief, moment - before if before else 300.0, RARE, learned.burst_seconds)
        suspicion.failed(
            (moment, failure_class, int(minutes // 5)), onset=1000.0, stray=0.01 * learned.stray_shares[failure_class]
        )
        before = moment
    return suspicion


def reason(suspicion: Suspicion, *classes: int, known: Circumstances = KNOWN) -> Reason:
    """Return the reason of the decision."""
    return decide(suspicion, classes=frozenset(classes), known=known).reason


def test_injected_answers_alarm_in_the_first_round() -> None:
    """Three of them exceed the threshold."""
    suspicion = suspicion_of((0, FailureClass.PROVEN), (0.2, FailureClass.PROVEN), (0.4, FailureClass.PROVEN))
    decision = decide(suspicion, classes=frozenset({FailureClass.PROVEN}), known=KNOWN)

    assert decision.reason is Reason.ALARM
    assert decision.regime == PROVEN
    assert (decision.failures, decision.attempts, decision.rounds) == (3, 3, 1)
    assert decision.first == 1000.0


def test_one_failure_is_never_enough() -> None:
    """This holds for the rarest class and for a flapping target."""
    suspicion = suspicion_of((0, FailureClass.PROVEN))
    suspicion.sums[PROVEN] = 50.0

    assert reason(suspicion, FailureClass.PROVEN) is Reason.ONCE


def test_an_alarm_needs_a_failure_in_this_batch() -> None:
    """If the evidence is time-outs, the failure must be a time-out."""
    suspicion = suspicion_of((0, FailureClass.PROVEN), (0.2, FailureClass.PROVEN))

    assert reason(suspicion, SUCCESS) is Reason.WORKS
    assert reason(suspicion, FailureClass.SILENT) is Reason.ALARM

    silent = suspicion_of(*((5.0 * n, FailureClass.SILENT) for n in range(9)))
    assert reason(silent, FailureClass.DOWN) is Reason.WORKS
    assert reason(silent, FailureClass.SILENT) is Reason.ALARM


def test_time_outs_must_last_a_quarter_of_an_hour() -> None:
    """A site that restarts looks the same until then."""
    samples = [(5.0 * n, FailureClass.SILENT) for n in range(8)]
    first = next(n for n in range(1, 9) if reason(suspicion_of(*samples[:n]), FailureClass.SILENT) is Reason.ALARM)
    suspicion = suspicion_of(*samples[:3])
    suspicion.sums[SILENT] = 50.0

    assert samples[first - 1][0] >= 14.0
    assert reason(suspicion, FailureClass.SILENT) is Reason.BRIEF


def test_time_outs_mixed_with_unreachable_wait() -> None:
    """The alarm waits until "silent" is clearly more likely."""
    samples = [(5.0 * n, FailureClass.SILENT if n % 2 else FailureClass.UNREACHABLE) for n in range(8)]
    suspicion = suspicion_of(*samples)
    suspicion.sums[SILENT] = max(suspicion.sums) + 1.0
    assert reason(suspicion, FailureClass.SILENT) is Reason.MIXED

    suspicion.sums[SILENT] += 20.0
    assert reason(suspicion, FailureClass.SILENT) is Reason.ALARM


def test_evidence_below_the_threshold_raises_no_alarm() -> None:
    """Without a sum above 0 the reason is QUIET."""
    suspicion = suspicion_of((0, FailureClass.UNREACHABLE))
    assert reason(suspicion, FailureClass.UNREACHABLE) is Reason.WEAK

    suspicion.sums = [0.0] * len(suspicion.sums)
    assert reason(suspicion, FailureClass.UNREACHABLE) is Reason.QUIET


@pytest.mark.parametrize(
    ("steps", "known", "moved"),
    [
        ([FailureClass.PROVEN] * 2, KNOWN, 0.0),
        ([FailureClass.PROVEN] * 3, KNOWN, REPEATED_NATS),
        ([FailureClass.CUT] * 2, KNOWN, PAIR_NATS),
        ([FailureClass.CUT] * 3, KNOWN, 0.0),
        ([FailureClass.CUT] * 3, Circumstances(new_vantage=True), NEW_VANTAGE_NATS),
        ([FailureClass.CUT] * 3, Circumstances(flapping=True), FLAPPING_NATS),
        ([FailureClass.CUT] * 3, Circumstances(shared_for_long=True, flapping=True), LONG_SHARED_NATS + FLAPPING_NATS),
    ],
)
def test_circumstances_adjust_the_threshold(steps: list[FailureClass], known: Circumstances, moved: float) -> None:
    """The adjustments are those of the module's table."""
    suspicion = suspicion_of(*((0.2 * n, failure_class) for n, failure_class in enumerate(steps)))
    decision = decide(suspicion, classes=frozenset(steps), known=known)

    assert decision.threshold == pytest.approx(REGIMES[decision.regime].threshold_nats + moved)
    assert decision.threshold >= LOWEST_THRESHOLD_NATS + (LONG_SHARED_NATS if known.shared_for_long else 0.0)


def test_a_decision_without_confirmation_keeps_its_numbers() -> None:
    """Only the reason changes."""
    decision = decide(suspicion_of((0, FailureClass.CUT)), classes=frozenset({FailureClass.CUT}), known=KNOWN)

    assert decision.regime == CUT
    assert decision.not_confirmed().reason is Reason.NOT_CONFIRMED
    assert decision.not_confirmed().nats == decision.nats


class TestAtFirstSight:
    """What a target already has when it is first measured is decided once, not in every round of a year."""

    NEW = Circumstances(first_sight=True, new_vantage=True)
    WATCHED = Circumstances(new_vantage=True)

    @pytest.mark.parametrize("failure_class", [FailureClass.FORGED, FailureClass.PROVEN])
    def test_foreign_content_and_proof_are_enough_in_the_first_round(self, failure_class: FailureClass) -> None:
        """Their sum is above the threshold of a first sight and below that of a change at a new vantage."""
        suspicion = first_seen(*((0.2 * n, failure_class) for n in range(2)))

        assert reason(suspicion, failure_class, known=self.NEW) is Reason.ALARM
        assert reason(suspicion, failure_class, known=self.WATCHED) is Reason.WEAK

    def test_a_reset_is_enough_in_the_first_round_where_it_proves_itself(self) -> None:
        """It came from nearer than the server; otherwise it must last, and the control be served."""
        suspicion = first_seen(*((0.2 * n, FailureClass.CUT) for n in range(4)))
        assert reason(suspicion, FailureClass.CUT, known=self.NEW) is Reason.WEAK

        suspicion.served = 1100.0
        assert reason(suspicion, FailureClass.CUT, known=self.NEW) is Reason.BRIEF

        suspicion.witness = CAUSE_WITNESS
        assert reason(suspicion, FailureClass.CUT, known=self.NEW) is Reason.ALARM

    @pytest.mark.parametrize(
        ("rounds", "served", "expected"),
        [
            (1, True, Reason.WEAK),
            (2, True, Reason.BRIEF),
            (3, True, Reason.ALARM),
            (3, False, Reason.WEAK),
        ],
    )
    def test_silence_takes_three_rounds_and_a_served_control(self, rounds: int, served: bool, expected: Reason) -> None:
        """A control that was served before the first failure may not know yet that the site is down."""
        suspicion = first_seen(
            *((5.0 * number + 0.2 * n, FailureClass.SILENT) for number in range(rounds) for n in range(4))
        )
        suspicion.served = 1100.0 if served else 900.0
        suspicion.sums[SILENT] = max(suspicion.sums[SILENT], FIRST_SIGHT_NATS + 0.1) if rounds > 1 else 8.0

        assert reason(suspicion, FailureClass.SILENT, known=self.NEW) is expected

    def test_silence_that_leaks_is_decided_like_a_change(self) -> None:
        """A few silent attempts among many are packet loss."""
        suspicion = first_seen(
            *((5.0 * number + 0.2 * n, FailureClass.SILENT) for number in range(3) for n in range(4))
        )
        suspicion.served = 2000.0
        assert reason(suspicion, FailureClass.SILENT, known=self.NEW) is Reason.ALARM

        suspicion.attempts += 1
        assert reason(suspicion, FailureClass.SILENT, known=self.NEW) is Reason.WEAK

    def test_one_frozen_round_is_not_enough(self) -> None:
        """The network may punish the pace of the vantage's own handshakes."""
        frozen = [(0.2 * n, FailureClass.THROTTLED) for n in range(4)]

        assert reason(first_seen(*frozen), FailureClass.THROTTLED, known=self.NEW) is Reason.BRIEF
        later = [(5.0 * n, FailureClass.THROTTLED) for n in (1, 2)]
        assert reason(first_seen(*frozen, *later), FailureClass.THROTTLED, known=self.NEW) is Reason.ALARM

    def test_a_failure_of_another_class_says_nothing_more(self) -> None:
        """A captive portal is gone, and a stray failure follows."""
        suspicion = first_seen(*((0.2 * n, FailureClass.FORGED) for n in range(4)))

        assert reason(suspicion, FailureClass.SILENT, SUCCESS, known=self.NEW) is Reason.WORKS
        assert reason(suspicion, FailureClass.FORGED, known=self.NEW) is Reason.ALARM

    def test_an_unexplained_failure_is_not_said_early(self) -> None:
        """Control data may still come."""
        suspicion = first_seen(*((5.0 * n + 0.2 * m, FailureClass.UNREACHABLE) for n in range(3) for m in range(4)))

        assert suspicion.sums[suspicion.best()] > FIRST_SIGHT_NATS
        assert reason(suspicion, FailureClass.UNREACHABLE, known=self.NEW) is Reason.WEAK

    def test_after_hours_of_shared_failures_nothing_is_said_early(self) -> None:
        """The vantage may have started in the outage that most targets suffer from."""
        known = Circumstances(first_sight=True, new_vantage=True, shared_for_long=True)
        suspicion = first_seen(*((0.2 * n, FailureClass.FORGED) for n in range(2)))

        assert reason(suspicion, FailureClass.FORGED, known=known) is Reason.WEAK


def first_seen(*steps: tuple[float, int]) -> Suspicion:
    """Return evidence from failures given as (minutes, class), on a vantage that has just started."""
    learned = LearnedRates()
    suspicion = Suspicion(learned.burst_rates)
    before = 0.0
    for minutes, failure_class in steps:
        moment = 1000.0 + 60.0 * minutes
        if before:
            null_model.predict(suspicion.belief, moment - before, learned.burst_rates, learned.burst_seconds)
        stray = learned.stray_rate * learned.stray_shares[failure_class]
        suspicion.failed((moment, failure_class, int(minutes // 5)), onset=1000.0, stray=stray)
        before = moment
    return suspicion
