"""The hypotheses of interference: seven regimes, each with three shares of failing attempts.

The detector compares the null model (`probe.detect.null_model`) with these 21 hypotheses. A block that stops every
attempt and a leaky block that lets two of three attempts through are two hypotheses of one regime. Leaky blocks are
common at the Great Firewall (Park and Crandall 2010 saw RSTs succeed in fewer than 51 % of responses).

Sources of the numbers: the rows were fitted on simulated series of seven mechanisms (`benchmarks/detect`); the order of
magnitude matters, not the second digit. The thresholds follow from the accepted rate of false alarms: 0.1 a year at
288 rounds a day is one in a million rounds, 14.9 nats. A false `down` accuses nobody, so its odds are a tenth of that.
Silence must also last (`probe.detect.decision`), so its odds are a third.
"""

from __future__ import annotations

from math import log
from typing import Final

import msgspec

from probe.detect.failure_classes import FailureClass
from probe.model.verdict import Status


class Regime(msgspec.Struct, frozen=True):
    """One kind of interference, or of lasting failure.

    Attributes:
        key: short id, used in the evidence of transitions.
        title: words for a reader.
        status: status of the target under this regime.
        failure_class: the typical class; an alarm needs failures of this class.
        threshold_nats: evidence at which the detector reports it, natural log of a likelihood ratio.
        row: probability of each failure class, given that an attempt fails (sums to 1).
    """

    key: str
    title: str
    status: Status
    failure_class: FailureClass
    threshold_nats: float
    row: tuple[float, float, float, float, float, float, float]


_ACCUSATION_NATS: Final = log(3e6)
_SILENCE_NATS: Final = log(1e6)
_DOWN_NATS: Final = log(3e5)

_ROWS: Final[dict[str, tuple[float, float, float, float, float, float, float]]] = {
    # regime        N     W     M     S     X      T      D
    "proven":      (0.02, 0.08, 0.08, 0.03, 0.77,  0.01,  0.01),
    "forged":      (0.02, 0.06, 0.03, 0.85, 0.02,  0.01,  0.01),
    "cut":         (0.05, 0.08, 0.80, 0.03, 0.02,  0.01,  0.01),
    "silent":      (0.17, 0.76, 0.03, 0.01, 0.01,  0.01,  0.01),
    "throttled":   (0.05, 0.08, 0.02, 0.01, 0.01,  0.82,  0.01),
    "unreachable": (0.88, 0.07, 0.02, 0.01, 0.005, 0.005, 0.01),
    "down":        (0.12, 0.04, 0.02, 0.01, 0.005, 0.005, 0.80),
}  # fmt: skip

REGIMES: Final[tuple[Regime, ...]] = (
    Regime("proven", "proven by comparison", Status.BLOCKED, FailureClass.PROVEN, _ACCUSATION_NATS, _ROWS["proven"]),
    Regime("forged", "foreign content", Status.BLOCKED, FailureClass.FORGED, _ACCUSATION_NATS, _ROWS["forged"]),
    Regime("cut", "connections cut", Status.BLOCKED, FailureClass.CUT, _ACCUSATION_NATS, _ROWS["cut"]),
    Regime("silent", "silence alone", Status.BLOCKED, FailureClass.SILENT, _SILENCE_NATS, _ROWS["silent"]),
    Regime(
        "throttled", "slowed or frozen", Status.THROTTLED, FailureClass.THROTTLED, _ACCUSATION_NATS, _ROWS["throttled"]
    ),
    Regime(
        "unreachable",
        "nobody knows why",
        Status.UNREACHABLE,
        FailureClass.UNREACHABLE,
        _ACCUSATION_NATS,
        _ROWS["unreachable"],
    ),
    Regime("down", "its own fault", Status.DOWN, FailureClass.DOWN, _DOWN_NATS, _ROWS["down"]),
)
"""All regimes; a regime's index identifies it in series and stored states."""

PROVEN, FORGED, CUT, SILENT, THROTTLED, UNREACHABLE, DOWN = range(len(REGIMES))

FAILURE_SHARES: Final = (0.97, 0.60, 0.30)
"""Shares of failing attempts: full block, leaky block, very leaky block."""


class Hypothesis(msgspec.Struct, frozen=True):
    """One regime with one share of failing attempts."""

    regime: int
    share: float


HYPOTHESES: Final = tuple(Hypothesis(regime, share) for share in FAILURE_SHARES for regime in range(len(REGIMES)))
"""All hypotheses, in the order of the CUSUM sums of a series."""

LOG_FAILURE: Final[tuple[tuple[float, ...], ...]] = tuple(
    tuple(log(a.share * REGIMES[a.regime].row[failure_class]) for a in HYPOTHESES) for failure_class in FailureClass
)
"""By failure class: log probability of such a failure under each hypothesis."""

LOG_SUCCESS: Final[tuple[float, ...]] = tuple(log(1.0 - a.share) for a in HYPOTHESES)
"""Log probability of a success under each hypothesis."""
