"""The null model: ordinary failures of a target that nobody interferes with.

Networks fail in episodes (an alternating renewal process; Nguyen and Roughan 2013 on loss), and a re-test inside an
episode fails like the first attempt. So the null model is a small hidden Markov model (Gilbert and Elliott). A target
is in the *good* state, where attempts fail rarely ("strays"), or in a *burst* of one of seven kinds, where most
attempts fail with the same class. Bursts begin at a learned rate and last a learned time (`probe.detect.learned`).

`predict` moves the belief over these eight states by the elapsed time. `failed` and `succeeded` update it by one
attempt and return the probability of that outcome under the null model.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final

ROUND_SECONDS: Final = 300.0
"""Length of the round that all rates refer to."""

GOOD_STATE: Final = 7
"""Index of the good state in a belief; 0 to 6 are bursts, by failure class."""

_BURST_FAILURE_SHARE: Final = 0.92
"""Share of attempts that fail inside a burst."""

_BURST_LENGTH_FACTOR: Final = 1.15
"""Factor on learned burst lengths: a burst is measured from its first to its last failure, so it lasts longer."""

BURST_CLASS_SHARES: Final[tuple[tuple[float, ...], ...]] = (
    # N    W    M     S     X     T     D    kind of burst
    (0.84, 0.12, 0.01, 0.005, 0.001, 0.004, 0.02),  # N
    (0.12, 0.84, 0.01, 0.005, 0.001, 0.004, 0.02),  # W
    (0.03, 0.08, 0.86, 0.01, 0.005, 0.005, 0.01),  # M
    (0.03, 0.07, 0.02, 0.86, 0.005, 0.005, 0.01),  # S
    (0.02, 0.05, 0.05, 0.05, 0.81, 0.01, 0.01),  # X
    (0.05, 0.06, 0.02, 0.01, 0.01, 0.84, 0.01),  # T
    (0.10, 0.05, 0.02, 0.01, 0.01, 0.01, 0.80),  # D
)
"""Probability of each failure class inside a burst, by kind of burst."""

_BURST_FAILURE: Final = tuple(
    tuple(_BURST_FAILURE_SHARE * row[failure_class] for row in BURST_CLASS_SHARES) for failure_class in range(7)
)
_BURST_SUCCESS: Final = 1.0 - _BURST_FAILURE_SHARE


def initial_belief(eps: Sequence[float]) -> list[float]:
    """Return the belief about a target that was at rest one round earlier.

    Args:
        eps: probability that a burst of each kind begins within a round.
    """
    return [*eps, 1.0 - sum(eps)]


def predict(belief: list[float], dt: float, eps: Sequence[float], tau: Sequence[float]) -> None:
    """Advance the belief by `dt` seconds without a sample.

    Args:
        belief: eight probabilities; changed in place.
        dt: seconds since the last attempt, 0 or more.
        eps: probability that a burst of each kind begins within a round.
        tau: mean seconds a burst of each kind lasts.
    """
    part = dt / ROUND_SECONDS if dt < ROUND_SECONDS else 1.0
    ago = -dt / _BURST_LENGTH_FACTOR
    stays = [share * exp(ago / mean) for share, mean in zip(belief, tau, strict=False)]
    healthy = 1.0 - sum(stays)
    begun = healthy * part
    belief[:GOOD_STATE] = [stay + begun * rate for stay, rate in zip(stays, eps, strict=True)]
    belief[GOOD_STATE] = healthy - begun * sum(eps)


def failed(belief: list[float], failure_class: int, stray: float) -> float:
    """Update the belief by a failure and return the probability of that failure.

    Args:
        belief: eight probabilities after `predict`; changed in place.
        failure_class: class of the failure.
        stray: probability of a stray failure of this class.
    """
    weights = [share * chance for share, chance in zip(belief, _BURST_FAILURE[failure_class], strict=False)]
    good = belief[GOOD_STATE] * stray
    total = good + sum(weights)
    belief[:GOOD_STATE] = [weight / total for weight in weights]
    belief[GOOD_STATE] = good / total
    return total


def succeeded(belief: list[float], stray: float) -> float:
    """Update the belief by a success and return the probability of a success.

    Args:
        belief: eight probabilities after `predict`; changed in place.
        stray: probability of a stray failure of any class.
    """
    good = belief[GOOD_STATE] * (1.0 - stray)
    total = good + (1.0 - belief[GOOD_STATE]) * _BURST_SUCCESS
    scale = _BURST_SUCCESS / total
    belief[:] = [share * scale for share in belief]
    belief[GOOD_STATE] = good / total
    return total
