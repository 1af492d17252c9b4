"""Why a target has or has not been reported: its series, round by round, as the detector saw it.

`explain` drives a detector of its own over the sightings and keeps what it thought of one target after every batch;
`probe.detect.chart` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from probe.detect.decision import Reason, decide
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.detect.failure_classes import NO_INFORMATION, SUCCESS, failure_class_of
from probe.detect.hypotheses import REGIMES
from probe.detect.interference import CLEAR_NATS
from probe.detect.series import Series
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status


class BatchPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One batch in the life of a target.

    Attributes:
        time: its last look at the target.
        worked, failed: looks at the target in it, by outcome.
        causes: of the last failure in it.
        status: what was believed when it had closed; None while nothing was.
        towards: the status the evidence speaks for: another than `status`.
        nats: how much, natural log of a likelihood ratio; 0 or more.
        threshold: where that would be believed.
        reason: why it was, or was not.
    """

    time: datetime
    worked: int
    failed: int
    causes: tuple[Cause, ...]
    status: Status | None
    towards: Status | None
    nats: float
    threshold: float
    reason: str


class TargetHistory(msgspec.Struct, frozen=True, kw_only=True):
    """The life of one target.

    Attributes:
        target: its name.
        points: in order of time.
        transitions: what was reported of it.
        others: how many other targets were watched beside it.
    """

    target: str
    points: tuple[BatchPoint, ...]
    transitions: tuple[Transition, ...]
    others: int


class _HistoryRecorder:
    """Collects the looks at one target and writes a point whenever a batch has closed."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.points: list[BatchPoint] = []
        self._looks: list[tuple[datetime, int, tuple[Cause, ...]]] = []

    def saw(self, verdict_input: DetectorInput) -> None:
        failure_class = failure_class_of(verdict_input.status, verdict_input.causes)
        if verdict_input.target == self.target and failure_class != NO_INFORMATION:
            self._looks.append((verdict_input.time.astimezone(UTC), failure_class, verdict_input.causes))

    def closed(self, detector: Detector) -> None:
        samples, self._looks = self._looks, []
        series = detector.network.series.get(self.target)
        if not samples or series is None:
            return
        classes = frozenset(failure_class for _, failure_class, _ in samples)
        towards, nats, threshold, reason = _judged(detector, series, classes)
        settled = detector.settled(self.target)
        failures = [causes for _, failure_class, causes in samples if failure_class != SUCCESS]
        self.points.append(
            BatchPoint(
                time=samples[-1][0],
                worked=len(samples) - len(failures),
                failed=len(failures),
                causes=failures[-1] if failures else (),
                status=settled.status if settled is not None else None,
                towards=towards,
                nats=round(nats, 2),
                threshold=round(threshold, 2),
                reason=reason,
            )
        )


def explain(inputs: Iterable[DetectorInput], target: str) -> TargetHistory:
    """What the detector thinks of a target, and thought before.

    Args:
        inputs: of all targets of the vantage, in order of time: the others are the target's alibi.
        target: its name.
    """
    detector = Detector()
    recorder = _HistoryRecorder(target)
    transitions: list[Transition] = []
    for verdict_input in inputs:
        before = detector.closed
        transitions += detector.feed(verdict_input)
        if detector.closed != before:
            recorder.closed(detector)
        recorder.saw(verdict_input)
    transitions += detector.finish()
    recorder.closed(detector)
    return TargetHistory(
        target=target,
        points=tuple(recorder.points),
        transitions=tuple(one for one in transitions if one.target == target),
        others=len(detector.network.series.keys() - {target}),
    )


def _judged(detector: Detector, series: Series, classes: frozenset[int]) -> tuple[Status | None, float, float, str]:
    """What the evidence speaks for, how much, the threshold, and why it was or was not enough."""
    decision = detector.network.decisions.get(series.target)
    if decision is not None and decision.reason is Reason.ALARM:
        return REGIMES[decision.regime].status, decision.nats, decision.threshold, decision.reason.value
    state = series.interference
    if state is not None:
        nats = max(0.0, state.clearing)
        return Status.REACHABLE, nats, CLEAR_NATS, "it works again too seldom to call it over" if nats else "it goes on"
    network = detector.network
    if network.suspect and classes != {SUCCESS}:
        return None, 0.0, 0.0, Reason.SUSPECT.value
    if series.suspicion is None:
        return None, 0.0, 0.0, Reason.QUIET.value
    decision = decision or decide(series.suspicion, classes=classes, known=network.circumstances(series, series.at))
    status = REGIMES[decision.regime].status
    return status, max(0.0, decision.nats), decision.threshold, decision.reason.value
