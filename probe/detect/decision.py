"""Whether to raise the alarm: one place, one reason.

Looked at when a batch closes. The first row that applies decides::

    reason      applies when
    QUIET       no sum is above 0
    WORKS       the target did not fail in this batch
    WEAK        the highest sum is below its threshold
    ONCE        fewer than two failures look like the regime: never on one
    ONE_ROUND   silence alone, seen in one batch only
    MIXED       silence alone, and not twice as much of it as failures that say nothing
    NO_ALIBI    the other targets do not vouch for the vantage (`probe.detect.gate`)
    ALARM       otherwise

The threshold is the regime's odds, moved by what is known::

    -3.4   proven or forged, three or more failures of their kind: an ordinary fault does not repeat these
    +3.0   the vantage is new (fewer than 8000 target-rounds): its rates are guesses
    -4.6   two lasting interferences ended within two days: it flaps

Sources: tuned and ablated on simulated series, see docs/detector.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from probe.detect.alternatives import ALTERNATIVES, FORGED, PROVEN, REGIMES, SILENT
from probe.detect.marks import SUCCESS, Mark
from probe.detect.suspicion import Suspicion

REPEATED: Final = -3.4
NEW_VANTAGE: Final = 3.0
FLAPPING: Final = -4.6


class Reason(StrEnum):
    """Why an alarm was raised, or was not."""

    QUIET = "no evidence"
    WORKS = "it did not fail in this round"
    WEAK = "the evidence is below the threshold"
    ONCE = "one failure of a kind is never enough"
    ONE_ROUND = "silence alone must last into another round"
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


def decide(suspicion: Suspicion, *, failed: bool, newcomer: bool, flapping: bool) -> Decision:
    """Hold the leading alternative against its threshold; the alibi is the caller's to ask for.

    Args:
        suspicion: the target's sums.
        failed: the target failed in this batch.
        newcomer: the vantage's rates are still guesses.
        flapping: see the table above.
    """
    k = suspicion.best()
    nats = suspicion.sums[k]
    regime = ALTERNATIVES[k].regime
    steps = suspicion.since_onset(k)
    fails = [step for step in steps if step[1] != SUCCESS]
    alike = sum(step[1] == REGIMES[regime].mark for step in fails)
    rounds = len({step[2] for step in fails})
    threshold = REGIMES[regime].odds
    if regime in (PROVEN, FORGED) and alike >= 3:
        threshold += REPEATED
    if newcomer:
        threshold += NEW_VANTAGE
    if flapping:
        threshold += FLAPPING
    first = fails[0][0] if fails else suspicion.onsets[k]
    reason = _reason(regime, nats, threshold, failed=failed, alike=alike, rounds=rounds, fails=fails)
    return Decision(k, nats, threshold, reason, len(fails), len(steps), rounds, first)


def _reason(
    regime: int,
    nats: float,
    threshold: float,
    *,
    failed: bool,
    alike: int,
    rounds: int,
    fails: list[tuple[float, int, int]],
) -> Reason:
    if nats <= 0.0:
        return Reason.QUIET
    if not failed:
        return Reason.WORKS
    if nats <= threshold:
        return Reason.WEAK
    if alike < 2:
        return Reason.ONCE
    if regime == SILENT:
        if rounds < 2:
            return Reason.ONE_ROUND
        if alike < 2 * sum(step[1] == Mark.UNREACHABLE for step in fails):
            return Reason.MIXED
    return Reason.ALARM
