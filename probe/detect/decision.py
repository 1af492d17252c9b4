"""Whether to raise the alarm: one place, one reason.

Looked at when a batch closes. The first row that applies decides::

    reason      applies when
    QUIET       no sum is above 0
    WORKS       no failure in this batch; or, where silence is all there is, none that is silent
    WEAK        the highest sum is below its threshold
    ONCE        fewer than two failures look like the regime: never on one
    BRIEF       silence alone (or nothing known), in one batch only or for less than a quarter of an hour
    MIXED       silence alone, not twice as much of it as failures that say nothing, nor clearly more likely
    NO_ALIBI    the other targets do not vouch for the vantage (`probe.detect.shared_failures`)
    ALARM       otherwise

The threshold is the regime's odds, moved by what is known::

    -3.4   proven or forged, three or more failures of their kind: an ordinary fault does not repeat these
    +1.5   forged, cut or throttled, only two failures of their kind
    +3.0   the vantage is new (fewer than 8000 target-rounds): its rates are guesses
    -4.6   most targets have failed for three hours: that lasts too long for a fault of the vantage
    -4.6   two lasting interferences ended within two days: it flaps

Sources: tuned and ablated on simulated series, see docs/detector.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from probe.detect.failure_classes import SUCCESS, FailureClass
from probe.detect.hypotheses import CUT, FORGED, HYPOTHESES, PROVEN, REGIMES, SILENT, THROTTLED, UNREACHABLE
from probe.detect.suspicion import Suspicion, TrailStep

REPEATED_NATS: Final = -3.4
PAIR_NATS: Final = 1.5
NEW_VANTAGE_NATS: Final = 3.0
LONG_SHARED_NATS: Final = -4.6
FLAPPING_NATS: Final = -4.6

LOWEST_THRESHOLD_NATS: Final = min(regime.threshold_nats for regime in REGIMES) + REPEATED_NATS + FLAPPING_NATS
"""No threshold is lower, but where failures have been shared for long: what is below needs no decision."""

SILENCE_MARGIN_NATS: Final = 5.0
"""Nats by which silence must be likelier than "unreachable" where the failures are mixed."""

MIN_SILENCE_SECONDS: Final = 840.0
"""Silence alone must last from its first failure: three rounds. A site that restarts, a route that heals and a control
that has not noticed yet look the same for so long."""


class Reason(StrEnum):
    """Why an alarm was raised, or was not."""

    QUIET = "no evidence"
    WORKS = "no failure that counts in this round"
    WEAK = "the evidence is below the threshold"
    ONCE = "one failure of a kind is never enough"
    BRIEF = "silence alone must last a quarter of an hour"
    MIXED = "too much of it could be anything"
    NOT_CONFIRMED = "the other targets do not vouch for the vantage"
    SUSPECT = "the vantage is suspect: most targets fail"
    ALARM = "the evidence is above the threshold"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What moves the threshold besides the failures themselves: see the table above.

    Attributes:
        newcomer: the vantage's rates are still guesses.
        shared_for_long: the gate has worn out.
        flapping: the target does this repeatedly.
    """

    new_vantage: bool = False
    shared_for_long: bool = False
    flapping: bool = False


@dataclass(frozen=True, slots=True)
class AlarmDecision:
    """The outcome of one look at the sums.

    Attributes:
        k: the leading alternative.
        nats: its sum.
        threshold: what it is held against.
        reason: why it was or was not enough.
        failures: failures since it left 0, as far as remembered.
        attempts: attempts since, likewise.
        rounds: batches with a failure since, likewise.
        first: moment of the first of those failures.
        alike: that first failure looks like the regime.
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
        """Index into `REGIMES`."""
        return HYPOTHESES[self.k].regime

    def not_confirmed(self) -> AlarmDecision:
        """The same evidence, but the other targets say it is the vantage."""
        return replace(self, reason=Reason.NOT_CONFIRMED)


def decide(suspicion: Suspicion, *, classes: frozenset[int], known: Circumstances) -> AlarmDecision:
    """Hold the leading alternative against its threshold; the alibi is the caller's to ask for.

    Args:
        suspicion: the target's sums.
        classes: what its failures in this batch looked like.
        known: what moves the threshold.
    """
    k = suspicion.best()
    steps = suspicion.since_onset(k)
    failures = [step for step in steps if step[1] != SUCCESS]
    case = _LeadingHypothesis(k, suspicion.sums, failures, classes, known)
    threshold = case.threshold()
    return AlarmDecision(
        k=k,
        nats=suspicion.sums[k],
        threshold=threshold,
        reason=case.reason(threshold),
        failures=len(failures),
        attempts=len(steps),
        rounds=len({step[2] for step in failures}),
        first=failures[0][0] if failures else suspicion.onsets[k],
        alike=bool(failures) and failures[0][1] == case.failure_class,
    )


class _LeadingHypothesis:
    """The leading alternative and what speaks for it."""

    def __init__(
        self, k: int, sums: list[float], failures: list[TrailStep], classes: frozenset[int], known: Circumstances
    ) -> None:
        self.sums = sums
        self.nats = sums[k]
        self.regime = HYPOTHESES[k].regime
        self.failure_class = REGIMES[self.regime].failure_class
        self.failures = failures
        self.alike = sum(step[1] == self.failure_class for step in failures)
        self.classes = classes
        self.known = known

    def threshold(self) -> float:
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
        return threshold

    def reason(self, threshold: float) -> Reason:
        if self.nats <= 0.0:
            return Reason.QUIET
        needed = {self.failure_class} if self.regime in (SILENT, UNREACHABLE) else self.classes - {SUCCESS}
        if not needed & self.classes:
            return Reason.WORKS
        if self.nats <= threshold:
            return Reason.WEAK
        if self.alike < 2:
            return Reason.ONCE
        if self.regime in (SILENT, UNREACHABLE) and not self.known.shared_for_long and self._brief():
            return Reason.BRIEF
        if self.regime == SILENT and self._mixed():
            return Reason.MIXED
        return Reason.ALARM

    def _brief(self) -> bool:
        first, last = self.failures[0], self.failures[-1]
        return first[2] == last[2] or last[0] - first[0] < MIN_SILENCE_SECONDS

    def _mixed(self) -> bool:
        if self.alike >= 2 * sum(step[1] == FailureClass.UNREACHABLE for step in self.failures):
            return False
        vague = max(value for value, a in zip(self.sums, HYPOTHESES, strict=True) if a.regime == UNREACHABLE)
        return self.nats - vague < SILENCE_MARGIN_NATS
