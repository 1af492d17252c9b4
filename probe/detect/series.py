"""One target on one network: at rest, under suspicion, or interfered with (the table is `probe.detect.machine`).

A series knows nothing of other targets. What depends on them, the gate and the alibi, is `probe.detect.network`'s.
"""

from __future__ import annotations

from typing import Any, Final

from probe.detect import null_model
from probe.detect.failure_classes import SUCCESS, Mark
from probe.detect.hypotheses import REGIMES
from probe.detect.interference import Interference, context_of
from probe.detect.learned import BURST_WEIGHTS, DOUBTED, Learned
from probe.detect.machine import State
from probe.detect.onset import between
from probe.detect.suspicion import LONGEST_BURST, NEARLY_REST, REST, Suspicion
from probe.model.verdict import Cause, Status

HOUR: Final = 3600.0

REMEMBERED: Final = 1500.0
"""Seconds an interference must have lasted to count as one when the next is judged (flapping)."""

SOFT: Final = frozenset({Status.UNREACHABLE, Status.DOWN})
"""Statuses that accuse nobody."""

RECENT: Final = 48 * HOUR
"""Seconds for which it counts."""


Look = tuple[float, int, tuple[Cause, ...], int]
"""One informative verdict: moment, mark (or `SUCCESS`), causes, who bears witness (`ITSELF` + `ANCHORS`)."""


