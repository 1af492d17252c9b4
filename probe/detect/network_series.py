"""All series of one vantage on one network, and how a batch is processed.

A batch is a round with its re-tests. When it closes:

1. `SharedFailures` tests whether the vantage is suspect; if so, its failing verdicts are left out;
2. every series uses its samples as evidence;
3. a series under suspicion may raise an alarm, after a comparison with other targets; an interfered one may change;
4. the rates of the vantage are updated.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from probe.detect.decision import LONG_SHARED_NATS, LOWEST_THRESHOLD_NATS, AlarmDecision, Circumstances, Reason, decide
from probe.detect.detector_input import CauseUpdate, FirstSight
from probe.detect.failure_classes import ANCHOR_WITNESS, CAUSE_WITNESS, SUCCESS
from probe.detect.hypotheses import CUT, FORGED, HYPOTHESES, PROVEN, REGIMES, SILENT, THROTTLED
from probe.detect.interference import CLEAR_NATS, Interference
from probe.detect.learned import TRUSTED_AFTER_ROUNDS, LearnedRates
from probe.detect.round_times import ClockCorrection
from probe.detect.series import Sample, Series
from probe.detect.shared_failures import MAX_SUSPECT_SECONDS, ComparisonTargets, SharedFailures, admissible_samples
from probe.detect.suspicion import Suspicion
from probe.model.transition import Transition
from probe.model.verdict import Status

_ANCHOR_CONFIRMED: Final = frozenset({PROVEN, FORGED, CUT, THROTTLED})
"""Regimes that anchors can confirm: their class contains causes of `NOT_THE_VANTAGE_CAUSES`."""


class NetworkSeries:
    """The detector's state on one network.

    Attributes:
        series: series by target.
        learned: rates of the vantage on this network.
        shared_failures: test for failures that many targets share.
        batches: number of closed batches.
        updates: cause updates since `Detector.updates` was last called.
        first_sights: statuses settled at first sight since `Detector.first_sights` was last called.
        decisions: decisions of the last batch, for targets with enough evidence to need one.
        suspect: whether the vantage caused the failures of the last batch.
    """

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.learned = LearnedRates()
        self.shared_failures = SharedFailures()
        self.batches = 0
        self.updates: list[CauseUpdate] = []
        self.first_sights: list[FirstSight] = []
        self.decisions: dict[str, AlarmDecision] = {}
        self.suspect = False

    def close(self, batch: dict[str, list[Sample]], now: float) -> list[Transition]:
        """Process a batch and return its transitions.

        Args:
            batch: samples by target, in order of time.
            now: end of the batch, Unix seconds.
        """
        known = self.series.get
        pairs = [(known(target) or self._series_of(target), samples) for target, samples in batch.items()]
        self.batches += 1
        self.suspect = self.shared_failures.suspects(pairs, now)
        self.decisions = {}
        self.learned.rounds += len(pairs)
        undecided = self._take_suspect(pairs) if self.suspect else self._take(pairs)
        transitions = self._decide(undecided, pairs, now) if undecided else []
        self.learned.update_rates()
        return transitions

    def _series_of(self, target: str) -> Series:
        series = self.series.get(target)
        if series is None:
            series = self.series[target] = Series(target)
        return series

    def _take(self, pairs: list[tuple[Series, list[Sample]]]) -> list[tuple[Series, list[Sample]]]:
        """Use all samples as evidence; return the series that need a decision, with their samples."""
        undecided = []
        quiet = 0
        learned, batch = self.learned, self.batches
        for pair in pairs:
            series, samples = pair
            first = samples[0]
            if (
                first[1] == SUCCESS
                and len(samples) == 1
                and series.suspicion is None
                and series.interference is None
                and not series.unsettled
            ):  # most targets, most of the time
                series.at = series.worked = first[0]
                series.failing_since = 0.0
                series.failed_last = False
                series.attempts += 1.0
                quiet += 1
                continue
            for sample in samples:
                series.take(sample, batch, learned)
            if series.suspicion is not None:
                series.suspicion.crowded |= self.shared_failures.crowded
                undecided.append(pair)
            elif series.interference is not None:
                undecided.append(pair)
        learned.count_successes(quiet)
        return undecided

    def _take_suspect(self, pairs: list[tuple[Series, list[Sample]]]) -> list[tuple[Series, list[Sample]]]:
        """Use the samples of a suspect vantage that are still evidence; return the series that need a decision."""
        working = sum(samples[-1][1] == SUCCESS for _, samples in pairs)
        kept = []
        for series, samples in pairs:
            others_work = working > (samples[-1][1] == SUCCESS)
            left = admissible_samples(samples, others_work=others_work)
            for sample in samples:
                series.note(sample)
            if samples[-1][1] != SUCCESS and not samples[-1][3] & ANCHOR_WITNESS:
                series.drop_single_batch()
            if left:
                kept.append((series, left))
        return self._take(kept)

    def _decide(
        self, undecided: list[tuple[Series, list[Sample]]], pairs: list[tuple[Series, list[Sample]]], now: float
    ) -> list[Transition]:
        transitions = []
        comparison: ComparisonTargets | None = None
        hopeless = LOWEST_THRESHOLD_NATS + (LONG_SHARED_NATS if self.shared_failures.lasting else 0.0)
        # no threshold of silence is lower: SINGLED_OUT_NATS and NETWORK_WIDE_NATS exclude each other and REPEATED_NATS
        for series, samples in undecided:
            if series.interference is not None:
                found = self._check_interfered(series, series.interference, samples, now)
                if found is not None:
                    transitions.append(found)
                continue
            if series.suspicion is None or max(series.suspicion.sums) <= hopeless:
                continue
            works = (
                series.unsettled and not series.suspicion.proven and samples[-1][1] == SUCCESS
            )  # a fault may be over
            classes = frozenset({SUCCESS}) if works else frozenset(sample[1] for sample in samples)
            decision = decide(series.suspicion, classes=classes, known=self.circumstances(series, now))
            if decision.reason is Reason.ALARM and self._needs_comparison(series.suspicion, decision, now):
                comparison = comparison or ComparisonTargets(self.series.values(), undecided, pairs)
                if not comparison.holds(
                    series.target,
                    decision.first,
                    lasting=decision.rounds > 1,
                    alike=decision.alike,
                    last=series.failed if series.unsettled else None,
                ):
                    decision = decision.not_confirmed()
                    series.suspicion.shared = comparison.shared(decision.first)
            self.decisions[series.target] = decision
            if decision.reason is Reason.ALARM:
                found = self._alarm(series, decision, now)
                transitions += [found] if found is not None else []
        return transitions

    def _needs_comparison(self, suspicion: Suspicion, decision: AlarmDecision, now: float) -> bool:
        """Return whether the alarm needs a comparison with other targets: no other witness, within three hours."""
        old = now - suspicion.onsets[decision.k] > MAX_SUSPECT_SECONDS
        anchored = suspicion.witness & ANCHOR_WITNESS and decision.regime in _ANCHOR_CONFIRMED
        wide = decision.regime == SILENT and self.shared_failures.network_wide
        return not (suspicion.witness & CAUSE_WITNESS or anchored or wide or self.shared_failures.lasting or old)

    def circumstances(self, series: Series, now: float) -> Circumstances:
        """Return the circumstances that adjust the threshold of a target."""
        return Circumstances(
            new_vantage=self.learned.rounds < TRUSTED_AFTER_ROUNDS,
            shared_for_long=self.shared_failures.lasting,
            flapping=series.flaps(now),
            network_wide=self.shared_failures.network_wide,
            first_sight=series.unsettled,
        )

    def _alarm(self, series: Series, decision: AlarmDecision, now: float) -> Transition | None:
        """Enter the interference; return its transition, or None at first sight, when nothing was seen to change."""
        suspicion = series.suspicion
        onset = suspicion.onsets[decision.k] if suspicion is not None else now
        first_sight = series.unsettled
        series.interfere(decision.regime, onset, decision.nats, self.learned)
        if first_sight:
            self._settle_at_first_sight(series, decision.regime, (decision.nats, decision.threshold), now)
            return None
        regime = REGIMES[decision.regime]
        evidence = _evidence(decision.nats, decision.threshold, regime.key) | {
            "failures": decision.failures,
            "attempts": decision.attempts,
            "rounds": decision.rounds,
            "share": HYPOTHESES[decision.k].share,
            "stray": round(self.learned.target_stray_rate(series.strays, series.attempts), 4),
        }
        return _transition(series, Status.REACHABLE, regime.status, (now, onset), evidence)

    def _settle_at_first_sight(self, series: Series, regime: int, nats: tuple[float, float], now: float) -> None:
        self.first_sights.append(
            FirstSight(
                target=series.target,
                status=REGIMES[regime].status,
                since=moment_of(series.first),
                time=moment_of(max(now, series.first)),
                causes=series.causes,
                nats=round(nats[0], 2),
                threshold=round(nats[1], 2),
            )
        )

    def _check_interfered(
        self, series: Series, state: Interference, samples: list[Sample], now: float
    ) -> Transition | None:
        before = REGIMES[state.regime].status
        evidence: dict[str, float | int | str]
        leak = round(state.overall_leak(), 4)
        if state.clearing > CLEAR_NATS:
            evidence = _evidence(state.clearing, CLEAR_NATS, REGIMES[state.regime].key) | {"leak": leak}
            series.clear(self.learned)
            return _transition(series, before, Status.REACHABLE, (now, state.clear_onset), evidence)
        a = state.turned()
        if a is not None:
            regime = REGIMES[a]
            evidence = _evidence(state.turning[a], regime.threshold_nats, regime.key) | {"leak": leak}
            onset = state.turn_onsets[a]
            peak = state.turning[a]
            series.turn(a, onset)
            if series.interference is not None and series.interference.before_watch:
                self._settle_at_first_sight(series, a, (peak, regime.threshold_nats), now)
                return None
            return _transition(series, before, regime.status, (now, onset), evidence)
        if samples[-1][1] != SUCCESS and state.record_causes(series.causes):
            self.updates.append(CauseUpdate(series.target, before, moment_of(now), series.causes))
        return None

    def drop_unwatched(self, watched: Collection[str], earliest: float) -> None:
        """Drop the series of other targets whose last informative verdict lies before this moment (Unix seconds)."""
        kept = (series for series in self.series.values() if series.target in watched or series.last >= earliest)
        self.series = {series.target: series for series in kept}

    def correct(self, correction: ClockCorrection) -> None:
        """Correct every stored moment after the wall clock was set."""
        self.shared_failures.since = correction.corrected(self.shared_failures.since)
        for series in self.series.values():
            series.correct(correction)

    def to_plain(self) -> list[Any]:
        """Return the state as plain data, for storage."""
        return [
            self.learned.to_plain(),
            [self.shared_failures.rounds, self.shared_failures.since, self.shared_failures.lasting],
            self.batches,
            [series.to_plain() for series in self.series.values()],
        ]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> NetworkSeries:
        """Rebuild the state from `to_plain`."""
        network = cls()
        learned, (rounds, since, lasting), network.batches, series = plain
        network.learned = LearnedRates.from_plain(learned)
        network.shared_failures = SharedFailures(rounds, since, lasting=lasting)
        network.series = {one.target: one for one in map(Series.from_plain, series)}
        return network


def moment_of(seconds: float) -> datetime:
    """Return Unix seconds as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _evidence(nats: float, threshold: float, regime: str) -> dict[str, float | int | str]:
    return {"nats": round(nats, 2), "threshold": round(threshold, 2), "regime": regime}


def _transition(
    series: Series,
    before: Status,
    after: Status,
    moments: tuple[float, float],
    evidence: dict[str, float | int | str],
) -> Transition:
    now, onset = moments[0], min(moments)
    return Transition(
        target=series.target,
        before=before.value,
        after=after.value,
        time=moment_of(now),
        onset=moment_of(onset),
        causes=() if after is Status.REACHABLE else series.causes,
        evidence=evidence,
    )
