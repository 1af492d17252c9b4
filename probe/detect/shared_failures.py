"""Failures that many targets share are attributed to the vantage.

Two tests on the other targets stand between evidence and an alarm:

`SharedFailures` tests a batch. The vantage is suspect when at least three, and at least half, of the reachable targets
fail at the end of the batch. Failing verdicts of a suspect vantage are neither evidence nor learned from. Exceptions
are self-evident failures (a second DNS answer; another server name that works) while another target works. After three
hours the failures count: a fault of the vantage does not last so long.

`ComparisonTargets` tests an alarm. Since the target's first failure, which has the class of the regime, at least three
other targets must have worked. No other target may have begun to fail after the last of these successes, unless twice
as many began to fail before it with specific classes. A failure that lasts into another batch needs neither. In every
case, targets that fail alike must not outnumber those that work. At first sight, when a vantage may have started in an
outage, the successes must lie between the target's failures, and what fails must not be the end of the round. This
test, too, is dropped after three hours. Evidence from shared failures is discarded when they end.

Anchors are the better witness. A failure after which an anchor answered, and which a vantage does not produce itself
(`probe.detect.failure_classes.NOT_THE_VANTAGE_CAUSES`), does not count as shared and needs no comparison. Silence of
most of a list is a block of the network where other ports of most of its hosts answer, or where every one of several
independent anchors answers: a fault of the uplink that stops a share p of all destinations spares n anchors with
probability (1 - p)^n. Replayed files may lack anchors.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

from probe.detect.failure_classes import (
    ANCHOR_WITNESS,
    ANCHORS_SHIFT,
    BESIDE_WITNESS,
    CAUSE_WITNESS,
    SUCCESS,
    FailureClass,
)
from probe.detect.null_model import ROUND_SECONDS
from probe.detect.series import Sample, Series

MIN_SHARED_FAILURES: Final = 3
"""Fewer failing targets are never called shared."""

SHARED_FAILURE_RATIO: Final = 0.5
"""Share of the reachable targets at which failures are called shared."""

MAX_SUSPECT_BATCHES: Final = 36
"""Consecutive batches with shared failures after which failures count; a laptop may sleep between them."""

MAX_SUSPECT_SECONDS: Final = MAX_SUSPECT_BATCHES * ROUND_SECONDS
"""The same in seconds (three hours), because a round may be several batches. Both must have passed."""

CROWDED_RATIO: Final = 0.2
"""Share of failing targets at which no bursts are learned, although the vantage is not suspect. For example,
the network of a laptop comes up in the middle of the first round."""

SPECIFIC_CLASSES: Final = frozenset(
    {FailureClass.CUT.value, FailureClass.FORGED.value, FailureClass.PROVEN.value, FailureClass.THROTTLED.value}
)
"""Classes that ordinary faults seldom have. If an outage begins within a round, few of these precede it; if half of a
list is blocked, they are spread over the round."""

MAX_SPARED_PROBABILITY: Final = 1e-3
"""Probability that a fault of the uplink spares all anchors at which it is excluded."""

MIN_BESIDE_SHARE: Final = 0.6
"""Share of silent targets at which another port or address must answer, so that the uplink is excluded."""

MIN_WORKING_TARGETS: Final = 3
"""Other targets that must work before an alarm in the first failing batch."""

SeriesSamples = Iterable[tuple[Series, list[Sample]]]
"""Series with their samples in a batch, in order of time."""


class SharedFailures:
    """Decides, batch by batch, whether the vantage is suspect.

    Attributes:
        rounds: consecutive batches with shared failures.
        since: moment of the first of them, Unix seconds.
        lasting: failures have been shared for so long that they count.
        crowded: whether failures may have been shared in the last batch (`CROWDED_RATIO`).
        network_wide: most targets fell silent, and anchors or other ports exclude the vantage as the cause. It stays so
            while some of the targets that were not reported yet fail, and anchors or other ports answer.
    """

    def __init__(self, rounds: int = 0, since: float = 0.0, *, lasting: bool = False) -> None:
        self.rounds = rounds
        self.since = since
        self.lasting = lasting
        self.crowded = False
        self.network_wide = False

    def suspects(self, batch: SeriesSamples, now: float) -> bool:
        """Return whether the vantage caused the failing verdicts of this batch.

        Args:
            batch: the samples of every target in the batch, in order of time.
            now: the end of the batch, Unix seconds.
        """
        seen = failing = failed = 0
        silent = []
        for series, samples in batch:
            if series.interference is None:
                seen += 1
                failed += samples[0][1] != SUCCESS
                last = samples[-1]
                if last[1] == SUCCESS:
                    continue
                if last[1] == FailureClass.SILENT:
                    silent.append(last[3])
                failing += not last[3] & ANCHOR_WITNESS
        self.crowded = failed >= MIN_SHARED_FAILURES and failed >= CROWDED_RATIO * seen
        before, self.network_wide = self.network_wide, False
        if silent and len(silent) >= SHARED_FAILURE_RATIO * failing:
            anchors = _anchors(silent)
            many = failing >= MIN_SHARED_FAILURES and (
                _beside(silent) or _spares((failing + 0.5) / (seen + 1.0), anchors)
            )
            self.network_wide = many or (before and (anchors > 0 or _beside(silent)))
        if failing < MIN_SHARED_FAILURES or failing < SHARED_FAILURE_RATIO * seen:
            if not (failing and self.lasting):  # the alarms of the last ones are still to come
                self.rounds = 0
                self.lasting = False
            return False
        if self.network_wide:
            self.rounds = 0
            return False
        if not self.rounds:
            self.since = now
        self.rounds += 1
        self.lasting = self.rounds > MAX_SUSPECT_BATCHES and now - self.since >= MAX_SUSPECT_SECONDS
        return not self.lasting


def _anchors(silent: list[int]) -> int:
    """Return how many independent anchors answered after most silent failures, by their witness flags."""
    return sorted(flags >> ANCHORS_SHIFT for flags in silent)[len(silent) // 4]  # one look at an anchor may be lost


def _spares(share: float, anchors: int) -> bool:
    """Return whether a fault that stops this share of all destinations would hardly have spared so many anchors."""
    return bool((1.0 - share) ** anchors <= MAX_SPARED_PROBABILITY)


def _beside(silent: list[int]) -> bool:
    """Return whether another port or address of most silent targets answered, by their witness flags."""
    return sum(bool(flags & BESIDE_WITNESS) for flags in silent) >= max(MIN_BESIDE_SHARE * len(silent), 1)


def admissible_samples(samples: list[Sample], *, others_work: bool) -> list[Sample]:
    """Return the samples of one target that are evidence although the vantage is suspect."""
    return [
        sample
        for sample in samples
        if sample[1] == SUCCESS or sample[3] & ANCHOR_WITNESS or (sample[3] & CAUSE_WITNESS and others_work)
    ]


class ComparisonTargets:
    """The working and the failing targets at the end of a batch.

    Args:
        series: of all targets.
        failed: those that failed in the batch or before it, with their samples of the batch.
        batch: all of the batch.
    """

    def __init__(self, series: Iterable[Series], failed: SeriesSamples, batch: SeriesSamples = ()) -> None:
        unblocked = [one for one in series if one.interference is None]
        self._working = sorted(one.worked for one in unblocked if one.worked > one.failed)
        self._failing = sorted(one.failed for one in unblocked if one.failed >= one.worked)
        newest = self._working[-1] if self._working else 0.0
        began = [(one.target, samples[0]) for one, samples in failed if SUCCESS not in (samples[0][1], samples[-1][1])]
        self._late = {target for target, sample in began if sample[0] >= newest}
        self._early = {target for target, sample in began if sample[0] < newest and sample[1] in SPECIFIC_CLASSES}
        self._began = began
        self._newest_first = max((samples[0][0] for _, samples in batch if samples[0][1] == SUCCESS), default=0.0)

    def holds(self, target: str, first: float, *, lasting: bool, alike: bool, last: float | None = None) -> bool:
        """Return whether the failures of one target since `first` are its own.

        Args:
            target: the target's text.
            first: moment of its first failure, Unix seconds.
            lasting: whether it also failed in an earlier batch.
            alike: whether that first failure has the class of the regime. It is often the only failure that precedes
                successes of other targets.
            last: moment of its last failure, at first sight. Then an outage in which the vantage started may have ended
                within the batch, so the other targets must have worked between its failures, and not after them only.
        """
        if self.shared(first):
            return False
        if last is not None and (self._ends_badly(target) or not (lasting or self._interleaved(first, last))):
            return False
        working = len(self._working) - bisect_left(self._working, first)
        return lasting or (alike and working >= MIN_WORKING_TARGETS and self._scattered(target))

    def _interleaved(self, first: float, last: float) -> bool:
        """Return whether other targets worked between the first and the last failure of a target."""
        return bisect_right(self._working, last) - bisect_left(self._working, first) >= MIN_WORKING_TARGETS

    def _scattered(self, target: str) -> bool:
        """Return whether the failures are spread over the batch, so that no outage began at its end."""
        late = len(self._late - {target})
        return not late or len(self._early - {target}) >= 2 * late

    def _ends_badly(self, target: str) -> bool:
        """Return whether the end of the batch failed, every time: the network may punish the vantage's own pace.

        Only first attempts count. Each round has another order, so the targets at its end are others each time.
        """
        others = [sample for other, sample in self._began if other != target]
        late = sum(sample[0] > self._newest_first for sample in others)
        early = sum(sample[0] < self._newest_first and sample[1] in SPECIFIC_CLASSES for sample in others)
        return early < 2 * late

    def shared(self, first: float) -> bool:
        """Return whether more other targets failed than worked since a moment, inclusive."""
        working = len(self._working) - bisect_left(self._working, first)
        failing = len(self._failing) - bisect_left(self._failing, first) - 1  # the target itself is one of them
        return failing > working
