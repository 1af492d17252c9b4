"""Evidence that a reachable target is interfered with: CUSUM sums against the null model.

A target is *under suspicion* from its first failure until every sum is back at 0. For each of the 21 hypotheses k::

    failure of class c:    S_k <- max(0, S_k) + log P_k(F, c) / P_null(F, c)
    success:               S_k <- S_k + log P_k(R) / P_null(R)      where S_k > 0

This is Page's CUSUM on log likelihood ratios, with a null model that has memory. The change is dated when S_k leaves 0:
between the last success and the first failure. When the target returns to rest, its failures are learned as strays and
bursts.
"""

from __future__ import annotations

from math import log
from typing import Any, Final

from probe.detect import null_model
from probe.detect.failure_classes import (
    ANCHOR_WITNESS,
    BESIDE_WITNESS,
    CAUSE_WITNESS,
    NO_WITNESS,
    SUCCESS,
    FailureClass,
)
from probe.detect.hypotheses import FAILURE_SHARES, HYPOTHESES, LOG_FAILURE, LOG_SUCCESS, REGIMES
from probe.detect.learned import BURST_WEIGHTS, SUSPECTED_BURST_FACTOR, LearnedRates
from probe.detect.round_times import ClockCorrection

TrailStep = tuple[float, int, int]
"""One recorded attempt: Unix seconds, failure class or `SUCCESS`, number of its batch."""

MAX_TRAIL_SAMPLES: Final = 24
"""Bound of recorded attempts: a silent block needs six rounds with three re-tests each."""

SUSPECT_NATS: Final = 9.0
"""Evidence from which an episode may have been interference, and is learned with less weight."""

NO_HYPOTHESIS: Final = len(HYPOTHESES)
"""Takes the place of a hypothesis when no sum is above 0."""

FIRST_LEAKY_HYPOTHESIS: Final = len(REGIMES) * (len(FAILURE_SHARES) - 1)
"""Index of the first very leaky hypothesis; while only sums from here on are above 0, the vantage learns."""

MAX_BURST_SECONDS: Final = 2400.0
"""A target that fails for longer is not learned as an ordinary fault."""


def onset_between(before: float, after: float) -> float:
    """Return the middle of two samples that disagree, which dates a change.

    Nothing is known between two samples. The reset point of CUSUM is the maximum-likelihood estimate of the two: the
    last success before the sum left 0, and the failure that raised it (Page 1954).

    Args:
        before: moment of the last sample of the old kind, Unix seconds; 0 when there was none.
        after: moment of the first sample of the new kind.
    """
    if not before or before > after:
        return after
    return (before + after) / 2.0


