"""Explains why a target was reported or not: its evidence and status after every round.

`explain` runs a new detector over the verdicts and records the state of one target after every batch.
`probe.detect.chart` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from probe.detect.decision import Reason, decide
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput, FirstSight
from probe.detect.failure_classes import NO_INFORMATION, SUCCESS, failure_class_of
from probe.detect.hypotheses import REGIMES
from probe.detect.interference import CLEAR_NATS
from probe.detect.series import Series
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status


class BatchPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One batch of a target.

    Attributes:
        time: time of the last sample in the batch.
        worked, failed: number of samples by outcome.
        causes: causes of the last failure in the batch.
        status: settled status after the batch; None before the first one.
        towards: the other status that the evidence supports.
        nats: evidence for it, natural log of a likelihood ratio; 0 or more.
        threshold: evidence at which it would be reported.
        reason: why it was reported or not.
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
    """All batches of one target.

    Attributes:
        target: the target's text.
        points: batches in order of time.
        transitions: reported transitions of the target.
        first_sights: failing statuses that it had when it was first measured; they are settled without a transition.
        others: number of other targets in the verdicts.
    """

    target: str
    points: tuple[BatchPoint, ...]
    transitions: tuple[Transition, ...]
    others: int
    first_sights: tuple[FirstSight, ...] = ()


class _HistoryRecorder:
    """Collects the samples of one target and adds a point whenever a batch closes."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.points: list[BatchPoint] = []
        self._looks: list[tuple[datetime, int, tuple[Cause, ...]]] = []

    def add_sample(self, verdict_input: DetectorInput) -> None:
        failure_class = failure_class_of(verdict_input.status, verdict_input.causes)
        if verdict_input.target == self.target and failure_class != NO_INFORMATION:
            self._looks.append((verdict_input.time.astimezone(UTC), failure_class, verdict_input.causes))

    def batch_closed(self, detector: Detector) -> None:
        samples, self._looks = self._looks, []
        series = detector.network.series.get(self.target)
        if not samples or series is None:
            return
        classes = frozenset(failure_class for _, failure_class, _ in samples)
        towards, nats, threshold, reason = _explanation(detector, series, classes)
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
    """Return the history of one target.

    Args:
        inputs: verdicts of all targets of the vantage, in order of time; the detector compares with the other targets.
        target: the target's text.
    """
    detector = Detector()
    recorder = _HistoryRecorder(target)
    transitions: list[Transition] = []
    first_sights: list[FirstSight] = []
    for verdict_input in inputs:
        before = detector.closed
        transitions += detector.feed(verdict_input)
        if detector.closed != before:
            first_sights += detector.first_sights()
            recorder.batch_closed(detector)
        recorder.add_sample(verdict_input)
    transitions += detector.finish()
    first_sights += detector.first_sights()
    recorder.batch_closed(detector)
    return TargetHistory(
        target=target,
        points=tuple(recorder.points),
        transitions=tuple(one for one in transitions if one.target == target),
        others=len(detector.network.series.keys() - {target}),
        first_sights=tuple(one for one in first_sights if one.target == target),
    )


class StandingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector's state holds for another status of one target.

    Attributes:
        towards: the other status that the evidence supports; None where it supports none.
        nats: evidence for it, natural log of a likelihood ratio; 0 or more.
        threshold: evidence at which it would be reported.
        reason: why it was reported or not.
    """

    towards: Status | None
    nats: float
    threshold: float
    reason: str


def standing_evidence(detector: Detector, target: str) -> StandingEvidence | None:
    """Return the evidence for another status of a target as it stands; None for a target that was never measured."""
    series = detector.network.series.get(target)
    if series is None:
        return None
    fails = series.failing_since or series.failed_last
    classes = frozenset({failure_class_of(Status.BLOCKED, series.causes) if fails else SUCCESS})
    towards, nats, threshold, reason = _explanation(detector, series, classes)
    return StandingEvidence(towards=towards, nats=round(nats, 2), threshold=round(threshold, 2), reason=reason)


def _explanation(
    detector: Detector, series: Series, classes: frozenset[int]
) -> tuple[Status | None, float, float, str]:
    """Return the supported status, the evidence, the threshold, and the reason."""
    decision = detector.network.decisions.get(series.target)
    if decision is not None and decision.reason is Reason.ALARM:
        return REGIMES[decision.regime].status, decision.nats, decision.threshold, decision.reason.value
    state = series.interference
    if state is not None:
        nats = max(0.0, state.clearing)
        reason = "too few successes to report the end" if nats else "the failures continue"
        return Status.REACHABLE, nats, CLEAR_NATS, reason
    network = detector.network
    if network.suspect and classes != {SUCCESS}:
        return None, 0.0, 0.0, Reason.SUSPECT.value
    if series.suspicion is None:
        return None, 0.0, 0.0, Reason.QUIET.value
    decision = decision or decide(series.suspicion, classes=classes, known=network.circumstances(series, series.at))
    status = REGIMES[decision.regime].status
    return status, max(0.0, decision.nats), decision.threshold, decision.reason.value
