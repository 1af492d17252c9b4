"""The interfered side of a series: slower, because it knows the leak.

While a target is blocked, throttled, down or unreachable, three questions are open, each a CUSUM of its own::

    is it over?           C   <- max(0, C) + log P(R | reachable) / P(R | interfered)         on a success
                          C   <- max(0, C) + min(0, log P(F, m | reachable) / P(F, m | interfered))   on a failure
    is it something else? D_a <- max(0, D_a) + log P_a(m) / P_now(m)                           on a failure
    has the leak changed? the counts behind P(R | interfered) take in a run of attempts only when C is back at 0,
                          so that a real end does not explain itself away as a bigger leak.

Leaks come in runs, so the probability of a success is kept apart for attempts after a failure, after a success less
than 90 s ago (a re-test) and after a success a round ago.
"""

from __future__ import annotations

from math import log
from typing import Any, Final

from probe.detect.hypotheses import REGIMES
from probe.detect.learned import (
    AFTER_FAILURE,
    AFTER_SUCCESS,
    LEAK_RATE_RANGE,
    PRIOR_LEAKS,
    SOON_AFTER_SUCCESS,
    LearnedRates,
    cautious_share,
)
from probe.model.verdict import Cause, Status

CLEAR_NATS: Final = log(3e4)
"""Evidence in nats at which a target is called reachable again: one wrong clear in 30,000 rounds at most."""

SOON_SECONDS: Final = 90.0
"""Seconds; a success followed this fast tells little new."""

_LEAK_MARGIN: Final = 0.10
"""A context of successes is not believed to leak more than this above the interference as a whole."""

_PRIOR_CLASS_COUNT: Final = 10.0
"""Failures' worth of the regime's own row in what its failures look like."""

_MAX_CLASS_COUNT: Final = 100.0
"""Failures remembered in what failures look like; older ones fade, since censors change their means."""

_OBSERVED_WEIGHT: Final = 0.9
_ANY_BLOCK_SHARES: Final = (0.07, 0.26, 0.20, 0.24, 0.20, 0.015, 0.015)
"""What failures of a blocked target look like at large, and how much of the guess is left to that."""

_CAUSE_UPDATE_NATS: Final = log(3e3)
"""Evidence in nats at which a block is believed to go on by other means; nobody is told but in an update."""

_LEARNS_CLASSES: Final = frozenset({Status.BLOCKED, Status.THROTTLED})


