from __future__ import annotations

import pytest

from probe.detect import null_model
from probe.detect.decision import (
    FLAPPING,
    HOPELESS,
    NEW_VANTAGE,
    PAIR,
    REPEATED,
    SHARED_FOR_LONG,
    Circumstances,
    Reason,
    decide,
)
from probe.detect.failure_classes import SUCCESS, Mark
from probe.detect.hypotheses import CUT, PROVEN, REGIMES, SILENT
from probe.detect.learned import Learned
from probe.detect.suspicion import Suspicion

KNOWN = Circumstances()
RARE = [rate / 1000 for rate in Learned().eps]


def suspicion_of(*steps: tuple[float, int]) -> Suspicion:
    """Failures by (minutes, mark), on a vantage where bursts are very rare."""
    learned = Learned()
    suspicion = Suspicion(RARE)
    before = 0.0
    for minutes, mark in steps:
        moment = 1000.0 + 60.0 * minutes
        null_model.predict(suspicion.belief, moment - before if before else 300.0, RARE, learned.tau)
        suspicion.failed((moment, mark, int(minutes // 5)), onset=1000.0, stray=0.01 * learned.looks[mark])
        before = moment
    return suspicion


def reason(suspicion: Suspicion, *marks: int, known: Circumstances = KNOWN) -> Reason:
    """Why."""
    return decide(suspicion, marks=frozenset(marks), known=known).reason


def test_injected_answers_alarm_in_the_first_round() -> None:
    """Three of them are far more than enough."""
    suspicion = suspicion_of((0, Mark.PROVEN), (0.2, Mark.PROVEN), (0.4, Mark.PROVEN))
    decision = decide(suspicion, marks=frozenset({Mark.PROVEN}), known=KNOWN)

    assert decision.reason is Reason.ALARM
    assert decision.regime == PROVEN
    assert (decision.failures, decision.attempts, decision.rounds) == (3, 3, 1)
    assert decision.first == 1000.0


def test_one_failure_is_never_enough() -> None:
    """However rare its kind, however flapping the target."""
    suspicion = suspicion_of((0, Mark.PROVEN))
    suspicion.sums[PROVEN] = 50.0

    assert reason(suspicion, Mark.PROVEN) is Reason.ONCE


def test_evidence_of_another_batch_does_not_alarm_in_this_one() -> None:
    """A failure must be among the looks; where silence is all there is, a silent one."""
    suspicion = suspicion_of((0, Mark.PROVEN), (0.2, Mark.PROVEN))

    assert reason(suspicion, SUCCESS) is Reason.WORKS
    assert reason(suspicion, Mark.SILENT) is Reason.ALARM

    silent = suspicion_of(*((5.0 * n, Mark.SILENT) for n in range(9)))
    assert reason(silent, Mark.DOWN) is Reason.WORKS
    assert reason(silent, Mark.SILENT) is Reason.ALARM


def test_silence_must_last_a_quarter_of_an_hour() -> None:
    """A site that restarts looks the same for so long."""
    looks = [(5.0 * n, Mark.SILENT) for n in range(8)]
    first = next(n for n in range(1, 9) if reason(suspicion_of(*looks[:n]), Mark.SILENT) is Reason.ALARM)
    suspicion = suspicion_of(*looks[:3])
    suspicion.sums[SILENT] = 50.0

    assert looks[first - 1][0] >= 14.0
    assert reason(suspicion, Mark.SILENT) is Reason.BRIEF


def test_silence_mixed_with_failures_that_say_nothing_waits() -> None:
    """Until it is clearly likelier."""
    looks = [(5.0 * n, Mark.SILENT if n % 2 else Mark.UNREACHABLE) for n in range(8)]
    suspicion = suspicion_of(*looks)
    suspicion.sums[SILENT] = max(suspicion.sums) + 1.0
    assert reason(suspicion, Mark.SILENT) is Reason.MIXED

    suspicion.sums[SILENT] += 20.0
    assert reason(suspicion, Mark.SILENT) is Reason.ALARM


def test_weak_evidence_waits_and_none_is_none() -> None:
    """Below the threshold."""
    suspicion = suspicion_of((0, Mark.UNREACHABLE))
    assert reason(suspicion, Mark.UNREACHABLE) is Reason.WEAK

    suspicion.sums = [0.0] * len(suspicion.sums)
    assert reason(suspicion, Mark.UNREACHABLE) is Reason.QUIET


@pytest.mark.parametrize(
    ("steps", "known", "moved"),
    [
        ([Mark.PROVEN] * 2, KNOWN, 0.0),
        ([Mark.PROVEN] * 3, KNOWN, REPEATED),
        ([Mark.CUT] * 2, KNOWN, PAIR),
        ([Mark.CUT] * 3, KNOWN, 0.0),
        ([Mark.CUT] * 3, Circumstances(newcomer=True), NEW_VANTAGE),
        ([Mark.CUT] * 3, Circumstances(flapping=True), FLAPPING),
        ([Mark.CUT] * 3, Circumstances(shared_for_long=True, flapping=True), SHARED_FOR_LONG + FLAPPING),
    ],
)
def test_what_is_known_moves_the_threshold(steps: list[Mark], known: Circumstances, moved: float) -> None:
    """As the table says."""
    suspicion = suspicion_of(*((0.2 * n, mark) for n, mark in enumerate(steps)))
    decision = decide(suspicion, marks=frozenset(steps), known=known)

    assert decision.threshold == pytest.approx(REGIMES[decision.regime].odds + moved)
    assert decision.threshold >= HOPELESS + (SHARED_FOR_LONG if known.shared_for_long else 0.0)


def test_without_an_alibi_the_numbers_stay() -> None:
    """Only the reason changes."""
    decision = decide(suspicion_of((0, Mark.CUT)), marks=frozenset({Mark.CUT}), known=KNOWN)

    assert decision.regime == CUT
    assert decision.without_alibi().reason is Reason.NO_ALIBI
    assert decision.without_alibi().nats == decision.nats
