"""One round of the agent: measure the due targets, feed the detector, report what it concludes.

A verdict that contradicts what is believed of its target is measured again a few times within a minute, which tells a
block from a short failure in one round instead of three. The detector gets all verdicts at the end, in the order of
time, so that replaying them gives the transitions that the agent reported.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Protocol

import msgspec

from probe.clock import Clock
from probe.detect.detector import Detector
from probe.detect.detector_input import (
    AnchorOutcome,
    CauseUpdate,
    DetectorInput,
    EvidenceFacts,
    FirstSight,
    VantageInput,
)
from probe.formats.batch import RoundReport
from probe.model.address import network_of
from probe.model.glance import GlanceKind
from probe.model.hop import Purpose
from probe.model.target import TargetText
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import Status, Vantage, VantageState, Verdict
from probe.session.measurement_run import Retests
from probe.session.pass_glances import RoundLooks

log = logging.getLogger(__name__)

MIN_FIRST_SIGHT_RETESTS = 100
FIRST_SIGHT_RETEST_SHARE = 0.1
"""Targets without a settled status that a round measures again: so many, or this share of a long list. The first round
of a long list may find thousands that fail; the others have their turn in the next rounds."""


class VerdictSource(Protocol):
    """The part of `probe.session.session.Session` that a round uses."""

    async def look(self) -> Vantage:
        """The vantage by a new look at the anchors."""

    def verdicts(
        self,
        targets: Sequence[TargetText],
        *,
        shuffle: Random | None = None,
        retests: Retests | None = None,
        stopping: asyncio.Event | None = None,
        looks: RoundLooks | None = None,
    ) -> AsyncGenerator[Verdict, None]:
        """The targets' verdicts, glances and re-tests among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTerms:
    """The parameters of a round beside its targets.

    Attributes:
        retests: re-tests of a target whose verdict contradicts what is believed of it; 0 for none.
        retest_window: seconds within which they begin.
        clock: for moments and durations.
        random: for the order of the targets.
        stopping: set when the round is to end early and conclude from what it has.
        looks: which targets are glanced at; None: all are looked at in full.
        ordered: whether the targets are measured in the order given.
    """

    retests: int
    retest_window: float
    clock: Clock
    random: Random
    stopping: asyncio.Event
    looks: RoundLooks | None = None
    ordered: bool = False


@dataclass(slots=True, kw_only=True)
class RoundResult:
    """What a round found.

    Attributes:
        report: for the collector.
        changes: transitions, each with the verdict of this round that supports it, where there is one.
        updates: blocks that go on by other means.
        first_sights: failing statuses that were found standing, each with a verdict of this round that supports it.
        services: transitions of whole services that follow from the changes; the agent adds them.
        verdicts: target -> its newest verdict.
        looked: all verdicts, in order of time.
    """

    report: RoundReport
    changes: Sequence[tuple[Transition, Verdict | None]] = ()
    updates: Sequence[CauseUpdate] = ()
    first_sights: Sequence[tuple[FirstSight, Verdict | None]] = ()
    services: Sequence[Transition] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    looked: Sequence[Verdict] = ()


@dataclass(frozen=True, slots=True)
class RoundTraffic:
    """The traffic that a round caused, counted from evidence, so without the anchors and the trusted resolvers.

    Attributes:
        connections: TCP handshakes begun.
        handshakes: TLS handshakes begun.
        busiest: the most TLS handshakes begun within a second with one network (/16, /32).
    """

    connections: int = 0
    handshakes: int = 0
    busiest: int = 0


_CONNECTING = frozenset({GlanceKind.TCP, GlanceKind.TLS, GlanceKind.HTTP})


async def measure_round(
    targets: Sequence[TargetText], source: VerdictSource, detector: Detector, terms: RoundTerms
) -> RoundResult:
    """Measure the targets once, in random order, and feed the detector.

    Args:
        targets: text and target of those due.
        source: measures them.
        detector: fed with every verdict.
        terms: how.
    """
    start, began = terms.clock.now(), terms.clock.monotonic()
    vantage = await source.look()
    verdicts = await _measured(targets, source, detector, terms)
    state = await _state_of_round(vantage, verdicts, source, terms.stopping)
    transitions = _fed(detector, verdicts, start, VantageInput(state=state, asn=vantage.asn))
    transitions += detector.end_round(terms.clock.now())
    return RoundResult(
        report=_report(start, terms.clock.monotonic() - began, targets=len(targets), verdicts=verdicts, state=state),
        changes=[(one, _supporting(one.target, one.after, verdicts)) for one in transitions],
        updates=detector.updates(),
        first_sights=[(one, _supporting(one.target, one.status, verdicts)) for one in detector.first_sights()],
        verdicts={verdict.target: verdict for verdict in verdicts},
        looked=verdicts,
    )


async def _measured(
    targets: Sequence[TargetText], source: VerdictSource, detector: Detector, terms: RoundTerms
) -> list[Verdict]:
    """The verdicts in order of time."""
    chosen = RetestChoice(detector, max(MIN_FIRST_SIGHT_RETESTS, int(FIRST_SIGHT_RETEST_SHARE * len(targets))))
    retests = Retests(chosen.differs, terms.retests, terms.retest_window)
    stream = source.verdicts(
        targets,
        shuffle=None if terms.ordered else terms.random,
        retests=retests if terms.retests else None,
        stopping=terms.stopping,
        looks=terms.looks,
    )
    async with aclosing(stream):
        verdicts = [verdict async for verdict in stream]
    return sorted(verdicts, key=lambda verdict: verdict.time)


