"""Evidence about a target that is blocked, throttled, down or unreachable: is it over, or has it changed?

Two CUSUM statistics and one rule for the counts answer three questions::

    is it over?           C   <- max(0, C) + log P(R | reachable) / P(R | interfered)         on a success
                          C   <- max(0, C) + min(0, log P(F, c | reachable) / P(F, c | interfered))   on a failure
    is it another regime? D_a <- max(0, D_a) + log P_a(c) / P_now(c)                           on a failure of class c
    has the leak changed? A run of attempts enters the counts behind P(R | interfered) only when C is back at 0.
                          Otherwise the end of a block would be counted as a larger leak.

Leaks come in runs. The probability of a success is therefore learned separately for attempts after a failure, after a
success less than 90 s earlier (a re-test), and after a success one round earlier.
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
from probe.detect.round_times import ClockCorrection
from probe.model.verdict import Cause, Status

CLEAR_NATS: Final = log(3e4)
"""Evidence at which a target is reported reachable again: at most one wrong report in 30,000 rounds."""

SOON_SECONDS: Final = 90.0
"""A success that follows another within this time carries little information."""

_LEAK_MARGIN: Final = 0.10
"""The leak estimated after a success exceeds the leak of the whole interference by at most this."""

_PRIOR_CLASS_COUNT: Final = 10.0
"""Weight, in failures, of the regime's row in the learned class counts."""

_MAX_CLASS_COUNT: Final = 100.0
"""Bound of the class counts; above it all counts are halved, because censors change their methods."""

_OBSERVED_WEIGHT: Final = 0.9
_ANY_BLOCK_SHARES: Final = (0.07, 0.26, 0.20, 0.24, 0.20, 0.015, 0.015)
"""Class shares of failures over all blocks; they have the weight `1 - _OBSERVED_WEIGHT` in the estimate."""

_CAUSE_UPDATE_NATS: Final = log(3e3)
"""Evidence at which a block is assigned to another regime of the same status; only a cause update is reported."""

_LEARNS_CLASSES: Final = frozenset({Status.BLOCKED, Status.THROTTLED})


class Interference:
    """Evidence about a target while it is interfered with.

    Attributes:
        regime: index into `REGIMES`.
        onset: estimated beginning, Unix seconds.
        peak: evidence at the alarm, nats.
        causes: causes of the present failures; the first one decided.
        other_causes: candidate for the next `causes`, and the number of consecutive batches with it.
        leaked: successes by context, without the present run.
        tried: attempts by context, without the present run.
        clearing: the statistic C, nats.
        clear_onset: when C left 0, Unix seconds.
        turning: the statistic D_a of every regime, nats.
        turn_onsets: when each D_a left 0, Unix seconds.
        class_counts: failures by class, with the prior.
        before_watch: it began before the target was first measured; `onset` is that first measurement.
    """

    __slots__ = (
        "before_watch",
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

    def __init__(
        self, regime: int, onset: float, peak: float, causes: tuple[Cause, ...], *, before_watch: bool = False
    ) -> None:
        self.regime = regime
        self.before_watch = before_watch
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
        """Return the probability that an attempt succeeds in this context, one standard deviation above its mean."""
        leaked, tried = learned.leak_prior(context)
        share = cautious_share(leaked + self.leaked[context], tried + self.tried[context])
        if context != AFTER_FAILURE:
            share = min(share, self.overall_leak() + _LEAK_MARGIN)
        return min(LEAK_RATE_RANGE[1], max(LEAK_RATE_RANGE[0], share))

    def overall_leak(self) -> float:
        """Return the share of attempts since the onset that succeeded."""
        leaked, failed = PRIOR_LEAKS[AFTER_FAILURE]
        return (leaked + sum(self.leaked)) / (leaked + failed + sum(self.tried))

    def succeeded(self, context: int, onset: float, stray: float, learned: LearnedRates) -> None:
        """Use a success as evidence that the interference is over."""
        if self.clearing <= 0.0:
            self.clearing = 0.0
            self.clear_onset = onset
        self.clearing += log((1.0 - stray) / self.leak(context, learned))
        self.run_leaked[context] += 1
        self.run_tried[context] += 1
        if self.clearing <= 0.0:
            self._settle_run(learned)

    def failed(self, context: int, onset: float, failure_class: int, fault: float, learned: LearnedRates) -> None:
        """Use a failure as evidence that the interference continues, or has changed its regime.

        Args:
            context: context of the attempt (`context_of`).
            onset: the date of a change that begins with this failure, Unix seconds.
            failure_class: class of the failure.
            fault: probability of a failure of this class if the target were reachable.
            learned: rates of the vantage.
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
        """Assign the interference to another regime of the same status when it explains the failures better."""
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
        """Return the regime of another status whose evidence exceeds its threshold; None if there is none."""
        turning = self.turning
        status = REGIMES[self.regime].status
        a = turning.index(max(turning))
        same = max(0.0, *(value for value, regime in zip(turning, REGIMES, strict=True) if regime.status is status))
        if REGIMES[a].status is not status and turning[a] - same > REGIMES[a].threshold_nats:
            return a
        return None

    def seed(self, leaked: list[int], tried: list[int], classes: list[int], learned: LearnedRates) -> None:
        """Count the attempts between the onset and the alarm."""
        self.run_leaked, self.run_tried = list(leaked), list(tried)
        self._settle_run(learned)
        if REGIMES[self.regime].status in _LEARNS_CLASSES:
            self.class_counts = [before + n for before, n in zip(self.class_counts, classes, strict=True)]

    def record_causes(self, causes: tuple[Cause, ...]) -> bool:
        """Record the causes at the end of a batch; return whether they have replaced the old ones.

        Two consecutive batches must agree, so that one odd failure during a block is no update.
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

    def correct(self, correction: ClockCorrection) -> None:
        """Correct every stored moment after the wall clock was set."""
        self.onset = correction.corrected(self.onset)
        self.clear_onset = correction.corrected(self.clear_onset)
        self.turn_onsets = [correction.corrected(moment) for moment in self.turn_onsets]

    def to_plain(self) -> list[Any]:
        """Return the state as plain data, for storage."""
        return [
            self.regime, self.onset, self.peak, self.causes, self.other_causes, self.leaked, self.tried,
            self.run_leaked, self.run_tried, self.clearing, self.clear_onset, self.turning, self.turn_onsets,
            self.class_counts, self.before_watch,
        ]  # fmt: skip

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Interference:
        """Rebuild the state from `to_plain`."""
        self = cls.__new__(cls)
        (
            self.regime, self.onset, self.peak, causes, other, self.leaked, self.tried,
            self.run_leaked, self.run_tried, self.clearing, self.clear_onset, self.turning, self.turn_onsets,
            self.class_counts, *begun,
        ) = plain  # fmt: skip
        self.before_watch = bool(begun and begun[0])  # not in states of version 0.1.0
        self.causes = tuple(Cause(cause) for cause in causes)
        self.other_causes = (tuple(Cause(cause) for cause in other[0]), other[1])
        return self


def context_of(*, failed_last: bool, since: float) -> int:
    """Return the context of an attempt at an interfered target (`probe.detect.learned.AFTER_FAILURE`, ...).

    Args:
        failed_last: whether the target's last attempt failed.
        since: seconds since that attempt.
    """
    if failed_last:
        return AFTER_FAILURE
    return SOON_AFTER_SUCCESS if since < SOON_SECONDS else AFTER_SUCCESS
