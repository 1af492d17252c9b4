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

from probe.detect.failure_classes import Mark
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
    mark: Mark
    odds: float
    row: tuple[float, float, float, float, float, float, float]


_GRAVE: Final = log(3e6)
_SLOW: Final = log(1e6)
_SOFT: Final = log(3e5)

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
    Regime("proven", "proven by comparison", Status.BLOCKED, Mark.PROVEN, _GRAVE, _ROWS["proven"]),
    Regime("forged", "foreign content", Status.BLOCKED, Mark.FORGED, _GRAVE, _ROWS["forged"]),
    Regime("cut", "connections cut", Status.BLOCKED, Mark.CUT, _GRAVE, _ROWS["cut"]),
    Regime("silent", "silence alone", Status.BLOCKED, Mark.SILENT, _SLOW, _ROWS["silent"]),
    Regime("throttled", "slowed or frozen", Status.THROTTLED, Mark.THROTTLED, _GRAVE, _ROWS["throttled"]),
    Regime("unreachable", "nobody knows why", Status.UNREACHABLE, Mark.UNREACHABLE, _GRAVE, _ROWS["unreachable"]),
    Regime("down", "its own fault", Status.DOWN, Mark.DOWN, _SOFT, _ROWS["down"]),
)
"""The table of regimes; the index of a regime is its number in states and series."""

PROVEN, FORGED, CUT, SILENT, THROTTLED, UNREACHABLE, DOWN = range(len(REGIMES))

SHARES: Final = (0.97, 0.60, 0.30)
"""Shares of attempts that fail: a full block, a leaky one, a very leaky one."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One regime that stops a share of the attempts."""

    regime: int
    share: float


ALTERNATIVES: Final = tuple(Alternative(regime, share) for share in SHARES for regime in range(len(REGIMES)))
"""The alternatives in the order of the sums in a series."""

ON_FAILURE: Final[tuple[tuple[float, ...], ...]] = tuple(
    tuple(log(a.share * REGIMES[a.regime].row[mark]) for a in ALTERNATIVES) for mark in Mark
)
"""By mark: log probability of a failure with that mark under each alternative."""

ON_SUCCESS: Final[tuple[float, ...]] = tuple(log(1.0 - a.share) for a in ALTERNATIVES)
"""Log probability of a success under each alternative."""
