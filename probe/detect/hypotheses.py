"""What interference looks like: the regimes, and how often an attempt meets them.

The detector compares "nothing happened" (`probe.detect.null_model`) with 21 alternatives: seven *regimes*, each with
three *shares* of attempts that fail. A block that stops every attempt and one that lets two of three through ("leaky",
the rule rather than the exception at the Great Firewall: Park and Crandall 2010 saw RSTs succeed in fewer than 51 % of
responses) are different alternatives of one regime.

Sources of the numbers: the rows were fitted on simulated series of seven mechanisms (`benchmarks/detect`); what
matters is their order of magnitude, not the second digit. The odds follow from the rate of false alarms we accept:
0.1 a year at 288 rounds a day is one in a million rounds, 14.9 nats; a site that is merely down hurts nobody when
called too early, hence a tenth of that. Silence must last besides (`probe.detect.decision`), hence a third.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

from probe.detect.failure_classes import FailureClass
from probe.model.verdict import Status


@dataclass(frozen=True, slots=True)
class Regime:
    """One way of being interfered with.

    Attributes:
        key: short id, as it stands in a transition's evidence.
        title: for a reader.
        status: what the target is then called.
        mark: the mark of its own; alarms ask for failures of this kind.
        odds: the evidence in nats at which it is called.
        row: probability of each mark, given that an attempt fails (sums to 1).
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
"""The table of regimes; the index of a regime is its number in states and series."""

PROVEN, FORGED, CUT, SILENT, THROTTLED, UNREACHABLE, DOWN = range(len(REGIMES))

FAILURE_SHARES: Final = (0.97, 0.60, 0.30)
"""Shares of attempts that fail: a full block, a leaky one, a very leaky one."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One regime that stops a share of the attempts."""

    regime: int
    share: float


HYPOTHESES: Final = tuple(Hypothesis(regime, share) for share in FAILURE_SHARES for regime in range(len(REGIMES)))
"""The alternatives in the order of the sums in a series."""

LOG_FAILURE: Final[tuple[tuple[float, ...], ...]] = tuple(
    tuple(log(a.share * REGIMES[a.regime].row[failure_class]) for a in HYPOTHESES) for failure_class in FailureClass
)
"""By mark: log probability of a failure with that mark under each alternative."""

LOG_SUCCESS: Final[tuple[float, ...]] = tuple(log(1.0 - a.share) for a in HYPOTHESES)
"""Log probability of a success under each alternative."""
