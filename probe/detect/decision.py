"""Whether to raise the alarm: one place, one reason.

Looked at when a batch closes. The first row that applies decides::

    reason      applies when
    QUIET       no sum is above 0
    WORKS       no failure in this batch looks like the regime
    WEAK        the highest sum is below its threshold
    ONCE        fewer than two failures look like the regime: never on one
    BRIEF       silence alone (or nothing known), in one batch only or for less than a quarter of an hour
    MIXED       silence alone, not twice as much of it as failures that say nothing, nor clearly more likely
    NO_ALIBI    the other targets do not vouch for the vantage (`probe.detect.gate`)
    ALARM       otherwise

The threshold is the regime's odds, moved by what is known::

    -3.4   proven or forged, three or more failures of their kind: an ordinary fault does not repeat these
    +1.5   forged, cut or throttled, only two failures of their kind
    +3.0   the vantage is new (fewer than 8000 target-rounds): its rates are guesses
    -4.6   two lasting interferences ended within two days: it flaps

Sources: tuned and ablated on simulated series, see docs/detector.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from probe.detect.alternatives import ALTERNATIVES, CUT, FORGED, PROVEN, REGIMES, SILENT, THROTTLED, UNREACHABLE
from probe.detect.marks import SUCCESS, Mark
from probe.detect.suspicion import Step, Suspicion

REPEATED: Final = -3.4
PAIR: Final = 1.5
NEW_VANTAGE: Final = 3.0
FLAPPING: Final = -4.6

HOPELESS: Final = min(regime.odds for regime in REGIMES) + REPEATED + FLAPPING
"""No threshold is lower: what is below needs no decision."""

CLEARLY_SILENT: Final = 5.0
"""Nats by which silence must be likelier than "unreachable" where the failures are mixed."""

SILENT_SECONDS: Final = 840.0
"""Silence alone must last from its first failure: three rounds. A site that restarts, a route that heals and a control
that has not noticed yet look the same for so long."""


class Reason(StrEnum):
    """Why an alarm was raised, or was not."""

    QUIET = "no evidence"
    WORKS = "no failure of that kind in this round"
    WEAK = "the evidence is below the threshold"
    ONCE = "one failure of a kind is never enough"
    BRIEF = "silence alone must last a quarter of an hour"
    MIXED = "too much of it could be anything"
    NO_ALIBI = "the other targets do not vouch for the vantage"
    SUSPECT = "the vantage is suspect: most targets fail"
    ALARM = "the evidence is above the threshold"


@dataclass(frozen=True, slots=True)
class Decision:
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
    """

    k: int
    nats: float
    threshold: float
    reason: Reason
    failures: int
    attempts: int
    rounds: int
    first: float

    @property
    def regime(self) -> int:
        """Index into `REGIMES`."""
        return ALTERNATIVES[self.k].regime

    def without_alibi(self) -> Decision:
        """The same evidence, but the other targets say it is the vantage."""
        return replace(self, reason=Reason.NO_ALIBI)


def decide(suspicion: Suspicion, *, marks: frozenset[int], newcomer: bool, flapping: bool) -> Decision:
    """Hold the leading alternative against its threshold; the alibi is the caller's to ask for.

    Args:
        suspicion: the target's sums.
        marks: what its failures in this batch looked like.
        newcomer: the vantage's rates are still guesses.
        flapping: see the table above.
    """
    k = suspicion.best()
    nats = suspicion.sums[k]
    steps = suspicion.since_onset(k)
    fails = [step for step in steps if step[1] != SUCCESS]
    threshold = _threshold(k, fails, newcomer=newcomer, flapping=flapping)
    return Decision(
        k=k,
        nats=nats,
        threshold=threshold,
        reason=_reason(k, threshold, suspicion, fails, marks),
        failures=len(fails),
        attempts=len(steps),
        rounds=len({step[2] for step in fails}),
        first=fails[0][0] if fails else suspicion.onsets[k],
    )


def _threshold(k: int, fails: list[Step], *, newcomer: bool, flapping: bool) -> float:
    regime = ALTERNATIVES[k].regime
    threshold = REGIMES[regime].odds
    if regime in (PROVEN, FORGED) and _count(fails, REGIMES[regime].mark) >= 3:
        threshold += REPEATED
    elif regime in (FORGED, CUT, THROTTLED) and _count(fails, REGIMES[regime].mark) < 3:
        threshold += PAIR
    if newcomer:
        threshold += NEW_VANTAGE
    if flapping:
        threshold += FLAPPING
    return threshold


def _reason(k: int, threshold: float, suspicion: Suspicion, fails: list[Step], marks: frozenset[int]) -> Reason:
    nats = suspicion.sums[k]
    regime = ALTERNATIVES[k].regime
    mark = REGIMES[regime].mark
    alike = _count(fails, mark)
    if nats <= 0.0:
        return Reason.QUIET
    if mark not in marks:
        return Reason.WORKS
    if nats <= threshold:
        return Reason.WEAK
    if alike < 2:
        return Reason.ONCE
    if regime in (SILENT, UNREACHABLE):
        batches = {step[2] for step in fails}
        if len(batches) < 2 or fails[-1][0] - fails[0][0] < SILENT_SECONDS:
            return Reason.BRIEF
    if regime == SILENT and alike < 2 * _count(fails, Mark.UNREACHABLE):
        vague = max(suspicion.sums[k] for k, a in enumerate(ALTERNATIVES) if a.regime == UNREACHABLE)
        if nats - vague < CLEARLY_SILENT:
            return Reason.MIXED
    return Reason.ALARM


def _count(fails: list[Step], mark: int) -> int:
    return sum(step[1] == mark for step in fails)
