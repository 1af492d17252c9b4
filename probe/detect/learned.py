"""Rates learned from one vantage on one network: ordinary failures, and how leaky blocks are there.

An event that was never observed cannot be assumed rarer than one in the rounds seen so far. The null model therefore
starts with the cautious prior counts below and adapts to the vantage. A target's own counts are shrunk towards those of
its vantage.

Sources: the prior counts and weights were chosen on simulated series (`benchmarks/detect`). They describe a path that
loses one attempt in forty and has one burst per target in a few days.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, Final

_KINDS: Final = 7

PRIOR_STRAYS: Final = (1.0, 40.0)
"""Prior count of stray failures, and of the attempts that contained them."""

PRIOR_STRAY_CLASSES: Final = (8.0, 7.0, 2.0, 0.4, 0.02, 0.4, 0.4)
"""Prior counts of stray failures by failure class."""

MIN_STRAY_SHARES: Final = (0.05, 0.05, 0.05, 0.01, 0.002, 0.01, 0.01)
"""Lower bounds of the learned shares of failure classes among stray failures."""

PRIOR_BURSTS: Final = ((0.5, 0.5, 0.03, 0.004, 0.001, 0.01, 0.3), 2000.0)
"""Prior counts of bursts by kind, and of the target-rounds that contained their beginnings."""

PRIOR_BURST_SECONDS: Final = (400.0, 2.0)
"""Prior mean duration of a burst in seconds, and its weight in bursts."""

BURST_WEIGHTS: Final = (1.0, 1.0, 1.0, 0.002, 0.0, 0.005, 1.0)
"""Weight of a new burst by kind: a block must not be learned as an ordinary fault."""

SUSPECTED_BURST_FACTOR: Final = 0.3
"""Factor on that weight when the evidence for interference was strong (`suspicion.SUSPECT_NATS`)."""

VANTAGE_STRAY_ATTEMPTS: Final = 100.0
VANTAGE_BURST_ROUNDS: Final = 4000.0
"""Weight of the vantage's rates in the rates of one target, in attempts and in target-rounds."""

STRAY_RATE_RANGE: Final = (0.002, 0.6)

TRUSTED_AFTER_ROUNDS: Final = 8000.0
"""Target-rounds after which the rates of a vantage are no longer called new."""

AFTER_FAILURE, SOON_AFTER_SUCCESS, AFTER_SUCCESS = range(3)
"""Contexts of an attempt at an interfered target. Leaks come in runs, so each context has its own rate."""

PRIOR_LEAKS: Final = ((0.5, 6.0), (0.5, 3.0), (0.5, 3.0))
"""Prior counts of leaked and failed attempts at an interfered target, by context."""

_MAX_POOLED_ATTEMPTS: Final = 4.0
LEAK_RATE_RANGE: Final = (0.012, 0.92)


class LearnedRates:
    """Counts of one vantage on one network, and the rates that follow from them.

    Attributes:
        rounds: target-rounds seen, without the prior.
        stray_rate: probability that an attempt is a stray failure.
        stray_shares: share of each failure class among stray failures, at least `MIN_STRAY_SHARES`.
        burst_rates: probability, by kind, that a burst begins at a target within a round.
        burst_seconds: mean duration of a burst by kind.
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
        """Compute the rates from the counts; called once a batch, so that one batch uses one set of rates."""
        total = sum(self._stray_classes)
        self.stray_rate = self._strays / self._attempts
        self.stray_shares = [
            max(floor, n / total) for floor, n in zip(MIN_STRAY_SHARES, self._stray_classes, strict=True)
        ]
        seen = PRIOR_BURSTS[1] + self.rounds
        self.burst_rates = [n / seen for n in self._bursts]
        self.burst_seconds = [seconds / n for seconds, n in zip(self._seconds, self._ended, strict=True)]

    def count_successes(self, attempts: int) -> None:
        """Count attempts that all succeeded."""
        self._attempts += attempts

    def count_strays(self, classes: Sequence[float], attempts: float) -> None:
        """Count stray failures by failure class, and the attempts that contained them."""
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
        """Return the prior of the leak of a new interference: leaked attempts, all attempts."""
        leaked, failed = PRIOR_LEAKS[context]
        tried = self._tried[context]
        weight = min(1.0, _MAX_POOLED_ATTEMPTS / tried) if tried else 0.0
        return leaked + weight * self._leaked[context], leaked + failed + weight * tried

    def target_stray_rate(self, failures: float, attempts: float) -> float:
        """Return the stray rate of one target, shrunk towards the rate of the vantage."""
        own = (failures + VANTAGE_STRAY_ATTEMPTS * self.stray_rate) / (attempts + VANTAGE_STRAY_ATTEMPTS)
        return min(STRAY_RATE_RANGE[1], max(STRAY_RATE_RANGE[0], own))

    def target_burst_rates(self, bursts: Sequence[float] | None, rounds: float) -> list[float]:
        """Return the burst rates of one target, shrunk towards the rates of the vantage."""
        scale = VANTAGE_BURST_ROUNDS / (rounds + VANTAGE_BURST_ROUNDS)
        if bursts is None:
            return [scale * eps for eps in self.burst_rates]
        return [
            (n + VANTAGE_BURST_ROUNDS * eps) / (rounds + VANTAGE_BURST_ROUNDS)
            for n, eps in zip(bursts, self.burst_rates, strict=True)
        ]

    def to_plain(self) -> list[Any]:
        """Return the counts as plain data, for storage."""
        return [
            self.rounds, self._strays, self._attempts, self._stray_classes, self._bursts, self._seconds, self._ended,
            self._leaked, self._tried, [self.stray_rate, self.stray_shares, self.burst_rates, self.burst_seconds],
        ]  # fmt: skip

    @classmethod
    def from_plain(cls, plain: list[Any]) -> LearnedRates:
        """Rebuild the counts from `to_plain`."""
        learned = cls()
        (
            learned.rounds, learned._strays, learned._attempts, learned._stray_classes, learned._bursts,
            learned._seconds, learned._ended, learned._leaked, learned._tried, rates,
        ) = plain  # fmt: skip
        learned.stray_rate, learned.stray_shares, learned.burst_rates, learned.burst_seconds = rates
        return learned


def cautious_share(leaked: float, tried: float) -> float:
    """Return a share estimated from counts, one standard deviation above its mean."""
    mean = leaked / tried
    return mean + sqrt(mean * (1.0 - mean) / (tried + 1.0))
