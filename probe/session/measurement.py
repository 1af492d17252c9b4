"""Measure one target: plan, perform the steps, judge.

This module and `probe.session.pass_glances` are the only ones of `session` and `agent` that catch `Exception`: a fault
of the program in one measurement is written into its verdict, and the pass over the list goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe import judge
from probe.lazy import lazy
from probe.measure.failures import MAX_DETAIL_CHARACTERS
from probe.measure.perform import StepSource, perform
from probe.measure.tools import random_name
from probe.model.hop import Purpose, subjects_of
from probe.model.observation import Observation
from probe.model.target import RangeTarget, Target, TcpTarget
from probe.model.verdict import AnchorLook, ControlFacts, Evidence, Status, Vantage, VantageNote, VantageState, Verdict
from probe.plan.context import PlanContext
from probe.session.invented_names import InventedNameWatch
from probe.session.measurement_context import MeasurementContext, MeasurementPlan
from probe.session.relay_trials import RelayWatch

if TYPE_CHECKING:
    from probe.judge import control
    from probe.plan import localise, nowhere, upload
else:
    localise = lazy("probe.plan.localise")
    nowhere = lazy("probe.plan.nowhere")
    upload = lazy("probe.plan.upload")
    control = lazy("probe.judge.control")

log = logging.getLogger(__name__)

SILENCE_RULE = "tcp.timeout"
"""The rule that convicts by unanswered SYNs alone."""

SYN_RETRIES_SECONDS = 3.0
"""The kernel sends a SYN again after 1 and 3 s (RFC 6298); an outage that explains its silence lasts as long."""

MAX_SECONDS_SINCE_ANSWER = 3.0
"""Real seconds after an answered SYN during which the line counts as alive: a SYN and two retransmissions."""

_FAILING = frozenset({Status.BLOCKED, Status.THROTTLED, Status.UNREACHABLE})
"""Statuses for which the captured packets are added."""


async def look_at_vantage(context: MeasurementContext, earliest: float) -> Vantage:
    """The vantage by the latest look at the anchors if it began at `earliest` or later, else by a new look.

    A fault of the program counts as `online`. Without a budget for the look, failures prove as little as in a doubt.

    Args:
        context: has the anchors.
        earliest: seconds of the monotonic clock.
    """
    refused = context.tools.pace.budget.refused
    try:
        return context.vantage(await context.anchors.fresh(earliest))
    except Exception:
        if context.tools.pace.budget.refused != refused:
            log.warning("the anchors were not looked at: a traffic budget is spent")
            vantage = context.vantage(())
            return replace(vantage, notes=tuple(sorted({*vantage.notes, VantageNote.ANCHORS_DISAGREE})))
        log.exception("fault in looking at the anchors")
        return context.vantage(())


async def measure_target(
    text: str,
    target: Target,
    context: MeasurementContext,
    *,
    control: ControlFacts | None = None,
    attempt: int = 0,
    suspected: bool = False,
    release: Callable[[], None] | None = None,
) -> Verdict:
    """Measure one target and judge it.

    A verdict other than `reachable` is judged with a look at the anchors that began after the measurement. A fault of
    ours becomes `unknown` with `evidence.error`; only a cancellation is raised.

    Args:
        text: the target as it was given.
        target: the same, parsed.
        context: what is the same for all targets.
        control: the control's facts about the target; None when it has no entry.
        attempt: 0, or the number of the re-test.
        suspected: the server name may be blocked, so neutral names are tried first.
        release: called once only late DNS answers are awaited.
    """
    time = context.clock.now()
    try:
        if not isinstance(target, TcpTarget) and any(subject.is_name for subject in subjects_of(target)):
            await context.tools.resolvers.survey()
        planned = MeasurementPlan(text, target, context, time, control=control, attempt=attempt, suspected=suspected)
        began = asyncio.get_running_loop().time()
        with context.anchors.measuring():
            verdict = await _measured(text, planned, release=release)
        if _may_have_been_an_outage(verdict, context, began):
            verdict = await _measured(text, planned, release=None)
    except Exception as error:
        log.debug("fault in measuring %s", text, exc_info=True)  # evidence.error has it, too
        return _failed_verdict(error, time=time, text=text, target=target, context=context, attempt=attempt)
    context.names.add(verdict)
    context.anchors.learn(verdict.evidence.observations)
    return verdict


def _may_have_been_an_outage(verdict: Verdict, context: MeasurementContext, began: float) -> bool:
    """Whether the line may have been dead for just as long as SYNs of a blocked target went unanswered.

    The anchors are looked at before and after a measurement. Nothing shows that the line worked meanwhile, unless
    something else answered then.
    """
    if verdict.rule != SILENCE_RULE or verdict.vantage.state is not VantageState.ONLINE:
        return False
    tried = [one for one in verdict.evidence.observations if one.purpose is not Purpose.RELAY]
    silent = [one.at for one in tried if one.failure is not None and one.traffic.connections]
    first, last = began + min(silent) / 1000, began + max(silent) / 1000
    return not context.cuts.answered_between(first, last + SYN_RETRIES_SECONDS)


async def _measured(text: str, planned: MeasurementPlan, *, release: Callable[[], None] | None) -> Verdict:
    began = asyncio.get_running_loop().time()
    time, target, context, attempt = planned.time, planned.target, planned.context, planned.attempt
    seen = await _performed(planned, began, release=release)
    evidence = Evidence(
        observations=seen,
        control=None if planned.control is None else control.used(target, planned.control, seen),
        nat64=planned.nat64,
        recent_cuts=context.cuts.explaining(seen, began),
        attempt=attempt,
    )
    vantage = context.vantage(context.anchors.latest)
    verdict = judge.verdict(time=time, text=text, target=target, evidence=evidence, vantage=vantage)
    if verdict.status is not Status.REACHABLE:
        verdict = context.glance_cuts.judged_with(verdict, target)
        verdict = await _with_queries_nowhere(verdict, planned, began)
    verdict = await _with_upload_test(verdict, target, context, began)
    if verdict.status is not Status.REACHABLE:
        vantage = context.vantage(await _closing_look(context, release))
        if vantage is not verdict.vantage:  # without anchors there is no other look
            verdict = judge.verdict(time=time, text=text, target=target, evidence=verdict.evidence, vantage=vantage)
    if (watcher := context.tools.watcher) is not None and verdict.status in _FAILING:
        packets = await watcher.report(verdict.evidence.observations, began, _capture_label(verdict))
        verdict = replace(verdict, evidence=replace(verdict.evidence, packets=packets))
    first = context.localise_from_attempt
    if verdict.status is Status.BLOCKED and first is not None and attempt >= first:
        return await _with_location(verdict, target, context, began)
    return verdict


async def _performed(
    planned: MeasurementPlan, began: float, *, release: Callable[[], None] | None
) -> tuple[Observation, ...]:
    """The observations of the target's plan, with those that it shares with other targets of the pass."""
    context, target = planned.context, planned.target
    performer = partial(perform, tools=context.tools, seconds=context.max_seconds)
    chosen: StepSource
    relayed: RelayWatch | None = None
    named: InventedNameWatch | None = None
    if isinstance(target, TcpTarget | RangeTarget):
        chosen = planned.steps()
        if planned.relay_address:
            chosen = relayed = context.relays.watch(chosen, target, planned.relay_address, performer)
    else:
        chosen = named = InventedNameWatch(planned.steps(), context.invented_names, performer)
    seen = await performer(context.cuts.watch(chosen, began), began=began, listening=release)
    if named is not None:
        return await named.observed(seen, began, release)
    return seen if relayed is None else await relayed.observed(seen, planned.now, release)


