from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.detect import null_model
from probe.detect.failure_classes import FailureClass

EPS = [1e-3, 1e-3, 1e-4, 1e-6, 1e-7, 1e-5, 1e-3]
TAU = [400.0] * 7
LOOKS = [0.4, 0.35, 0.12, 0.03, 0.01, 0.04, 0.05]

steps = st.lists(
    st.tuples(st.floats(0.0, 1e6), st.one_of(st.none(), st.integers(0, 6)), st.floats(0.002, 0.6)), max_size=40
)


@given(steps)
def test_the_belief_stays_a_probability(path: list[tuple[float, int | None, float]]) -> None:
    """This holds after any sequence of samples."""
    belief = null_model.initial_belief(EPS)
    for dt, failure_class, stray in path:
        null_model.predict(belief, dt, EPS, TAU)
        chance = (
            null_model.succeeded(belief, stray)
            if failure_class is None
            else null_model.failed(belief, failure_class, stray * LOOKS[failure_class])
        )

        assert 0.0 < chance <= 1.0
        assert math.isclose(sum(belief), 1.0, rel_tol=1e-9)
        assert min(belief) >= 0.0


def test_rows_are_probabilities() -> None:
    """Each row sums to 1."""
    for row in null_model.BURST_CLASS_SHARES:
        assert sum(row) == pytest.approx(1.0, abs=0.01)


def test_repeated_failures_are_a_burst() -> None:
    """Four time-outs within a minute are one episode, and the fifth is expected."""
    belief = null_model.initial_belief(EPS)
    chances = []
    for dt in (0.0, 15.0, 15.0, 15.0, 15.0):
        null_model.predict(belief, dt, EPS, TAU)
        chances.append(null_model.failed(belief, FailureClass.SILENT, 0.01 * 0.35))

    assert belief[FailureClass.SILENT] > 0.9
    assert chances[0] < 0.01
    assert chances[-1] > 0.6


def test_the_belief_in_a_burst_decays() -> None:
    """After a night only bursts that may have begun since remain."""
    belief = [0.0] * 8
    belief[FailureClass.SILENT] = 1.0

    null_model.predict(belief, 400.0, EPS, TAU)
    assert 0.3 < belief[FailureClass.SILENT] < 0.5

    null_model.predict(belief, 9 * 3600.0, EPS, TAU)
    assert belief[null_model.GOOD_STATE] > 0.99


def test_predict_without_elapsed_time_changes_nothing() -> None:
    """Zero seconds leave the belief as it is."""
    belief = null_model.initial_belief(EPS)
    before = list(belief)

    null_model.predict(belief, 0.0, EPS, TAU)

    assert belief == pytest.approx(before)
