from __future__ import annotations

import math

from probe.detect.failure_classes import Mark
from probe.detect.hypotheses import ALTERNATIVES, DOWN, ON_FAILURE, ON_SUCCESS, PROVEN, REGIMES, SHARES, SILENT
from probe.model.verdict import Status


def test_rows_are_probabilities() -> None:
    """Every regime says how its failures look, and that adds up."""
    for regime in REGIMES:
        assert math.isclose(sum(regime.row), 1.0, abs_tol=1e-9), regime.key
        assert regime.row[regime.mark] == max(regime.row), regime.key


def test_the_names_of_regimes_are_their_numbers() -> None:
    """States and series hold numbers."""
    assert REGIMES[PROVEN].key == "proven"
    assert REGIMES[SILENT].status is Status.BLOCKED
    assert REGIMES[DOWN].mark is Mark.DOWN


def test_every_regime_comes_with_every_share() -> None:
    """Seven regimes, three shares."""
    assert len(ALTERNATIVES) == len(REGIMES) * len(SHARES) == len(ON_SUCCESS)
    assert {(a.regime, a.share) for a in ALTERNATIVES} == {(r, s) for r in range(len(REGIMES)) for s in SHARES}


def test_an_attempt_fails_or_succeeds() -> None:
    """The probabilities of all outcomes of an attempt add up under every alternative."""
    for k in range(len(ALTERNATIVES)):
        total = math.exp(ON_SUCCESS[k]) + sum(math.exp(row[k]) for row in ON_FAILURE)
        assert math.isclose(total, 1.0, abs_tol=1e-9)


def test_an_accusation_needs_more_than_a_fault() -> None:
    """Calling a site down too early hurts nobody."""
    accusing = [r.odds for r in REGIMES if r.status in (Status.BLOCKED, Status.THROTTLED)]

    assert min(accusing) > REGIMES[DOWN].odds
