"""Decides whether a target's evidence raises an alarm, and gives the reason.

The decision is made when a batch closes. The first row that applies decides::

    reason         applies when
    QUIET          no sum is above 0
    WORKS          no failure in this batch; for the regimes "silent" and "unreachable": no failure of that class
    WEAK           the highest sum is below its threshold
    ONCE           fewer than two failures have the class of the regime
    BRIEF          time-outs alone (or `unreachable`), in one batch only or for less than 14 minutes. Two batches are
                   enough for a target that is singled out, three in nine minutes for a whole list
    MIXED          time-outs alone, fewer than twice the `unreachable` failures and not clearly more likely
    NOT_CONFIRMED  too few other targets worked at the time (`probe.detect.shared_failures`)
    ALARM          otherwise

The threshold of the regime is adjusted by the circumstances, in nats::

    -3.4   proven or forged, three or more failures of that class: an ordinary fault does not repeat these
    +1.5   forged, cut or throttled, only two failures of that class
    +3.0   the vantage is new (fewer than 8000 target-rounds): its rates are estimates from the prior
    -4.6   most targets have failed for three hours: too long for a fault of the vantage
    -4.6   two lasting interferences ended within two days: the target flaps
    -4.6   time-outs alone, and the target is singled out: `Suspicion.singled_out`
    -4.6   time-outs alone of most of a list, while every anchor answers: `SharedFailures.network_wide`

At first sight, before a status was ever settled, the threshold is 8.5 nats where that is lower. The sum then compares
"blocked since before the first look" with the null model from one fixed beginning, so the probability that it ever
exceeds log A at a healthy target is at most 1 / A (Ville's inequality). A = 5,000 is 0.07 false reports a year for a
vantage that starts anew every day. A change may begin in any round, which needs A = 3,000,000. Conditions::

    class                 a failure in this batch has the class of the regime; without proof the last attempt failed
    time-outs alone, cut  every attempt failed, in three batches and nine minutes, and the control was served after the
                          first failure; a cut that proves itself (`CAUSE_WITNESS`) needs none of this
    throttled             every attempt failed, in three batches and nine minutes: a network may punish our own pace
    unreachable           not at first sight: nobody knows why, and control data may still come
    +1.5, -4.6         as above, where only two failures have the class, and where the target is singled out
    not applied        while most targets have failed for three hours: the outage may have begun before the first look

Sources: tuned and ablated on simulated series, see docs/detector.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import log
from typing import Final

from probe.detect.failure_classes import SUCCESS, FailureClass
from probe.detect.hypotheses import (
    CUT,
    FORGED,
    HYPOTHESES,
    PROVEN,
    REGIMES,
    SILENT,
    THROTTLED,
    UNREACHABLE,
)
from probe.detect.suspicion import Suspicion, TrailStep

REPEATED_NATS: Final = -3.4
PAIR_NATS: Final = 1.5
NEW_VANTAGE_NATS: Final = 3.0
LONG_SHARED_NATS: Final = -4.6
FLAPPING_NATS: Final = -4.6
SINGLED_OUT_NATS: Final = -4.6
NETWORK_WIDE_NATS: Final = -4.6

FIRST_SIGHT_NATS: Final = log(5e3)
"""Threshold at first sight. With 2 % of the listed targets blocked, it leaves one error in 100 such reports at most."""

LOWEST_THRESHOLD_NATS: Final = min(regime.threshold_nats for regime in REGIMES) + REPEATED_NATS + FLAPPING_NATS
"""The lowest threshold while failures are not shared for long; a sum below it needs no decision."""

SILENCE_MARGIN_NATS: Final = 5.0
"""How much likelier "silent" must be than "unreachable" when the failures are mixed."""

MIN_SILENCE_SECONDS: Final = 840.0
"""How long time-outs alone must last from the first failure: three rounds. A site that restarts, a route that recovers
and a control that is out of date look the same until then."""

MIN_SINGLED_OUT_SHARE: Final = 0.6
"""Share of failing attempts of the leading hypothesis; a few silent attempts among many are packet loss."""

MIN_WIDE_SILENCE_SECONDS: Final = 540.0
"""The same for a whole list while every anchor answers: two rounds. Sites do not restart together. At first sight, too,
where the control was served meanwhile."""

MIN_FIRST_SIGHT_BATCHES: Final = 3
"""Batches in which a target must be silent, cut or throttled at first sight."""


class Reason(StrEnum):
    """The reason why an alarm was raised or not."""

    QUIET = "no evidence"
    WORKS = "no failure in this round counts"
    WEAK = "the evidence is below the threshold"
    ONCE = "one failure of a class is never enough"
    BRIEF = "time-outs alone must last a quarter of an hour"
    MIXED = "too many of the failures have no known reason"
    NOT_CONFIRMED = "too few other targets worked at the same time"
    SUSPECT = "the vantage is suspect: most targets fail"
    ALARM = "the evidence is above the threshold"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Circumstances that adjust the threshold besides the failures: see the table above.

    Attributes:
        new_vantage: the rates of the vantage still depend on the prior.
        shared_for_long: most targets have failed for `shared_failures.MAX_SUSPECT_SECONDS`.
        flapping: the target was interfered with repeatedly.
        network_wide: most of the list is silent while every anchor answers.
        first_sight: no status of the target has been settled yet.
    """

    new_vantage: bool = False
    first_sight: bool = False
    shared_for_long: bool = False
    flapping: bool = False
    network_wide: bool = False


