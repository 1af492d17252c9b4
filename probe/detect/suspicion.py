"""The believed-reachable side of a series: evidence running up against the null.

From the first failure until every sum is back at 0, a target is *under suspicion*. For each of the 21 alternatives k::

    failure with mark m:   S_k <- max(0, S_k) + log P_k(F, m) / P_null(F, m)
    success:               S_k <- S_k + log P_k(R) / P_null(R)      where S_k > 0

(Page's CUSUM on log likelihood ratios, with a null that remembers.) When S_k leaves 0 its change is dated: between the
last success and the first failure. Back at rest, what happened is learned: strays as strays, bursts as bursts.
"""

from __future__ import annotations

from math import log
from typing import Any, Final

from probe.detect import null_model
from probe.detect.failure_classes import CAUSE_WITNESS, NO_WITNESS, SUCCESS
from probe.detect.hypotheses import FAILURE_SHARES, HYPOTHESES, LOG_FAILURE, LOG_SUCCESS, REGIMES
from probe.detect.learned import BURST_WEIGHTS, SUSPECTED_BURST_FACTOR, LearnedRates

TrailStep = tuple[float, int, int]
"""One remembered attempt: moment in Unix seconds, mark or `SUCCESS`, number of its batch."""

MAX_TRAIL_SAMPLES: Final = 24
"""Attempts remembered one by one; enough for the six rounds with three re-tests each that a silent block needs."""

SUSPECT_NATS: Final = 9.0
"""Nats from which on an episode may well have been interference, and is learned from with less weight."""

NO_HYPOTHESIS: Final = len(HYPOTHESES)
"""In place of an alternative: no sum is above 0."""

FIRST_LEAKY_HYPOTHESIS: Final = len(REGIMES) * (len(FAILURE_SHARES) - 1)
"""The first of the leakiest alternatives; while no other sum is above 0 the vantage learns."""

MAX_BURST_SECONDS: Final = 2400.0
"""Seconds; what fails for longer is not learned as an ordinary fault."""


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
    """What is held of a target between its first failure and rest.

    Attributes:
        sums: S_k of every alternative, nats.
        onsets: when S_k left 0: the middle between last success and first failure, Unix seconds.
        trail: (moment, mark or `SUCCESS`, batch number) of the last `TRAIL` attempts, oldest first.
        marks: failures by mark.
        attempts: attempts, successes among them.
        peak: the highest sum ever.
        witness: who bore witness to any of the failures (`probe.detect.failure_classes`), added up.
        shared: an alarm was not raised because most other targets failed with it.
        crowded: some other targets failed with it.
    """

    __slots__ = (
        "attempts",
        "belief",
        "burst",
        "bursts",
        "classes",
        "crowded",
        "onsets",
        "peak",
        "run",
        "run_start",
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
        self.shared = False
        self.crowded = False
        self.strays = [0.0] * 7
        self.stray_attempts = 0
        self.run = [0] * 7
        self.run_start = 0.0
        self.burst: list[float] | None = None  # kind, beginning, last failure of the one going on
        self.bursts: list[list[float]] = []

    def failed(self, step: TrailStep, *, onset: float, stray: float) -> None:
        """Take a failure as evidence; the belief has been moved to its moment.

        Args:
            step: moment in Unix seconds, mark, number of the batch it belongs to.
            onset: the moment to date a change that begins with this failure.
            stray: probability of a stray failure with this mark.
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
        """Take a success as evidence; the first alternative whose sum is above 0 still, `REST` when none is."""
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
        """Note a failure as a stray, or as part of a burst when the belief says so.

        The first failure of a run is a stray until a second follows: else a vantage that believes in bursts would take
        every stray for one, come to believe that there are no strays, and so on.
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
        """Over at `end` at the latest: it ended half-way between its last failure and that, or half a round on."""
        if self.burst is not None and len(self.bursts) < 8:
            kind, start, last = self.burst
            self.bursts.append([kind, start, min(onset_between(last, end), last + null_model.ROUND_SECONDS / 2)])
        self.burst = None
        self.run_start = 0.0
        self.run = [0] * 7

    def teach(self, learned: LearnedRates, moment: float) -> tuple[float, int, list[tuple[int, float]]]:
        """At rest at `moment`, or nearly: let the vantage learn from what happened since it last did.

        Nearly: only a very leaky block is still possible. Waiting for the rest would teach only from targets that have
        few strays, and a vantage that believes strays to be rarer than they are never comes to rest.

        Returns:
            For the target itself: stray failures, the attempts they occurred in, bursts as (kind, weight).
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

    @property
    def proven(self) -> bool:
        """A self-evident failure was among them."""
        return bool(self.witness & CAUSE_WITNESS)

    def best(self) -> int:
        """The alternative with the highest sum."""
        sums = self.sums
        return sums.index(max(sums))

    def rests_on_one_batch(self) -> bool:
        """Whether all failures behind the leading alternative are of one batch."""
        return len({step[2] for step in self.since_onset(self.best()) if step[1] != SUCCESS}) == 1

    def since_onset(self, k: int) -> list[TrailStep]:
        """The remembered attempts since alternative `k` left 0."""
        onset = self.onsets[k]
        return [step for step in self.trail if step[0] >= onset]

    def shift(self, seconds: float) -> None:
        """Move every remembered moment, since the clock was set."""
        self.onsets = [moment + seconds for moment in self.onsets]
        self.trail = [(moment + seconds, failure_class, batch) for moment, failure_class, batch in self.trail]
        self.run_start = self.run_start and self.run_start + seconds
        for burst in [*self.bursts, *([self.burst] if self.burst else [])]:
            burst[1] += seconds
            burst[2] += seconds

    def plain(self) -> list[Any]:
        """Everything as plain data."""
        return [
            self.belief, self.sums, self.onsets, self.trail, self.classes, self.attempts, self.peak, self.witness,
            self.shared, self.crowded, self.strays, self.stray_attempts, self.run, self.run_start, self.burst,
            self.bursts,
        ]  # fmt: skip

    @classmethod
    def of(cls, plain: list[Any]) -> Suspicion:
        """The inverse of `plain`."""
        self = cls.__new__(cls)
        (
            self.belief, self.sums, self.onsets, trail, self.classes, self.attempts, self.peak, self.witness,
            self.shared, self.crowded, self.strays, self.stray_attempts, self.run, self.run_start, self.burst,
            self.bursts,
        ) = plain  # fmt: skip
        self.trail = [(moment, failure_class, batch) for moment, failure_class, batch in trail]
        return self