class RetestChoice:
    """Chooses the targets that a round measures again.

    Args:
        detector: knows the settled statuses.
        first_sights: how many targets without one are chosen at most.
    """

    def __init__(self, detector: Detector, first_sights: int) -> None:
        self._detector = detector
        self._left = first_sights

    def differs(self, verdict: Verdict) -> bool:
        """Whether a verdict contradicts what is known of its target, and is to be measured again."""
        if not self._detector.differs(_detector_input(verdict)):
            return False
        if self._detector.settled(verdict.target) is not None:
            return True
        self._left -= 1
        return self._left >= 0


async def _state_of_round(
    before: Vantage, verdicts: Sequence[Verdict], source: VerdictSource, stopping: asyncio.Event
) -> VantageState:
    """The state that the round is reported with: the first that is not `online`, of before, after and meanwhile.

    After a stop the newest verdict stands for a last look at the anchors, which may take ten seconds.
    """
    if before.state is not VantageState.ONLINE:
        return before.state
    if not stopping.is_set():
        after = (await source.look()).state
    else:
        after = verdicts[-1].vantage.state if verdicts else VantageState.ONLINE
    if after is not VantageState.ONLINE:
        return after
    policed = any(verdict.vantage.state is VantageState.POLICED for verdict in verdicts)
    return VantageState.POLICED if policed else VantageState.ONLINE


def _fed(detector: Detector, verdicts: Sequence[Verdict], start: datetime, vantage: VantageInput) -> list[Transition]:
    """The transitions that the detector finds while it is fed; with no target due it still gets the vantage's state."""
    inputs = [_detector_input(verdict) for verdict in verdicts]
    if not inputs:
        inputs.append(DetectorInput(start, VANTAGE, Status.UNKNOWN, (), 0, vantage))
    return [transition for one in inputs for transition in detector.feed(one)]


def _detector_input(verdict: Verdict) -> DetectorInput:
    anchors = tuple(
        AnchorOutcome(failure=look.failure, foreign_content=look.foreign_content, url=look.url, six=look.ipv6_result)
        for look in verdict.vantage.anchors
    )
    vantage = VantageInput(state=verdict.vantage.state, asn=verdict.vantage.asn, anchors=anchors)
    facts = EvidenceFacts.of(verdict.evidence)
    return DetectorInput(
        verdict.time, verdict.target, verdict.status, verdict.causes, facts.attempt, vantage, facts=facts
    )


def _report(
    start: datetime, seconds: float, *, targets: int, verdicts: Sequence[Verdict], state: VantageState
) -> RoundReport:
    traffic = traffic_of(verdicts)
    return RoundReport(
        start=start,
        seconds=round(seconds, 3),
        targets=targets,
        measured=len({verdict.target for verdict in verdicts if verdict.status is not Status.UNKNOWN}),
        state=state.value,
        connections=traffic.connections,
        handshakes=traffic.handshakes,
        busiest=traffic.busiest,
        notes=tuple(sorted({note for verdict in verdicts for note in verdict.vantage.notes})),
    )


def traffic_of(verdicts: Iterable[Verdict]) -> RoundTraffic:
    """The traffic that these verdicts stand for."""
    connections = 0
    begun: dict[str, list[float]] = defaultdict(list)
    for verdict in verdicts:
        start = verdict.time.timestamp()
        for observation in verdict.evidence.observations:
            if observation.at < 0 and observation.purpose is Purpose.RELAY:
                continue  # shared, and counted where it was made
            traffic = observation.traffic
            connections += traffic.connections
            if traffic.handshakes:
                begun[network_of(traffic.address)] += [start + observation.at / 1000] * traffic.handshakes
        for glance in verdict.evidence.glance:
            connections += glance.kind in _CONNECTING and bool(glance.address)
            if glance.kind is GlanceKind.TLS and glance.address:
                begun[network_of(glance.address)].append(start)
    moments = [sorted(each) for each in begun.values()]
    return RoundTraffic(connections, sum(map(len, moments)), max(map(_most_in_a_second, moments), default=0))


def _most_in_a_second(moments: list[float]) -> int:
    return max(number - bisect_left(moments, moment - 1 + 1e-6) for number, moment in enumerate(moments, 1))


def _supporting(target: str, status: str, verdicts: Sequence[Verdict]) -> Verdict | None:
    """The newest verdict of a target with this status; else its newest verdict."""
    own = [verdict for verdict in verdicts if verdict.target == target]
    agreeing = [verdict for verdict in own if verdict.status == status]
    candidates = agreeing or own
    return candidates[-1] if candidates else None


def with_costs(report: RoundReport, bytes_read: int, refused: int, left_out: int) -> RoundReport:
    """The report of a round with its traffic; warns of what a traffic budget did not allow.

    Args:
        report: without them.
        bytes_read: from all connections.
        refused: connections that were not begun.
        left_out: due targets that the round did not look at.
    """
    if refused:
        log.warning("%d connections were left out: a traffic budget was spent", refused)
    if left_out:
        log.warning("%d targets were left out of this round for the traffic budget", left_out)
    targets = report.targets + left_out
    return msgspec.structs.replace(report, targets=targets, bytes=bytes_read, refused=refused)


def log_result(result: RoundResult, glanced: int) -> None:
    """Log numbers; names of targets at DEBUG alone, since a journal is read by others than the volunteer."""
    report = result.report
    log.info(
        "round state=%s targets=%d measured=%d glanced=%d changes=%d first_sights=%d seconds=%.1f",
        *(report.state, report.targets, report.measured, glanced, len(result.changes), len(result.first_sights)),
        report.seconds,
    )
    for found, _ in result.first_sights:
        causes = ", ".join(found.causes) or "no cause"
        log.debug("%s %s since before the first look at %s: %s", found.target, found.status, found.since, causes)
    for one in result.services:
        numbers = one.evidence["targets"], one.evidence["of"]
        log.debug("%s %s -> %s at %d of %d targets", one.target, one.before, one.after, *numbers)
