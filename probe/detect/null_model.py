"""What "nothing happened" looks like: strays and bursts.

Networks fail in episodes (an alternating renewal process; Nguyen and Roughan 2013 on loss), and a re-test inside an
episode fails like the first try. So the null is not a coin but a small hidden Markov model after Gilbert and Elliott:
a target on its path is *good*, where attempts fail rarely ("strays"), or in a *burst* of one of seven kinds, where
most fail and look alike. Bursts begin at a learned rate and last a learned time (`probe.detect.learned`).

`predict` moves the belief over these eight states by the time that passed, `failed` and `succeeded` by an attempt, for
which they give the probability the null had.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final

ROUND_SECONDS: Final = 300.0
"""Seconds between rounds that all rates are told in."""

GOOD_STATE: Final = 7
"""Index of the good state in a belief; 0-6 are bursts, by mark."""

_BURST_FAILURE_SHARE: Final = 0.92
"""Share of attempts that fail inside a burst."""

_BURST_LENGTH_FACTOR: Final = 1.15
"""Bursts are believed to last a little longer than learned, for they are learned from their first and last failure."""

BURST_CLASS_SHARES: Final[tuple[tuple[float, ...], ...]] = (
    # N    W    M     S     X     T     D    of a burst of kind
    (0.84, 0.12, 0.01, 0.005, 0.001, 0.004, 0.02),  # N
    (0.12, 0.84, 0.01, 0.005, 0.001, 0.004, 0.02),  # W
    (0.03, 0.08, 0.86, 0.01, 0.005, 0.005, 0.01),  # M
    (0.03, 0.07, 0.02, 0.86, 0.005, 0.005, 0.01),  # S
    (0.02, 0.05, 0.05, 0.05, 0.81, 0.01, 0.01),  # X
    (0.05, 0.06, 0.02, 0.01, 0.01, 0.84, 0.01),  # T
    (0.10, 0.05, 0.02, 0.01, 0.01, 0.01, 0.80),  # D
)
"""Probability of each mark for a failure in a burst, by kind of burst."""

_BURST_FAILURE: Final = tuple(
    tuple(_BURST_FAILURE_SHARE * row[failure_class] for row in BURST_CLASS_SHARES) for failure_class in range(7)
)
_BURST_SUCCESS: Final = 1.0 - _BURST_FAILURE_SHARE


def initial_belief(eps: Sequence[float]) -> list[float]:
    """The belief about a target that was at rest, one round later.

    Args:
        eps: probability that a burst of each kind begins within a round.
    """
    return [*eps, 1.0 - sum(eps)]


def predict(belief: list[float], dt: float, eps: Sequence[float], tau: Sequence[float]) -> None:
    """Move the belief on by `dt` seconds without looking.

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
    """Update the belief by a failure; its probability under the null.

    Args:
        belief: eight probabilities after `predict`; changed in place.
        failure_class: what the failure looked like.
        stray: probability of a stray failure with this mark.
    """
    weights = [share * chance for share, chance in zip(belief, _BURST_FAILURE[failure_class], strict=False)]
    good = belief[GOOD_STATE] * stray
    total = good + sum(weights)
    belief[:GOOD_STATE] = [weight / total for weight in weights]
    belief[GOOD_STATE] = good / total
    return total


def succeeded(belief: list[float], stray: float) -> float:
    """Update the belief by a success; its probability under the null.

    Args:
        belief: eight probabilities after `predict`; changed in place.
        stray: probability of any stray failure.
    """
    good = belief[GOOD_STATE] * (1.0 - stray)
    total = good + (1.0 - belief[GOOD_STATE]) * _BURST_SUCCESS
    scale = _BURST_SUCCESS / total
    belief[:] = [share * scale for share in belief]
    belief[GOOD_STATE] = good / total
    return total