class Series:
    """The state of one target on one network.

    Attributes:
        target: its name.
        first: moment of the first informative verdict.
        at: moment of the last attempt taken as evidence.
        failed_last: that attempt failed.
        worked: moment of the last success, 0 when there was none.
        failing_since: moment of the first failure after it, evidence or not; 0 when there was none.
        failed: moment of the last failure, evidence or not.
        attempts, strays: a target's own counts of attempts and stray failures among them.
        bursts: its own counts of bursts by kind; None when there were none.
        suspicion: while under suspicion.
        interference: while interfered with.
        since: when the present status is believed to have begun.
        past: ends of recent interferences that lasted, newest last, two at most.
        causes: of the last failure.
    """

    __slots__ = (
        "at", "attempts", "bursts", "causes", "failed", "failed_last", "failing_since", "first", "interference", "past",
        "since", "strays", "suspicion", "target", "worked",
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

    @property
    def state(self) -> State:
        """Where it is in the machine."""
        if self.interference is not None:
            return State.INTERFERENCE
        return State.REST if self.suspicion is None else State.SUSPICION

    def take(self, look: Look, batch: int, learned: Learned) -> None:
        """Take one look as evidence.

        Args:
            look: the attempt.
            batch: number of the batch it belongs to.
            learned: the vantage's counts.
        """
        moment, mark = look[0], look[1]
        self.note(look)
        if self.interference is not None:
            self._take_interfered(moment, mark, self.interference, learned)
        elif mark != SUCCESS:
            self._take_failure(look, batch, learned)
        elif self.suspicion is not None:
            self._take_success(moment, self.suspicion, batch, learned)
        else:
            self.attempts += 1
            learned.quiet(1)
        self.at = max(self.at, moment)
        self.failed_last = mark != SUCCESS
        if mark == SUCCESS:
            self.worked = moment
            self.failing_since = 0.0

    def note(self, look: Look) -> None:
        """Remember that and when a look was had, whatever it is worth as evidence."""
        moment, mark, causes, _ = look
        if not self.first:
            self.first = self.since = moment
        if mark != SUCCESS:
            self.failed = moment
            self.causes = causes
            if not self.failing_since:
                self.failing_since = moment

    def _rates(self, learned: Learned) -> tuple[float, list[float]]:
        return learned.own_stray(self.strays, self.attempts), learned.own_eps(self.bursts, self.attempts)

    def _take_failure(self, look: Look, batch: int, learned: Learned) -> None:
        moment, mark, _, witness = look
        stray, eps = self._rates(learned)
        suspicion = self.suspicion
        if suspicion is None:
            suspicion = self.suspicion = Suspicion(eps)
        else:
            null_model.predict(suspicion.belief, max(0.0, moment - self.at), eps, learned.tau)
        onset = between(self.worked, self.failing_since or moment)
        suspicion.failed((moment, mark, batch), onset=onset, stray=stray * learned.looks[mark])
        suspicion.witness |= witness

    def _take_success(self, moment: float, suspicion: Suspicion, batch: int, learned: Learned) -> None:
        if suspicion.shared:  # the fault was the vantage's, and is over
            self.suspicion = None
            return
        stray, eps = self._rates(learned)
        null_model.predict(suspicion.belief, max(0.0, moment - self.at), eps, learned.tau)
        first = suspicion.succeeded(moment, batch, stray)
        if first >= NEARLY_REST:
            strays, attempts, bursts = suspicion.teach(learned, moment)
            self.strays += strays
            self.attempts += attempts
            for kind, weight in bursts:
                self._own_burst(kind, weight)
            if first == REST:
                self.suspicion = None

    def _own_burst(self, kind: int, weight: float) -> None:
        if self.bursts is None:
            self.bursts = [0.0] * 7
        self.bursts[kind] += weight

    def _take_interfered(self, moment: float, mark: int, interference: Interference, learned: Learned) -> None:
        context = context_of(failed_last=self.failed_last, since=moment - self.at)
        stray, eps = self._rates(learned)
        if mark == SUCCESS:
            interference.succeeded(context, between(self.failed, moment), stray, learned)
        else:
            fault = (stray + sum(eps)) * learned.looks[mark]
            interference.failed(context, between(self.at, moment), mark, fault, learned)

    def interfere(self, regime: int, onset: float, peak: float, learned: Learned) -> None:
        """The alarm: pass to the interfered side."""
        suspicion = self.suspicion
        interference = Interference(regime, onset, peak, self.causes)
        if suspicion is not None:
            self._seed(interference, suspicion, learned)
            self._teach_silence(regime, suspicion, learned)
        self.suspicion = None
        self.interference = interference
        self.since = onset

    def _teach_silence(self, regime: int, suspicion: Suspicion, learned: Learned) -> None:
        """A fault that was nobody's interference may have begun in silence: such silence is ordinary here."""
        silence = [moment for moment, mark, _ in suspicion.trail if mark == Mark.SILENT]
        if REGIMES[regime].status in SOFT and len(silence) > 1:
            learned.burst(Mark.SILENT, min(LONGEST_BURST, silence[-1] - silence[0] + null_model.ROUND / 2), 1.0)
            self._own_burst(Mark.SILENT, 1.0)

    def _seed(self, interference: Interference, suspicion: Suspicion, learned: Learned) -> None:
        leaked, tried, marks = [0, 0, 0], [0, 0, 0], [0] * 7
        before = interference.onset
        failed_last = True
        for moment, mark, _ in suspicion.trail:
            if moment < interference.onset:
                continue
            context = context_of(failed_last=failed_last, since=moment - before)
            tried[context] += 1
            if mark == SUCCESS:
                leaked[context] += 1
            else:
                marks[mark] += 1
            failed_last, before = mark != SUCCESS, moment
        interference.seed(leaked, tried, marks, learned)

    def turn(self, regime: int, onset: float) -> None:
        """Another status: stay on the interfered side, start again there."""
        old = self.interference
        peak = old.turning[regime] if old is not None else 0.0
        self.interference = Interference(regime, onset, peak, self.causes)
        self.since = onset

    def clear(self, learned: Learned) -> None:
        """Reachable again: remember how long it was, and learn from what was over too soon."""
        interference = self.interference
        if interference is None:
            return
        lasted = interference.clear_onset - interference.onset
        regime = REGIMES[interference.regime]
        weight = BURST_WEIGHTS[regime.mark] * DOUBTED
        if lasted < REMEMBERED and weight:
            learned.burst(regime.mark, max(0.0, lasted), weight)
            self._own_burst(regime.mark, weight)
        elif lasted >= REMEMBERED and regime.status not in SOFT:  # a site that is often down does not flap
            self.past = [*self.past, interference.clear_onset][-2:]
        self.interference = None
        self.since = interference.clear_onset

    def forget_one_batch(self) -> None:
        """The vantage became suspect: a suspicion that rests on one batch, the one before, was of the same making."""
        suspicion = self.suspicion
        if suspicion is not None and not suspicion.witness and suspicion.rests_on_one_batch():
            self.suspicion = None

    def flaps(self, moment: float) -> bool:
        """Whether two lasting interferences ended within the last two days."""
        return len(self.past) == 2 and moment - self.past[0] <= RECENT

    def shift(self, seconds: float) -> None:
        """Move every remembered moment, since the clock was set."""
        for name in ("first", "at", "worked", "failing_since", "failed", "since"):
            moment = getattr(self, name)
            if moment:
                setattr(self, name, moment + seconds)
        self.past = [moment + seconds for moment in self.past]
        if self.suspicion is not None:
            self.suspicion.shift(seconds)
        if self.interference is not None:
            self.interference.shift(seconds)

    def plain(self) -> list[Any]:
        """Everything as plain data; what is at rest stays short."""
        return [
            self.target, self.first, self.at, self.failed_last, self.worked, self.failing_since, self.failed,
            self.since, self.attempts, self.strays, self.bursts, self.past, self.causes,
            self.suspicion and self.suspicion.plain(), self.interference and self.interference.plain(),
        ]  # fmt: skip

    @classmethod
    def of(cls, plain: list[Any]) -> Series:
        """The inverse of `plain`."""
        self = cls.__new__(cls)
        (
            self.target, self.first, self.at, self.failed_last, self.worked, self.failing_since, self.failed,
            self.since, self.attempts, self.strays, self.bursts, self.past, causes, suspicion, interference,
        ) = plain  # fmt: skip
        self.causes = tuple(Cause(cause) for cause in causes)
        self.suspicion = Suspicion.of(suspicion) if suspicion else None
        self.interference = Interference.of(interference) if interference else None
        return self