@dataclass(frozen=True, slots=True)
class AlarmDecision:
    """The outcome of one decision.

    Attributes:
        k: the leading hypothesis.
        nats: its sum.
        threshold: the adjusted threshold, nats.
        reason: why the sum was enough or not.
        failures: recorded failures since the sum left 0.
        attempts: recorded attempts since then.
        rounds: recorded batches with a failure since then.
        first: moment of the first of those failures, Unix seconds.
        alike: whether that first failure has the class of the regime.
    """

    k: int
    nats: float
    threshold: float
    reason: Reason
    failures: int
    attempts: int
    rounds: int
    first: float
    alike: bool

    @property
    def regime(self) -> int:
        """The hypothesis' index into `REGIMES`."""
        return HYPOTHESES[self.k].regime

    def not_confirmed(self) -> AlarmDecision:
        """Return the decision with the reason NOT_CONFIRMED: other targets failed too."""
        return replace(self, reason=Reason.NOT_CONFIRMED)


def decide(suspicion: Suspicion, *, classes: frozenset[int], known: Circumstances) -> AlarmDecision:
    """Compare the leading hypothesis with its threshold. The caller compares with other targets.

    Args:
        suspicion: evidence of the target.
        classes: classes of the target's samples in this batch, `SUCCESS` among them.
        known: circumstances that adjust the threshold.
    """
    k = suspicion.best()
    steps = suspicion.since_onset(k)
    failures = [step for step in steps if step[1] != SUCCESS]
    first = failures[0][0] if failures else suspicion.onsets[k]
    leading_silence = HYPOTHESES[k].regime == SILENT and HYPOTHESES[k].share >= MIN_SINGLED_OUT_SHARE
    singled_out = leading_silence and suspicion.singled_out(first)
    stands = known.first_sight and not known.shared_for_long and _stands(suspicion, k, steps)
    leading = _LeadingHypothesis(k, suspicion, failures, classes, known, singled_out=singled_out, stands=stands)
    threshold = leading.threshold()
    return AlarmDecision(
        k=k,
        nats=suspicion.sums[k],
        threshold=threshold,
        reason=leading.reason(threshold),
        failures=len(failures),
        attempts=len(steps),
        rounds=len({step[2] for step in failures}),
        first=first,
        alike=bool(failures) and failures[0][1] == leading.failure_class,
    )


def _must_last(regime: int, *, proven: bool) -> bool:
    """Return whether failures of a regime must last before they show what stands already."""
    return regime in (SILENT, THROTTLED) or (regime == CUT and not proven)


