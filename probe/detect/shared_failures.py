"""Failures that many targets share are the vantage's, not theirs.

Two questions about the other targets stand between evidence and an alarm:

*The gate*, for a batch: when at least three, and at least half, of the targets believed reachable end it failing, the
vantage is suspect. Its failing verdicts are then neither evidence nor learned from, except those that prove themselves
(a second DNS answer; another server name that works) while some other target works. A vantage suspect for three hours
has lost its excuse: from then on failures count.

*The alibi*, for an alarm: since this target's first failure, one of the kind, at least three others were seen working,
and no other began to fail after the last of these, or twice as many with telling marks before (or the failure has
lasted into another batch); and those that fail with it do not outnumber those that work. This excuse, too, lasts three
hours; and what was shared is forgotten when it is over.

Anchors do the same better: where one answered after a failure, and the failure is of a kind that a vantage does not
make itself (`probe.detect.failure_classes.BEYOND_THE_LINE`), it is not counted by the gate and needs no alibi. A
replayed file may have none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from probe.detect.failure_classes import ANCHOR_WITNESS, CAUSE_WITNESS, SUCCESS, FailureClass
from probe.detect.null_model import ROUND_SECONDS
from probe.detect.series import Sample, Series

MIN_SHARED_FAILURES: Final = 3
"""Failing targets below which nothing is called shared."""

SHARED_FAILURE_RATIO: Final = 0.5
"""Share of the targets believed reachable from which failures are called shared."""

MAX_SUSPECT_BATCHES: Final = 36
"""Batches in a row for which a suspect vantage is an excuse: so many at least, for a laptop may sleep meanwhile .."""

MAX_SUSPECT_SECONDS: Final = MAX_SUSPECT_BATCHES * ROUND_SECONDS
""".. and seconds (three hours), for a round may be several batches."""

CROWDED_RATIO: Final = 0.2
"""Share of the targets from which failures may be shared: not enough to doubt them, enough to learn no bursts from them
(a laptop's network comes up in the middle of the first round)."""

SPECIFIC_CLASSES: Final = frozenset(
    {FailureClass.CUT.value, FailureClass.FORGED.value, FailureClass.PROVEN.value, FailureClass.THROTTLED.value}
)
"""Marks that ordinary faults seldom bear. Where an outage begins in the middle of a round, few of these came before it;
where half a list is blocked at once, they are scattered over the round."""

MIN_WORKING_TARGETS: Final = 3
"""Other targets that must be seen working before an alarm in the first failing batch."""


class SharedFailures:
    """Whether the vantage is suspect, batch by batch.

    Attributes:
        rounds: batches in a row in which failures were shared.
        since: moment of the first of them.
        worn_out: failures have been shared for so long that they count.
        crowded: in the last batch failures may have been shared.
    """

    def __init__(self, rounds: int = 0, since: float = 0.0, *, lasting: bool = False) -> None:
        self.rounds = rounds
        self.since = since
        self.lasting = lasting
        self.crowded = False

    def suspects(self, batch: Iterable[tuple[Series, list[Sample]]], now: float) -> bool:
        """Whether the failing verdicts of this batch are the vantage's.

        Args:
            batch: every target's looks in it, in order.
            now: when it ended.
        """
        seen = failing = failed = 0
        for series, samples in batch:
            if series.interference is None:
                seen += 1
                failing += samples[-1][1] != SUCCESS and not samples[-1][3] & ANCHOR_WITNESS
                failed += samples[0][1] != SUCCESS
        self.crowded = failed >= MIN_SHARED_FAILURES and failed >= CROWDED_RATIO * seen
        if failing < MIN_SHARED_FAILURES or failing < SHARED_FAILURE_RATIO * seen:
            if not (failing and self.lasting):  # the last of them are still to be called
                self.rounds = 0
                self.lasting = False
            return False
        if not self.rounds:
            self.since = now
        self.rounds += 1
        self.lasting = self.rounds > MAX_SUSPECT_BATCHES and now - self.since >= MAX_SUSPECT_SECONDS
        return not self.lasting


def admissible_samples(samples: list[Sample], *, others_work: bool) -> list[Sample]:
    """What a suspect vantage's looks at one target still tell."""
    return [
        sample
        for sample in samples
        if sample[1] == SUCCESS or sample[3] & ANCHOR_WITNESS or (sample[3] & CAUSE_WITNESS and others_work)
    ]


class ComparisonTargets:
    """Who was working and who was failing, as the series stood when a batch closed."""

    def __init__(self, series: Iterable[Series], batch: Iterable[tuple[Series, list[Sample]]]) -> None:
        believed = [one for one in series if one.interference is None]
        self._working = sorted(one.worked for one in believed if one.worked > one.failed)
        self._failing = sorted(one.failed for one in believed if one.failed >= one.worked)
        newest = self._working[-1] if self._working else 0.0
        began = [(one.target, samples[0]) for one, samples in batch if SUCCESS not in (samples[0][1], samples[-1][1])]
        self._late = {target for target, sample in began if sample[0] >= newest}
        self._early = {target for target, sample in began if sample[0] < newest and sample[1] in SPECIFIC_CLASSES}

    def holds(self, target: str, first: float, *, lasting: bool, alike: bool) -> bool:
        """Whether one target's failures since `first` are its own.

        Args:
            target: its name.
            first: moment of its first failure.
            lasting: it failed in an earlier batch already.
            alike: that first failure, often the only one the others can vouch for, looks like what is to be called.
        """
        if self.shared(first):
            return False
        working = len(self._working) - bisect_left(self._working, first)
        return lasting or (alike and working >= MIN_WORKING_TARGETS and self._scattered(target))

    def _scattered(self, target: str) -> bool:
        """Whether too little began to fail after the last of the others had worked for an outage to begin there."""
        late = len(self._late - {target})
        return not late or len(self._early - {target}) >= 2 * late

    def shared(self, first: float) -> bool:
        """Whether more of the others have failed than worked since a moment; looks of the same moment count."""
        working = len(self._working) - bisect_left(self._working, first)
        failing = len(self._failing) - bisect_left(self._failing, first) - 1  # the target itself is one of them
        return failing > working
