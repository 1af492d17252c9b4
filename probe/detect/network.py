"""All series of one vantage on one network, and what becomes of a batch.

A batch is a round with its re-tests. When it closes:

1. the gate says whether the vantage is suspect; if so failing verdicts are left out;
2. every series takes its looks as evidence;
3. series under suspicion are decided upon, interfered ones may clear or turn; the alibi is asked before any alarm;
4. the vantage's rates are brought up to date.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from probe.detect.decision import HOPELESS, SHARED_FOR_LONG, Circumstances, Decision, Reason, decide
from probe.detect.detector_input import Update
from probe.detect.failure_classes import ANCHORS, ITSELF, SUCCESS
from probe.detect.hypotheses import ALTERNATIVES, CUT, FORGED, PROVEN, REGIMES, THROTTLED
from probe.detect.interference import CLEAR, Interference
from probe.detect.learned import NEWCOMER, Learned
from probe.detect.series import Look, Series
from probe.detect.shared_failures import EXCUSE, Alibi, Gate, admissible
from probe.detect.suspicion import Suspicion
from probe.model.transition import Transition
from probe.model.verdict import Status

_VOUCHED: Final = frozenset({PROVEN, FORGED, CUT, THROTTLED})
"""Regimes that anchors can vouch for: those whose own mark may be `BEYOND_THE_LINE`."""


class Network:
    """Series, counts and gate of one network.

    Attributes:
        series: by target.
        learned: the vantage's counts.
        gate: the shared-failure gate.
        batches: how many have closed.
        updates: changes of causes since they were last taken.
        decisions: of the last batch, for the targets in it whose evidence was worth one.
        suspect: the last batch's failures were the vantage's.
    """

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.learned = Learned()
        self.gate = Gate()
        self.batches = 0
        self.updates: list[Update] = []
        self.decisions: dict[str, Decision] = {}
        self.suspect = False

    def close(self, batch: dict[str, list[Look]], now: float) -> list[Transition]:
        """Take a batch.

        Args:
            batch: looks by target, in order of time.
            now: when the batch ended, Unix seconds.
        """
        pairs = [(self._of(target), looks) for target, looks in batch.items()]
        self.batches += 1
        self.suspect = self.gate.suspects(pairs, now)
        self.decisions = {}
        self.learned.rounds += len(pairs)
        doubtful = self._take_suspect(pairs) if self.suspect else self._take(pairs)
        transitions = self._decide(doubtful, now) if doubtful else []
        self.learned.settle()
        return transitions

    def _of(self, target: str) -> Series:
        series = self.series.get(target)
        if series is None:
            series = self.series[target] = Series(target)
        return series

    def _take(self, pairs: list[tuple[Series, list[Look]]]) -> list[tuple[Series, list[Look]]]:
        """Take all looks as evidence; the series that need a decision, with their looks."""
        doubtful = []
        quiet = 0
        learned, batch = self.learned, self.batches
        for pair in pairs:
            series, looks = pair
            first = looks[0]
            if (
                first[1] == SUCCESS
                and len(looks) == 1
                and series.suspicion is None
                and series.interference is None
                and series.first
            ):  # most targets, most of the time
                series.at = series.worked = first[0]
                series.failing_since = 0.0
                series.failed_last = False
                series.attempts += 1.0
                quiet += 1
                continue
            for look in looks:
                series.take(look, batch, learned)
            if series.suspicion is not None:
                series.suspicion.crowded |= self.gate.crowded
                doubtful.append(pair)
            elif series.interference is not None:
                doubtful.append(pair)
        learned.quiet(quiet)
        return doubtful

    def _take_suspect(self, pairs: list[tuple[Series, list[Look]]]) -> list[tuple[Series, list[Look]]]:
        """Take what a suspect vantage's looks still tell."""
        working = sum(looks[-1][1] == SUCCESS for _, looks in pairs)
        kept = []
        for series, looks in pairs:
            others_work = working > (looks[-1][1] == SUCCESS)
            left = admissible(looks, others_work=others_work)
            for look in looks:
                series.note(look)
            if looks[-1][1] != SUCCESS and not looks[-1][3] & ANCHORS:
                series.forget_one_batch()
            if left:
                kept.append((series, left))
        return self._take(kept)

    def _decide(self, doubtful: list[tuple[Series, list[Look]]], now: float) -> list[Transition]:
        transitions = []
        alibi: Alibi | None = None
        hopeless = HOPELESS + (SHARED_FOR_LONG if self.gate.worn_out else 0.0)
        for series, looks in doubtful:
            if series.interference is not None:
                found = self._look_at_interfered(series, series.interference, looks, now)
                if found is not None:
                    transitions.append(found)
                continue
            if series.suspicion is None or max(series.suspicion.sums) <= hopeless:
                continue
            marks = frozenset(look[1] for look in looks)
            decision = decide(series.suspicion, marks=marks, known=self.circumstances(series, now))
            if decision.reason is Reason.ALARM and self._needs_alibi(series.suspicion, decision, now):
                alibi = alibi or Alibi(self.series.values(), doubtful)
                if not alibi.holds(series.target, decision.first, lasting=decision.rounds > 1, alike=decision.alike):
                    decision = decision.without_alibi()
                    series.suspicion.shared = alibi.shared(decision.first)
            self.decisions[series.target] = decision
            if decision.reason is Reason.ALARM:
                transitions.append(self._alarm(series, decision, now))
        return transitions

    def _needs_alibi(self, suspicion: Suspicion, decision: Decision, now: float) -> bool:
        """Whether the other targets are asked: not where the evidence has another witness, nor for ever."""
        old = now - suspicion.onsets[decision.k] > EXCUSE
        vouched = suspicion.witness & ANCHORS and decision.regime in _VOUCHED
        return not (suspicion.witness & ITSELF or vouched or self.gate.worn_out or old)

    def circumstances(self, series: Series, now: float) -> Circumstances:
        """What moves a target's threshold at a moment."""
        return Circumstances(
            newcomer=self.learned.rounds < NEWCOMER,
            shared_for_long=self.gate.worn_out,
            flapping=series.flaps(now),
        )

    def _alarm(self, series: Series, decision: Decision, now: float) -> Transition:
        suspicion = series.suspicion
        onset = suspicion.onsets[decision.k] if suspicion is not None else now
        before = Status.REACHABLE if series.worked else Status.UNKNOWN  # never seen working
        series.interfere(decision.regime, onset, decision.nats, self.learned)
        regime = REGIMES[decision.regime]
        evidence = _evidence(decision.nats, decision.threshold, regime.key) | {
            "failures": decision.failures,
            "attempts": decision.attempts,
            "rounds": decision.rounds,
            "share": ALTERNATIVES[decision.k].share,
            "stray": round(self.learned.own_stray(series.strays, series.attempts), 4),
        }
        return _transition(series, before, regime.status, (now, onset), evidence)

    def _look_at_interfered(
        self, series: Series, state: Interference, looks: list[Look], now: float
    ) -> Transition | None:
        before = REGIMES[state.regime].status
        evidence: dict[str, float | int | str]
        leak = round(state.overall_leak(), 4)
        if state.clearing > CLEAR:
            evidence = _evidence(state.clearing, CLEAR, REGIMES[state.regime].key) | {"leak": leak}
            series.clear(self.learned)
            return _transition(series, before, Status.REACHABLE, (now, state.clear_onset), evidence)
        a = state.turned()
        if a is not None:
            regime = REGIMES[a]
            evidence = _evidence(state.turning[a], regime.odds, regime.key) | {"leak": leak}
            onset = state.turn_onsets[a]
            series.turn(a, onset)
            return _transition(series, before, regime.status, (now, onset), evidence)
        if looks[-1][1] != SUCCESS and state.saw_causes(series.causes):
            self.updates.append(Update(series.target, before, moment_of(now), series.causes))
        return None

    def shift(self, seconds: float) -> None:
        """Move every remembered moment, since the clock was set."""
        self.gate.since += seconds
        for series in self.series.values():
            series.shift(seconds)

    def plain(self) -> list[Any]:
        """Everything as plain data."""
        return [
            self.learned.plain(),
            [self.gate.rounds, self.gate.since, self.gate.worn_out],
            self.batches,
            [series.plain() for series in self.series.values()],
        ]

    @classmethod
    def of(cls, plain: list[Any]) -> Network:
        """The inverse of `plain`."""
        network = cls()
        learned, (rounds, since, worn_out), network.batches, series = plain
        network.learned = Learned.of(learned)
        network.gate = Gate(rounds, since, worn_out=worn_out)
        network.series = {one.target: one for one in map(Series.of, series)}
        return network


def moment_of(seconds: float) -> datetime:
    """Unix seconds as a moment in UTC."""
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
    now, onset = moments
    return Transition(
        target=series.target,
        before=before.value,
        after=after.value,
        time=moment_of(now),
        onset=moment_of(onset),
        causes=() if after is Status.REACHABLE else series.causes,
        evidence=evidence,
    )
