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
from probe.detect.detector_input import Sighting
from probe.detect.failure_classes import SILENCE, SUCCESS, mark_of
from probe.detect.hypotheses import REGIMES
from probe.detect.interference import CLEAR
from probe.detect.series import Series
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status


class Point(msgspec.Struct, frozen=True, kw_only=True):
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


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """The life of one target.

    Attributes:
        target: its name.
        points: in order of time.
        transitions: what was reported of it.
        others: how many other targets were watched beside it.
    """

    target: str
    points: tuple[Point, ...]
    transitions: tuple[Transition, ...]
    others: int


class _Teller:
    """Collects the looks at one target and writes a point whenever a batch has closed."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.points: list[Point] = []
        self._looks: list[tuple[datetime, int, tuple[Cause, ...]]] = []

    def saw(self, sighting: Sighting) -> None:
        mark = mark_of(sighting.status, sighting.causes)
        if sighting.target == self.target and mark != SILENCE:
            self._looks.append((sighting.time.astimezone(UTC), mark, sighting.causes))

    def closed(self, detector: Detector) -> None:
        looks, self._looks = self._looks, []
        series = detector.network.series.get(self.target)
        if not looks or series is None:
            return
        marks = frozenset(mark for _, mark, _ in looks)
        towards, nats, threshold, reason = _judged(detector, series, marks)
        settled = detector.settled(self.target)
        failures = [causes for _, mark, causes in looks if mark != SUCCESS]
        self.points.append(
            Point(
                time=looks[-1][0],
                worked=len(looks) - len(failures),
                failed=len(failures),
                causes=failures[-1] if failures else (),
                status=settled.status if settled is not None else None,
                towards=towards,
                nats=round(nats, 2),
                threshold=round(threshold, 2),
                reason=reason,
            )
        )


def explain(sightings: Iterable[Sighting], target: str) -> Story:
    """What the detector thinks of a target, and thought before.

    Args:
        sightings: of all targets of the vantage, in order of time: the others are the target's alibi.
        target: its name.
    """
    detector = Detector()
    teller = _Teller(target)
    transitions: list[Transition] = []
    for sighting in sightings:
        before = detector.closed
        transitions += detector.feed(sighting)
        if detector.closed != before:
            teller.closed(detector)
        teller.saw(sighting)
    transitions += detector.finish()
    teller.closed(detector)
    return Story(
        target=target,
        points=tuple(teller.points),
        transitions=tuple(one for one in transitions if one.target == target),
        others=len(detector.network.series.keys() - {target}),
    )


def _judged(detector: Detector, series: Series, marks: frozenset[int]) -> tuple[Status | None, float, float, str]:
    """What the evidence speaks for, how much, the threshold, and why it was or was not enough."""
    decision = detector.network.decisions.get(series.target)
    if decision is not None and decision.reason is Reason.ALARM:
        return REGIMES[decision.regime].status, decision.nats, decision.threshold, decision.reason.value
    state = series.interference
    if state is not None:
        nats = max(0.0, state.clearing)
        return Status.REACHABLE, nats, CLEAR, "it works again too seldom to call it over" if nats else "it goes on"
    network = detector.network
    if network.suspect and marks != {SUCCESS}:
        return None, 0.0, 0.0, Reason.SUSPECT.value
    if series.suspicion is None:
        return None, 0.0, 0.0, Reason.QUIET.value
    decision = decision or decide(series.suspicion, marks=marks, known=network.circumstances(series, series.at))
    status = REGIMES[decision.regime].status
    return status, max(0.0, decision.nats), decision.threshold, decision.reason.value
