"""The detector's state for one target on one network: at rest, under suspicion, or interfered with.

A series uses the verdicts of its own target only. `probe.detect.network_series` handles what depends on other targets:
failures that many targets share, and the comparison with targets that work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from probe.detect import null_model
from probe.detect.failure_classes import SUCCESS, FailureClass
from probe.detect.hypotheses import REGIMES
from probe.detect.interference import Interference, context_of
from probe.detect.learned import BURST_WEIGHTS, SUSPECTED_BURST_FACTOR, LearnedRates
from probe.detect.round_times import ClockCorrection
from probe.detect.suspicion import FIRST_LEAKY_HYPOTHESIS, MAX_BURST_SECONDS, NO_HYPOTHESIS, Suspicion, onset_between
from probe.model.verdict import Cause, Status

HOUR: Final = 3600.0

MIN_LASTING_SECONDS: Final = 1500.0
"""How long an interference must last to count as one when a target is tested for flapping."""

NOT_ACCUSING: Final = frozenset({Status.UNREACHABLE, Status.DOWN})
"""Statuses that do not accuse a network."""

FLAP_WINDOW_SECONDS: Final = 48 * HOUR
"""How long a past interference counts for flapping."""

Sample = tuple[float, int, tuple[Cause, ...], int, float]
"""One informative verdict: Unix seconds, failure class or `SUCCESS`, causes, witness flags (`CAUSE_WITNESS`, ...), and
when the control was served (Unix seconds; 0 for a success, or without a control that was served)."""


class SeriesState(StrEnum):
    """The state of a series."""

    REST = "at rest"
    SUSPICION = "under suspicion"
    INTERFERENCE = "interfered with"


@dataclass(frozen=True, slots=True)
class StateChange:
    """One row of the state table.

    Attributes:
        before: state before the event.
        event: the event, in words.
        after: state after the event.
        reported: whether the change is reported as a transition.
    """

    before: SeriesState
    event: str
    after: SeriesState
    reported: bool = False


STATE_CHANGES: Final[tuple[StateChange, ...]] = (
    StateChange(SeriesState.REST, "a failure", SeriesState.SUSPICION),
    StateChange(SeriesState.SUSPICION, "every sum back at 0: rates learned", SeriesState.REST),
    StateChange(SeriesState.SUSPICION, "most targets failed alike: discarded", SeriesState.REST),
    StateChange(
        SeriesState.SUSPICION, "alarm: S above its threshold, others work", SeriesState.INTERFERENCE, reported=True
    ),
    StateChange(SeriesState.SUSPICION, "first sight: S above its threshold, never settled", SeriesState.INTERFERENCE),
    StateChange(SeriesState.INTERFERENCE, "clear: C above its threshold", SeriesState.REST, reported=True),
    StateChange(
        SeriesState.INTERFERENCE,
        "turn: D of another status above its threshold",
        SeriesState.INTERFERENCE,
        reported=True,
    ),
    StateChange(SeriesState.INTERFERENCE, "other causes, same status: cause update", SeriesState.INTERFERENCE),
)


class Series:
    """The state of one target on one network. Moments are Unix seconds.

    Attributes:
        target: the target's text.
        first: moment of the first informative verdict.
        at: moment of the last attempt used as evidence.
        failed_last: whether that attempt failed.
        worked: moment of the last success; 0 when there was none.
        failing_since: moment of the first failure after it, used as evidence or not; 0 when there was none.
        failed: moment of the last failure, used as evidence or not.
        attempts, strays: the target's counts of attempts, and of stray failures among them.
        bursts: the target's counts of bursts by kind; None when there were none.
        suspicion: evidence while the target is under suspicion.
        interference: evidence while the target is interfered with.
        since: estimated beginning of the present status.
        past: ends of the last two interferences that lasted, newest last.
        causes: causes of the last failure.
        unsettled: no status has been settled on this network yet: the target has only failed, or still may be leaking.
    """

    __slots__ = (
        "at", "attempts", "bursts", "causes", "failed", "failed_last", "failing_since", "first", "interference", "past",
        "since", "strays", "suspicion", "target", "unsettled", "worked",
    )  # fmt: skip

    def __init__(self, target: str) -> None:
        self.target = target
        self.first = self.at = self.worked = self.failing_since = self.failed = self.since = 0.0
        self.failed_last = False
        self.attempts = self.strays = 0.0
        self.bursts: list[float] | None = None
        self.suspicion: Suspicion | None = None
        self.interference: Interference | None = None
        self.past: list[float] = []
        self.causes: tuple[Cause, ...] = ()
        self.unsettled = True

    @property
    def state(self) -> SeriesState:
        """The state in the table `STATE_CHANGES`."""
        if self.interference is not None:
            return SeriesState.INTERFERENCE
        return SeriesState.REST if self.suspicion is None else SeriesState.SUSPICION

    @property
    def last(self) -> float:
        """Moment of the last informative verdict, used as evidence or not."""
        return max(self.at, self.failed)

    def take(self, sample: Sample, batch: int, learned: LearnedRates) -> None:
        """Use one sample as evidence.

        Args:
            sample: the sample.
            batch: number of its batch.
            learned: rates of the vantage.
        """
        moment, failure_class = sample[0], sample[1]
        self.note(sample)
        if self.interference is not None:
            self._take_interfered(moment, failure_class, self.interference, learned)
        elif failure_class != SUCCESS:
            self._take_failure(sample, batch, learned)
        elif self.suspicion is not None:
            self._take_success(moment, self.suspicion, batch, learned)
        else:
            self.attempts += 1
            self.unsettled = False
            learned.count_successes(1)
        self.at = max(self.at, moment)
        self.failed_last = failure_class != SUCCESS
        if failure_class == SUCCESS:
            self.worked = moment
            self.failing_since = 0.0

    def note(self, sample: Sample) -> None:
        """Record the time and the causes of a sample, whether it is used as evidence or not."""
        moment, failure_class, causes, *_ = sample
        if not self.first:
            self.first = self.since = moment
        if failure_class != SUCCESS:
            self.failed = moment
            self.causes = causes
            if not self.failing_since:
                self.failing_since = moment

    def _rates(self, learned: LearnedRates) -> tuple[float, list[float]]:
        return learned.target_stray_rate(self.strays, self.attempts), learned.target_burst_rates(
            self.bursts, self.attempts
        )

    def _take_failure(self, sample: Sample, batch: int, learned: LearnedRates) -> None:
        moment, failure_class, _, witness, served = sample
        stray, eps = self._rates(learned)
        suspicion = self.suspicion
        if suspicion is None:
            suspicion = self.suspicion = Suspicion(eps)
        else:
            null_model.predict(suspicion.belief, max(0.0, moment - self.at), eps, learned.burst_seconds)
        onset = onset_between(self.worked, self.failing_since or moment)
        suspicion.failed((moment, failure_class, batch), onset=onset, stray=stray * learned.stray_shares[failure_class])
        suspicion.confirm(witness, served)

    def _take_success(self, moment: float, suspicion: Suspicion, batch: int, learned: LearnedRates) -> None:
        if suspicion.shared:  # the vantage caused the failures, and they are over
            self.suspicion = None
            self.unsettled = False
            return
        stray, eps = self._rates(learned)
        null_model.predict(suspicion.belief, max(0.0, moment - self.at), eps, learned.burst_seconds)
        first = suspicion.succeeded(moment, batch, stray)
        if first >= FIRST_LEAKY_HYPOTHESIS:
            self.unsettled = False
            strays, attempts, bursts = suspicion.learn_into(learned, moment)
            self.strays += strays
            self.attempts += attempts
            for kind, weight in bursts:
                self._own_burst(kind, weight)
            if first == NO_HYPOTHESIS:
                self.suspicion = None

    def _own_burst(self, kind: int, weight: float) -> None:
        if self.bursts is None:
            self.bursts = [0.0] * 7
        self.bursts[kind] += weight

    def _take_interfered(
        self, moment: float, failure_class: int, interference: Interference, learned: LearnedRates
    ) -> None:
        context = context_of(failed_last=self.failed_last, since=moment - self.at)
        stray, eps = self._rates(learned)
        if failure_class == SUCCESS:
            interference.succeeded(context, onset_between(self.failed, moment), stray, learned)
        else:
            fault = (stray + sum(eps)) * learned.stray_shares[failure_class]
            interference.failed(context, onset_between(self.at, moment), failure_class, fault, learned)

    def interfere(self, regime: int, onset: float, peak: float, learned: LearnedRates) -> None:
        """Enter the state INTERFERENCE after an alarm.

        At first sight it began before the first measurement, whose moment takes the place of the onset.
        """
        suspicion = self.suspicion
        if self.unsettled:
            onset = self.first
        interference = Interference(regime, onset, peak, self.causes, before_watch=self.unsettled)
        self.unsettled = False
        if suspicion is not None:
            self._seed(interference, suspicion, learned)
            self._learn_initial_timeouts(regime, suspicion, learned)
        self.suspicion = None
        self.interference = interference
        self.since = onset

    def _learn_initial_timeouts(self, regime: int, suspicion: Suspicion, learned: LearnedRates) -> None:
        """Learn time-outs at the beginning of an ordinary outage as ordinary for this vantage."""
        silence = [moment for moment, failure_class, _ in suspicion.trail if failure_class == FailureClass.SILENT]
        if REGIMES[regime].status in NOT_ACCUSING and len(silence) > 1:
            learned.count_burst(
                FailureClass.SILENT,
                min(MAX_BURST_SECONDS, silence[-1] - silence[0] + null_model.ROUND_SECONDS / 2),
                1.0,
            )
            self._own_burst(FailureClass.SILENT, 1.0)

    def _seed(self, interference: Interference, suspicion: Suspicion, learned: LearnedRates) -> None:
        leaked, tried, classes = [0, 0, 0], [0, 0, 0], [0] * 7
        before = interference.onset
        failed_last = True
        for moment, failure_class, _ in suspicion.trail:
            if moment < interference.onset:
                continue
            context = context_of(failed_last=failed_last, since=moment - before)
            tried[context] += 1
            if failure_class == SUCCESS:
                leaked[context] += 1
            else:
                classes[failure_class] += 1
            failed_last, before = failure_class != SUCCESS, moment
        interference.seed(leaked, tried, classes, learned)

    def turn(self, regime: int, onset: float) -> None:
        """Change to a regime of another status; the target stays interfered with.

        Where nobody knew why it has failed since before it was first measured, this is the reason, and no change.
        """
        old = self.interference
        peak = old.turning[regime] if old is not None else 0.0
        explains = old is not None and old.before_watch and REGIMES[old.regime].status is Status.UNREACHABLE
        if explains:
            onset = self.first
        self.interference = Interference(regime, onset, peak, self.causes, before_watch=explains)
        self.since = onset

    def clear(self, learned: LearnedRates) -> None:
        """Return to REST: record how long the interference lasted, and learn a short one as a burst."""
        interference = self.interference
        if interference is None:
            return
        lasted = interference.clear_onset - interference.onset
        regime = REGIMES[interference.regime]
        weight = BURST_WEIGHTS[regime.failure_class] * SUSPECTED_BURST_FACTOR
        if lasted < MIN_LASTING_SECONDS and weight:
            learned.count_burst(regime.failure_class, max(0.0, lasted), weight)
            self._own_burst(regime.failure_class, weight)
        elif (
            lasted >= MIN_LASTING_SECONDS and regime.status not in NOT_ACCUSING
        ):  # a site that is often down is not flapping
            self.past = [*self.past, interference.clear_onset][-2:]
        self.interference = None
        self.since = interference.clear_onset

    def drop_single_batch(self) -> None:
        """Drop a suspicion that rests on one batch: the suspect vantage caused the failures of that batch, too."""
        suspicion = self.suspicion
        if suspicion is not None and not suspicion.witness and suspicion.rests_on_one_batch():
            self.suspicion = None

    def flaps(self, moment: float) -> bool:
        """Return whether two lasting interferences ended within `FLAP_WINDOW_SECONDS`."""
        return len(self.past) == 2 and moment - self.past[0] <= FLAP_WINDOW_SECONDS

    def correct(self, correction: ClockCorrection) -> None:
        """Correct every stored moment after the wall clock was set."""
        for name in ("first", "at", "worked", "failing_since", "failed", "since"):
            setattr(self, name, correction.corrected(getattr(self, name)))
        self.past = [correction.corrected(moment) for moment in self.past]
        if self.suspicion is not None:
            self.suspicion.correct(correction)
        if self.interference is not None:
            self.interference.correct(correction)

    def to_plain(self) -> list[Any]:
        """Return the state as plain data; a series at rest stays short."""
        return [
            self.target, self.first, self.at, self.failed_last, self.worked, self.failing_since, self.failed,
            self.since, self.attempts, self.strays, self.bursts, self.past, self.causes,
            self.suspicion and self.suspicion.to_plain(), self.interference and self.interference.to_plain(),
            self.unsettled,
        ]  # fmt: skip

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Series:
        """Rebuild the state from `to_plain`."""
        self = cls.__new__(cls)
        (
            self.target, self.first, self.at, self.failed_last, self.worked, self.failing_since, self.failed,
            self.since, self.attempts, self.strays, self.bursts, self.past, causes, suspicion, interference, *unsettled,
        ) = plain  # fmt: skip
        self.unsettled = unsettled[0] if unsettled else not (self.worked or interference)  # not in states of 0.1.0
        self.causes = tuple(Cause(cause) for cause in causes)
        self.suspicion = Suspicion.from_plain(suspicion) if suspicion else None
        self.interference = Interference.from_plain(interference) if interference else None
        return self