class Interference:
    """What is held of a target while it is interfered with.

    Attributes:
        regime: index into `REGIMES`.
        onset: when it is believed to have begun, Unix seconds.
        peak: evidence it was called with, nats.
        causes: of the failures now, the first decided.
        other_causes: a candidate for the next `causes`, and in how many batches running it was seen.
        leaked: successes by context, settled.
        tried: attempts by context, settled.
        clearing: C.
        clear_onset: when C left 0.
        turning: D_a for every regime.
        turn_onsets: when D_a left 0.
        class_counts: failures by mark, and the first guess.
    """

    __slots__ = (
        "causes",
        "class_counts",
        "clear_onset",
        "clearing",
        "leaked",
        "onset",
        "other_causes",
        "peak",
        "regime",
        "run_leaked",
        "run_tried",
        "tried",
        "turn_onsets",
        "turning",
    )  # fmt: skip

    def __init__(self, regime: int, onset: float, peak: float, causes: tuple[Cause, ...]) -> None:
        self.regime = regime
        self.onset = onset
        self.peak = peak
        self.causes = causes
        self.other_causes: tuple[tuple[Cause, ...], int] = ((), 0)
        self.leaked = [0.0] * len(PRIOR_LEAKS)
        self.tried = [0.0] * len(PRIOR_LEAKS)
        self.run_leaked = [0] * len(PRIOR_LEAKS)
        self.run_tried = [0] * len(PRIOR_LEAKS)
        self.clearing = 0.0
        self.clear_onset = 0.0
        self.turning = [0.0] * len(REGIMES)
        self.turn_onsets = [0.0] * len(REGIMES)
        self.class_counts = [_PRIOR_CLASS_COUNT * share for share in REGIMES[regime].row]

    def leak(self, context: int, learned: LearnedRates) -> float:
        """Probability of a success of an attempt in this context, believed cautiously."""
        leaked, tried = learned.leak_prior(context)
        share = cautious_share(leaked + self.leaked[context], tried + self.tried[context])
        if context != AFTER_FAILURE:
            share = min(share, self.overall_leak() + _LEAK_MARGIN)
        return min(LEAK_RATE_RANGE[1], max(LEAK_RATE_RANGE[0], share))

    def overall_leak(self) -> float:
        """Share of all attempts since the onset that succeeded."""
        leaked, failed = PRIOR_LEAKS[AFTER_FAILURE]
        return (leaked + sum(self.leaked)) / (leaked + failed + sum(self.tried))

    def succeeded(self, context: int, onset: float, stray: float, learned: LearnedRates) -> None:
        """Take a success as evidence that it is over."""
        if self.clearing <= 0.0:
            self.clearing = 0.0
            self.clear_onset = onset
        self.clearing += log((1.0 - stray) / self.leak(context, learned))
        self.run_leaked[context] += 1
        self.run_tried[context] += 1
        if self.clearing <= 0.0:
            self._settle_run(learned)

    def failed(self, context: int, onset: float, failure_class: int, fault: float, learned: LearnedRates) -> None:
        """Take a failure as evidence that it goes on, or has become something else.

        Args:
            context: of the attempt.
            onset: the moment to date a change that begins with this failure.
            failure_class: what it looked like.
            fault: probability of a failure with this mark, were the target reachable.
            learned: the vantage's counts.
        """
        share = (
            _OBSERVED_WEIGHT * self.class_counts[failure_class] / sum(self.class_counts)
            + (1.0 - _OBSERVED_WEIGHT) * _ANY_BLOCK_SHARES[failure_class]
        )
        self.run_tried[context] += 1
        if self.clearing > 0.0:
            self.clearing += min(0.0, log(fault / ((1.0 - self.leak(context, learned)) * share)))
        if self.clearing <= 0.0:
            self.clearing = 0.0
            self._settle_run(learned)
        self._turn(failure_class, share, onset)

    def _settle_run(self, learned: LearnedRates) -> None:
        learned.count_leaks(self.run_leaked, self.run_tried)
        for context in range(len(PRIOR_LEAKS)):
            self.leaked[context] += self.run_leaked[context]
            self.tried[context] += self.run_tried[context]
            self.run_leaked[context] = self.run_tried[context] = 0

    def _turn(self, failure_class: int, share: float, onset: float) -> None:
        turning = self.turning
        for a, regime in enumerate(REGIMES):
            if a == self.regime:
                continue
            chance = regime.row[failure_class]
            before = turning[a]
            if before > 0.0:
                turning[a] = before + log(chance / share)
            elif chance > share:
                turning[a] = log(chance / share)
                self.turn_onsets[a] = onset
        if REGIMES[self.regime].status in _LEARNS_CLASSES:
            self._learn_class(failure_class)
        self._switch_regime()

    def _learn_class(self, failure_class: int) -> None:
        counts = self.class_counts
        counts[failure_class] += 1.0
        if sum(counts) > _MAX_CLASS_COUNT:
            self.class_counts = [n / 2.0 for n in counts]

    def _switch_regime(self) -> None:
        """Another regime of the same status explains the failures now: the block goes on by other means."""
        status = REGIMES[self.regime].status
        for a, regime in enumerate(REGIMES):
            if (
                regime.status is status
                and self.turning[a] > _CAUSE_UPDATE_NATS
                and self.turning[a] == max(self.turning)
            ):
                self.regime = a
                self.turning = [0.0] * len(REGIMES)
                self.class_counts = [_PRIOR_CLASS_COUNT * share for share in regime.row]
                return

    def turned(self) -> int | None:
        """The regime that explains the failures so much better, with another status, that it is to be called."""
        turning = self.turning
        status = REGIMES[self.regime].status
        a = turning.index(max(turning))
        same = max(0.0, *(value for value, regime in zip(turning, REGIMES, strict=True) if regime.status is status))
        if REGIMES[a].status is not status and turning[a] - same > REGIMES[a].threshold_nats:
            return a
        return None

    def seed(self, leaked: list[int], tried: list[int], classes: list[int], learned: LearnedRates) -> None:
        """Count the attempts between the onset and the moment it was called."""
        self.run_leaked, self.run_tried = list(leaked), list(tried)
        self._settle_run(learned)
        if REGIMES[self.regime].status in _LEARNS_CLASSES:
            self.class_counts = [before + n for before, n in zip(self.class_counts, classes, strict=True)]

    def saw_causes(self, causes: tuple[Cause, ...]) -> bool:
        """Note the causes a batch ended with; whether they have replaced the old ones.

        Two batches running must agree, so that one odd failure inside a block is not an update.
        """
        if not causes or causes == self.causes:
            self.other_causes = ((), 0)
            return False
        seen = self.other_causes[1] + 1 if self.other_causes[0] == causes else 1
        if seen < 2:
            self.other_causes = (causes, seen)
            return False
        self.causes = causes
        self.other_causes = ((), 0)
        return True

    def shift(self, seconds: float) -> None:
        """Move every remembered moment, since the clock was set."""
        self.onset += seconds
        self.clear_onset += seconds
        self.turn_onsets = [moment + seconds for moment in self.turn_onsets]

    def plain(self) -> list[Any]:
        """Everything as plain data."""
        return [
            self.regime, self.onset, self.peak, self.causes, self.other_causes, self.leaked, self.tried,
            self.run_leaked, self.run_tried, self.clearing, self.clear_onset, self.turning, self.turn_onsets,
            self.class_counts,
        ]  # fmt: skip

    @classmethod
    def of(cls, plain: list[Any]) -> Interference:
        """The inverse of `plain`."""
        self = cls.__new__(cls)
        (
            self.regime, self.onset, self.peak, causes, other, self.leaked, self.tried,
            self.run_leaked, self.run_tried, self.clearing, self.clear_onset, self.turning, self.turn_onsets,
            self.class_counts,
        ) = plain  # fmt: skip
        self.causes = tuple(Cause(cause) for cause in causes)
        self.other_causes = (tuple(Cause(cause) for cause in other[0]), other[1])
        return self


def context_of(*, failed_last: bool, since: float) -> int:
    """Which leak an attempt meets.

    Args:
        failed_last: the target's last attempt failed.
        since: seconds since that attempt.
    """
    if failed_last:
        return AFTER_FAILURE
    return SOON_AFTER_SUCCESS if since < SOON_SECONDS else AFTER_SUCCESS
