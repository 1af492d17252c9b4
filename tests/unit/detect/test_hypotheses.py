from __future__ import annotations

import math

from probe.detect.failure_classes import FailureClass
from probe.detect.hypotheses import DOWN, FAILURE_SHARES, HYPOTHESES, LOG_FAILURE, LOG_SUCCESS, PROVEN, REGIMES, SILENT
from probe.model.verdict import Status


def test_rows_are_probabilities() -> None:
    """Each row sums to 1."""
    for regime in REGIMES:
        assert math.isclose(sum(regime.row), 1.0, abs_tol=1e-9), regime.key
        assert regime.row[regime.failure_class] == max(regime.row), regime.key


def test_the_constants_of_regimes_are_their_indices() -> None:
    """Stored states contain the indices."""
    assert REGIMES[PROVEN].key == "proven"
    assert REGIMES[SILENT].status is Status.BLOCKED
    assert REGIMES[DOWN].failure_class is FailureClass.DOWN


def test_every_regime_comes_with_every_share() -> None:
    """There are seven regimes and three shares."""
    assert len(HYPOTHESES) == len(REGIMES) * len(FAILURE_SHARES) == len(LOG_SUCCESS)
    assert {(a.regime, a.share) for a in HYPOTHESES} == {(r, s) for r in range(len(REGIMES)) for s in FAILURE_SHARES}


def test_the_outcomes_of_an_attempt_sum_to_one() -> None:
    """This holds under every hypothesis."""
    for k in range(len(HYPOTHESES)):
        total = math.exp(LOG_SUCCESS[k]) + sum(math.exp(row[k]) for row in LOG_FAILURE)
        assert math.isclose(total, 1.0, abs_tol=1e-9)


def test_an_accusation_needs_more_evidence_than_down() -> None:
    """A false `down` accuses nobody."""
    accusing = [r.threshold_nats for r in REGIMES if r.status in (Status.BLOCKED, Status.THROTTLED)]

    assert min(accusing) > REGIMES[DOWN].threshold_nats