def _stands(suspicion: Suspicion, k: int, steps: list[TrailStep]) -> bool:
    """Return whether failures show what a target has had since before it was first measured.

    Args:
        suspicion: evidence of the target.
        k: the leading hypothesis.
        steps: the attempts since its onset.
    """
    regime = HYPOTHESES[k].regime
    if not _must_last(regime, proven=suspicion.proven):
        return regime != UNREACHABLE
    every = bool(steps) and suspicion.attempts == sum(suspicion.classes)
    return every and (regime == THROTTLED or suspicion.served >= steps[0][0])


class _LeadingHypothesis:
    """The leading hypothesis and the failures behind it."""

    def __init__(
        self,
        k: int,
        suspicion: Suspicion,
        failures: list[TrailStep],
        classes: frozenset[int],
        known: Circumstances,
        *,
        singled_out: bool,
        stands: bool,
    ) -> None:
        self.sums = suspicion.sums
        self.nats = suspicion.sums[k]
        self.proven = suspicion.proven
        self.regime = HYPOTHESES[k].regime
        self.failure_class = REGIMES[self.regime].failure_class
        self.failures = failures
        self.alike = sum(step[1] == self.failure_class for step in failures)
        self.classes = classes
        self.known = known
        self.singled_out = singled_out
        self.stands = stands

    def threshold(self) -> float:
        changed = self._threshold_of_change()
        return min(changed, self._threshold_at_first_sight()) if self.stands else changed

    def _threshold_at_first_sight(self) -> float:
        threshold = FIRST_SIGHT_NATS
        if self.regime in (FORGED, CUT, THROTTLED) and self.alike < 3:
            threshold += PAIR_NATS
        return threshold + SINGLED_OUT_NATS if self.singled_out else threshold

    def _threshold_of_change(self) -> float:
        threshold = REGIMES[self.regime].threshold_nats
        if self.regime in (PROVEN, FORGED) and self.alike >= 3:
            threshold += REPEATED_NATS
        elif self.regime in (FORGED, CUT, THROTTLED) and self.alike < 3:
            threshold += PAIR_NATS
        if self.known.new_vantage:
            threshold += NEW_VANTAGE_NATS
        if self.known.shared_for_long:
            threshold += LONG_SHARED_NATS
        if self.known.flapping:
            threshold += FLAPPING_NATS
        if self.singled_out:
            threshold += SINGLED_OUT_NATS
        elif self.regime == SILENT and self.known.network_wide:
            threshold += NETWORK_WIDE_NATS
        return threshold

    def reason(self, threshold: float) -> Reason:
        if self.nats <= 0.0:
            return Reason.QUIET
        own = self.known.first_sight or self.regime in (SILENT, UNREACHABLE)
        needed = {self.failure_class} if own else self.classes - {SUCCESS}
        if not needed & self.classes:
            return Reason.WORKS
        if self.nats <= threshold:
            return Reason.WEAK
        if self.alike < 2:
            return Reason.ONCE
        slow = self.regime in (SILENT, UNREACHABLE) or (self.stands and _must_last(self.regime, proven=self.proven))
        if slow and not self.known.shared_for_long and self._brief():
            return Reason.BRIEF
        if self.regime == SILENT and self._mixed():
            return Reason.MIXED
        return Reason.ALARM

    def _brief(self) -> bool:
        first, last = self.failures[0], self.failures[-1]
        if first[2] == last[2]:
            return True
        if self.singled_out:
            return False
        wide = self.regime == SILENT and self.known.network_wide
        least = MIN_WIDE_SILENCE_SECONDS if wide or self.stands else MIN_SILENCE_SECONDS
        few = self.stands and len({step[2] for step in self.failures}) < MIN_FIRST_SIGHT_BATCHES
        return few or last[0] - first[0] < least

    def _mixed(self) -> bool:
        if self.alike >= 2 * sum(step[1] == FailureClass.UNREACHABLE for step in self.failures):
            return False
        vague = max(value for value, a in zip(self.sums, HYPOTHESES, strict=True) if a.regime == UNREACHABLE)
        return self.nats - vague < SILENCE_MARGIN_NATS
