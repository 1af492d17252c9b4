"""What one vantage on one network has taught: how often ordinary failures happen there, and how leaky blocks are.

What was never observed cannot be believed rarer than one in the rounds seen so far, so the null's rates start at the
cautious counts below and move with the vantage. A target's own counts are shrunk towards its vantage's.

Sources: the prior counts and weights were chosen on simulated series (`benchmarks/detect`); they stand for a path that
loses one attempt in forty and has one burst per target in a few days.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, Final

_KINDS: Final = 7

PRIOR_STRAYS: Final = (1.0, 40.0)
"""Prior count of stray failures, and of the attempts they occurred in."""

PRIOR_STRAY_CLASSES: Final = (8.0, 7.0, 2.0, 0.4, 0.02, 0.4, 0.4)
"""Prior counts of what stray failures look like."""

MIN_STRAY_SHARES: Final = (0.05, 0.05, 0.05, 0.01, 0.002, 0.01, 0.01)
"""However few were seen, a share of strays below this is not believed."""

PRIOR_BURSTS: Final = ((0.5, 0.5, 0.03, 0.004, 0.001, 0.01, 0.3), 2000.0)
"""Prior counts of bursts by kind, and of the target-rounds they began in."""

PRIOR_BURST_SECONDS: Final = (400.0, 2.0)
"""Prior mean duration of a burst, and how many bursts that counts for."""

BURST_WEIGHTS: Final = (1.0, 1.0, 1.0, 0.002, 0.0, 0.005, 1.0)
"""How much a new burst counts, by kind: a block must not be learned as an ordinary fault."""

SUSPECTED_BURST_FACTOR: Final = 0.3
"""Factor on that weight when the evidence for interference had already been strong."""

VANTAGE_STRAY_ATTEMPTS: Final = 100.0
VANTAGE_BURST_ROUNDS: Final = 4000.0
"""Attempts' worth of the vantage's rates in a target's own."""

STRAY_RATE_RANGE: Final = (0.002, 0.6)

TRUSTED_AFTER_ROUNDS: Final = 8000.0
"""Target-rounds after which a vantage's rates are trusted."""

AFTER_FAILURE, SOON_AFTER_SUCCESS, AFTER_SUCCESS = range(3)
"""Contexts of an attempt at an interfered target: leaks come in runs, so each context has a rate of its own."""

PRIOR_LEAKS: Final = ((0.5, 6.0), (0.5, 3.0), (0.5, 3.0))
"""Prior counts of leaked and failed attempts at an interfered target, by context."""

_MAX_POOLED_ATTEMPTS: Final = 4.0
LEAK_RATE_RANGE: Final = (0.012, 0.92)


class LearnedRates:
    """Counts of one vantage on one network, and the rates that follow from them.

    Attributes:
        rounds: target-rounds seen, without the prior's.
        stray_rate: probability of a stray failure of an attempt.
        stray_shares: share of each mark among stray failures, never below its floor.
        burst_rates: probability that a burst of each kind begins at a target within a round.
        burst_seconds: mean seconds a burst of each kind lasts.
    """

    def __init__(self) -> None:
        self.rounds = 0.0
        self._strays, self._attempts = PRIOR_STRAYS
        self._stray_classes = list(PRIOR_STRAY_CLASSES)
        self._bursts = list(PRIOR_BURSTS[0])
        self._seconds = [PRIOR_BURST_SECONDS[0] * PRIOR_BURST_SECONDS[1]] * _KINDS
        self._ended = [PRIOR_BURST_SECONDS[1]] * _KINDS
        self._leaked = [0.0] * len(PRIOR_LEAKS)
        self._tried = [0.0] * len(PRIOR_LEAKS)
        self.update_rates()

    def update_rates(self) -> None:
        """Work out the rates from the counts; called once a batch, so that a batch is judged by one set of rates."""
        total = sum(self._stray_classes)
        self.stray_rate = self._strays / self._attempts
        self.stray_shares = [
            max(floor, n / total) for floor, n in zip(MIN_STRAY_SHARES, self._stray_classes, strict=True)
        ]
        seen = PRIOR_BURSTS[1] + self.rounds
        self.burst_rates = [n / seen for n in self._bursts]
        self.burst_seconds = [seconds / n for seconds, n in zip(self._seconds, self._ended, strict=True)]

    def count_successes(self, attempts: int) -> None:
        """Count attempts that all worked."""
        self._attempts += attempts

    def count_strays(self, classes: Sequence[float], attempts: float) -> None:
        """Count stray failures by mark among so many attempts."""
        self._attempts += attempts
        self._strays += sum(classes)
        for kind, n in enumerate(classes):
            self._stray_classes[kind] += n

    def count_burst(self, kind: int, seconds: float, weight: float) -> None:
        """Count a burst that has ended."""
        self._bursts[kind] += weight
        self._seconds[kind] += weight * seconds
        self._ended[kind] += weight

    def count_leaks(self, leaked: Sequence[float], tried: Sequence[float]) -> None:
        """Count attempts at interfered targets, by context."""
        for context in range(len(PRIOR_LEAKS)):
            self._leaked[context] += leaked[context]
            self._tried[context] += tried[context]

    def leak_prior(self, context: int) -> tuple[float, float]:
        """What a new interference's leak is believed to be: counts of leaked attempts and of all."""
        leaked, failed = PRIOR_LEAKS[context]
        tried = self._tried[context]
        weight = min(1.0, _MAX_POOLED_ATTEMPTS / tried) if tried else 0.0
        return leaked + weight * self._leaked[context], leaked + failed + weight * tried

    def target_stray_rate(self, failures: float, attempts: float) -> float:
        """A target's own probability of a stray failure."""
        own = (failures + VANTAGE_STRAY_ATTEMPTS * self.stray_rate) / (attempts + VANTAGE_STRAY_ATTEMPTS)
        return min(STRAY_RATE_RANGE[1], max(STRAY_RATE_RANGE[0], own))

    def target_burst_rates(self, bursts: Sequence[float] | None, rounds: float) -> list[float]:
        """A target's own rates of bursts."""
        scale = VANTAGE_BURST_ROUNDS / (rounds + VANTAGE_BURST_ROUNDS)
        if bursts is None:
            return [scale * eps for eps in self.burst_rates]
        return [
            (n + VANTAGE_BURST_ROUNDS * eps) / (rounds + VANTAGE_BURST_ROUNDS)
            for n, eps in zip(bursts, self.burst_rates, strict=True)
        ]

    def plain(self) -> list[Any]:
        """The counts as plain data."""
        return [
            self.rounds, self._strays, self._attempts, self._stray_classes, self._bursts, self._seconds, self._ended,
            self._leaked, self._tried, [self.stray_rate, self.stray_shares, self.burst_rates, self.burst_seconds],
        ]  # fmt: skip

    @classmethod
    def of(cls, plain: list[Any]) -> LearnedRates:
        """The inverse of `plain`."""
        learned = cls()
        (
            learned.rounds, learned._strays, learned._attempts, learned._stray_classes, learned._bursts,
            learned._seconds, learned._ended, learned._leaked, learned._tried, rates,
        ) = plain  # fmt: skip
        learned.stray_rate, learned.stray_shares, learned.burst_rates, learned.burst_seconds = rates
        return learned


def cautious_share(leaked: float, tried: float) -> float:
    """A share believed from counts, one standard deviation above the mean."""
    mean = leaked / tried
    return mean + sqrt(mean * (1.0 - mean) / (tried + 1.0))