async def _closing_look(context: MeasurementContext, release: Callable[[], None] | None) -> tuple[AnchorLook, ...]:
    """The anchors after a measurement that failed.

    Where something else was answered just now, the line is not in doubt, and the look can wait for other verdicts.
    """
    now, ended = asyncio.get_running_loop().time(), context.clock.monotonic()
    patient = context.cuts.answered_between(now - MAX_SECONDS_SINCE_ANSWER, now)
    if patient and release is not None:
        release()
    return await context.anchors.fresh(ended, patient=patient)


def _capture_label(verdict: Verdict) -> str:
    """The beginning of the names of a verdict's capture files."""
    return f"{verdict.time:%Y%m%dT%H%M%S}-{verdict.target}"


async def _with_queries_nowhere(verdict: Verdict, planned: MeasurementPlan, began: float) -> Verdict:
    """The verdict after queries to an address that runs no resolver; unchanged where the name is not in doubt."""
    context, target = planned.context, planned.target
    name = nowhere.doubtful_name(verdict, target) if any(context.anchors.reached) else ""
    if not name:
        return verdict
    asked = nowhere.NowherePlan(name, planned.full_context)
    return _judged_with(verdict, target, await perform(asked, context.tools, seconds=context.max_seconds, began=began))


async def _with_upload_test(verdict: Verdict, target: Target, context: MeasurementContext, began: float) -> Verdict:
    """The verdict after an upload to a target that was served; unchanged where none is possible, or none is wanted."""
    page = upload.served(verdict) if context.test_upload else None
    if page is None:
        return verdict
    tools = context.tools
    async with tools.upload_slots:
        seen = await perform(
            upload.UploadPlan(page, PlanContext(random_name=random_name())),
            tools,
            seconds=context.max_seconds,
            began=began,
        )
    return _judged_with(verdict, target, seen)


async def _with_location(verdict: Verdict, target: Target, context: MeasurementContext, began: float) -> Verdict:
    """The verdict with traces to the interfering hop; unchanged where none are possible."""
    found = localise.trace_target(verdict)
    if found is None:
        return verdict
    tools = context.tools
    async with tools.localisation_lock:
        seen = await perform(
            localise.TracePlan(found, PlanContext(random_name=random_name())),
            tools,
            seconds=context.max_seconds,
            began=began,
        )
    return _judged_with(verdict, target, seen)


def _judged_with(verdict: Verdict, target: Target, seen: tuple[Observation, ...]) -> Verdict:
    """The verdict judged again with more observations."""
    evidence = replace(verdict.evidence, observations=(*verdict.evidence.observations, *seen))
    return judge.verdict(
        time=verdict.time, text=verdict.target, target=target, evidence=evidence, vantage=verdict.vantage
    )


def _failed_verdict(
    error: Exception, *, time: datetime, text: str, target: Target, context: MeasurementContext, attempt: int
) -> Verdict:
    """A verdict that names the fault; judged like any other, so that judging it again changes nothing."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return judge.verdict(
        time=time,
        text=text,
        target=target,
        evidence=Evidence(error=f"{type(error).__name__}: {error}"[:MAX_DETAIL_CHARACTERS], attempt=attempt),
        vantage=Vantage(state=VantageState.ONLINE, asn=context.asn, country=context.country),
    )