class Suspicion:
    """Evidence about a target between its first failure and its return to rest.

    Attributes:
        sums: S_k of every hypothesis, nats.
        onsets: when each S_k left 0: the middle between last success and first failure, Unix seconds.
        trail: the last `MAX_TRAIL_SAMPLES` attempts, oldest first.
        classes: number of failures by class.
        attempts: attempts, successes among them.
        peak: the highest value of any sum.
        witness: `CAUSE_WITNESS` and `ANCHOR_WITNESS` of all failures, combined by `or`.
        beside: number of failures with `BESIDE_WITNESS`.
        served: newest moment at which the control was served, Unix seconds; 0 when not known.
        shared: an alarm was not raised because most other targets failed too.
        crowded: some other targets failed in the same batches.
    """

    __slots__ = (
        "attempts",
        "belief",
        "beside",
        "burst",
        "bursts",
        "classes",
        "crowded",
        "onsets",
        "peak",
        "run",
        "run_start",
        "served",
        "shared",
        "stray_attempts",
        "strays",
        "sums",
        "trail",
        "witness",
    )  # fmt: skip

    def __init__(self, eps: list[float]) -> None:
        self.belief = null_model.initial_belief(eps)
        self.sums = [0.0] * len(HYPOTHESES)
        self.onsets = [0.0] * len(HYPOTHESES)
        self.trail: list[TrailStep] = []
        self.classes = [0] * 7
        self.attempts = 0
        self.peak = 0.0
        self.witness = NO_WITNESS
        self.beside = 0
        self.served = 0.0
        self.shared = False
        self.crowded = False
        self.strays = [0.0] * 7
        self.stray_attempts = 0
        self.run = [0] * 7
        self.run_start = 0.0
        self.burst: list[float] | None = None  # kind, beginning, last failure of the present burst
        self.bursts: list[list[float]] = []

    def failed(self, step: TrailStep, *, onset: float, stray: float) -> None:
        """Use a failure as evidence; `null_model.predict` has advanced the belief to its moment.

        Args:
            step: the failed attempt.
            onset: the date of a change that begins with this failure, Unix seconds.
            stray: probability of a stray failure of this class.
        """
        moment, failure_class, _ = step
        expected = log(null_model.failed(self.belief, failure_class, stray))
        self.onsets = [kept if before > 0.0 else onset for kept, before in zip(self.onsets, self.sums, strict=True)]
        sums = self.sums = [
            before + chance - expected if before > 0.0 else chance - expected
            for before, chance in zip(self.sums, LOG_FAILURE[failure_class], strict=True)
        ]
        highest = max(sums)
        self.peak = max(self.peak, highest)
        self.classes[failure_class] += 1
        self.attempts += 1
        self._remember(step)
        self._sort(moment, failure_class, onset)

    def succeeded(self, moment: float, batch: int, stray: float) -> int:
        """Use a success as evidence; return the first hypothesis whose sum is above 0, or `NO_HYPOTHESIS`."""
        expected = log(null_model.succeeded(self.belief, stray))
        sums = self.sums = [
            before + chance - expected if before > 0.0 else before
            for before, chance in zip(self.sums, LOG_SUCCESS, strict=True)
        ]
        first = NO_HYPOTHESIS
        if max(sums) > 0.0:
            first = next(k for k, now in enumerate(sums) if now > 0.0)
        self.attempts += 1
        self._remember((moment, SUCCESS, batch))
        if self.burst is None:
            self.stray_attempts += 1
            self.run_start = 0.0
            self.run = [0] * 7
        elif self.belief[null_model.GOOD_STATE] > 0.5:
            self._end_burst(moment)
        return first

    def _remember(self, step: TrailStep) -> None:
        trail = self.trail
        trail.append(step)
        if len(trail) > MAX_TRAIL_SAMPLES:
            del trail[0]

    def _sort(self, moment: float, failure_class: int, onset: float) -> None:
        """Count a failure as a stray, or as part of a burst when the belief says so.

        The first failure of a run counts as a stray until a second follows. Otherwise a vantage with a high burst rate
        would count every stray as a burst, lower its stray rate, and find still more bursts.
        """
        belief = self.belief
        if self.burst is not None and belief[null_model.GOOD_STATE] > 0.5:
            self._end_burst(onset)
        if not self.run_start:
            self.run_start = max(onset, moment - null_model.ROUND_SECONDS / 2)
        if belief[null_model.GOOD_STATE] < 0.5 and (self.burst is not None or any(self.run)):
            if self.burst is None:
                kind = max(range(7), key=belief.__getitem__)
                self.burst = [kind, self.run_start, moment]
                for k, n in enumerate(self.run):
                    self.strays[k] -= n
                    self.stray_attempts -= n
            self.burst[2] = moment
        else:
            self.strays[failure_class] += 1.0
            self.stray_attempts += 1
            self.run[failure_class] += 1

    def _end_burst(self, end: float) -> None:
        """Close the present burst, at most half a round after its last failure.

        Args:
            end: moment at which the burst was over, Unix seconds.
        """
        if self.burst is not None and len(self.bursts) < 8:
            kind, start, last = self.burst
            self.bursts.append([kind, start, min(onset_between(last, end), last + null_model.ROUND_SECONDS / 2)])
        self.burst = None
        self.run_start = 0.0
        self.run = [0] * 7

    def learn_into(self, learned: LearnedRates, moment: float) -> tuple[float, int, list[tuple[int, float]]]:
        """Add the failures since the last call to the rates of the vantage, once only very leaky blocks are possible.

        Waiting until every sum is 0 would learn only from targets with few strays. The stray rate would be too low, and
        the sums would never return to 0.

        Returns:
            The target's counts: stray failures, the attempts that contained them, bursts as (kind, weight).
        """
        if self.burst is not None:
            self._end_burst(moment)
        learned.count_strays(self.strays, self.stray_attempts)
        factor = SUSPECTED_BURST_FACTOR if self.peak > SUSPECT_NATS else 1.0
        own: list[tuple[int, float]] = []
        for kind, first, last in self.bursts:
            weight = BURST_WEIGHTS[int(kind)] * factor
            if weight and not self.crowded and last - first <= MAX_BURST_SECONDS:
                learned.count_burst(int(kind), last - first, weight)
                own.append((int(kind), weight))
        taught = sum(self.strays), self.stray_attempts, own
        self.strays = [0.0] * 7
        self.stray_attempts = 0
        self.bursts = []
        self.crowded = False
        return taught

    def confirm(self, witness: int, served: float) -> None:
        """Record what confirms a failure: its witness flags, and when the control was served."""
        self.witness |= witness & (CAUSE_WITNESS | ANCHOR_WITNESS)
        self.beside += bool(witness & BESIDE_WITNESS)
        self.served = max(self.served, served)

    def singled_out(self, first: float) -> bool:
        """Return whether silence is neither a fault of the path nor of the site.

        Another port or address of the target answered at two thirds of the silent failures, two at least, and the
        control was served after the first of them.

        Args:
            first: moment of the first failure, Unix seconds.
        """
        return self.beside >= max(2, self.classes[FailureClass.SILENT] * 2 / 3) and self.served >= first

    @property
    def proven(self) -> bool:
        """Whether one of the failures had a self-evident cause."""
        return bool(self.witness & CAUSE_WITNESS)

    def best(self) -> int:
        """Return the hypothesis with the highest sum."""
        sums = self.sums
        return sums.index(max(sums))

    def rests_on_one_batch(self) -> bool:
        """Return whether all failures behind the leading hypothesis are in one batch."""
        return len({step[2] for step in self.since_onset(self.best()) if step[1] != SUCCESS}) == 1

    def since_onset(self, k: int) -> list[TrailStep]:
        """Return the recorded attempts since the sum of hypothesis `k` left 0."""
        onset = self.onsets[k]
        return [step for step in self.trail if step[0] >= onset]

    def correct(self, correction: ClockCorrection) -> None:
        """Correct every stored moment after the wall clock was set; `served` is a moment of the control's clock."""
        corrected = correction.corrected
        self.onsets = [corrected(moment) for moment in self.onsets]
        self.trail = [(corrected(moment), failure_class, batch) for moment, failure_class, batch in self.trail]
        self.run_start = corrected(self.run_start)
        for burst in [*self.bursts, *([self.burst] if self.burst else [])]:
            burst[1] = corrected(burst[1])
            burst[2] = corrected(burst[2])

    def to_plain(self) -> list[Any]:
        """Return the state as plain data, for storage."""
        return [
            self.belief, self.sums, self.onsets, self.trail, self.classes, self.attempts, self.peak, self.witness,
            self.shared, self.crowded, self.strays, self.stray_attempts, self.run, self.run_start, self.burst,
            self.bursts, self.beside, self.served,
        ]  # fmt: skip

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Suspicion:
        """Rebuild the state from `to_plain`."""
        self = cls.__new__(cls)
        (
            self.belief, self.sums, self.onsets, trail, self.classes, self.attempts, self.peak, self.witness,
            self.shared, self.crowded, self.strays, self.stray_attempts, self.run, self.run_start, self.burst,
            self.bursts, *confirmed,
        ) = plain  # fmt: skip
        self.beside, self.served = confirmed or (0, 0.0)  # states of version 0.1.0 have neither
        self.trail = [(moment, failure_class, batch) for moment, failure_class, batch in trail]
        return self
