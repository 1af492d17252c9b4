"""Measure one target: plan, perform the steps, judge.

This module and `probe.session.pass_glances` are the only ones of `session` and `agent` that catch `Exception`: a fault
of the program in one measurement is written into its verdict, and the pass over the list goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from probe import judge, plan
from probe.clock import Clock
from probe.judge.vantage import conclude, notes
from probe.lazy import LateFunction, lazy
from probe.measure.anchors import AnchorWatch
from probe.measure.failures import MAX_DETAIL_CHARACTERS
from probe.measure.perform import StepSource, perform
from probe.measure.tools import Tools, random_name
from probe.model.address import Family
from probe.model.hop import Purpose, subjects_of
from probe.model.observation import Observation
from probe.model.target import QuicTarget, RangeTarget, Target, TcpTarget
from probe.model.verdict import AnchorLook, ControlFacts, Evidence, Status, Vantage, VantageNote, VantageState, Verdict
from probe.plan.context import LinePage, PlanContext
from probe.session.recent_cuts import CutLog, GlanceCuts
from probe.session.relay_trials import RelayTrials, RelayWatch, sends_syns_to, unrouted_address
from probe.session.working_names import WorkingNames

if TYPE_CHECKING:
    from probe.judge import control
    from probe.measure import quic
    from probe.plan import localise, nowhere, upload
else:
    quic = lazy("probe.measure.quic")
    localise = lazy("probe.plan.localise")
    nowhere = lazy("probe.plan.nowhere")
    upload = lazy("probe.plan.upload")
    control = lazy("probe.judge.control")

_HAS_FINGERPRINT = LateFunction("probe.judge.blockpages", "has_fingerprint")

log = logging.getLogger(__name__)

MAX_MEASUREMENT_SECONDS = 900.0
"""Real seconds after which a measurement is cut short. The pace limiter may delay it by minutes, not by more."""

SILENCE_RULE = "tcp.timeout"
"""The rule that convicts by unanswered SYNs alone."""

SYN_RETRIES_SECONDS = 3.0
"""The kernel sends a SYN again after 1 and 3 s (RFC 6298); an outage that explains its silence lasts as long."""

MAX_SECONDS_SINCE_ANSWER = 3.0
"""Real seconds after an answered SYN during which the line counts as alive: a SYN and two retransmissions."""

_FAILING = frozenset({Status.BLOCKED, Status.THROTTLED, Status.UNREACHABLE})
"""Statuses for which the captured packets are added."""


class MeasurementContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a measurement that is the same for all targets of a pass.

    Attributes:
        tools: what the steps need.
        anchors: URLs that work whenever the vantage does; without any the vantage counts as online.
        clock: dates the verdicts.
        asn: AS number of the vantage, 0 when not known.
        country: ISO 3166 code, empty when not known.
        network_resolvers, rotates, trusted_resolvers, spares_resolvers, hosts_file_names, families: as in
            `probe.plan.context.PlanContext`; re-tests and suspected names spare no resolver.
        names: names that work at this vantage.
        host_notes: notes about tunnels and proxies of this host (`probe.measure.tunnels`).
        range_sample: addresses of a range that are sampled (`probe.plan.context.PlanContext.sample`).
        range_samples: range -> the same for this range, where it differs.
        range_hits: range -> addresses that have answered; a control's hit list.
        range_excluded_prefixes: range -> prefixes inside it that other owners announce.
        localise_from_attempt: number of the first attempt (0: not a re-test) that localises a block; None for never.
        test_upload: whether a target whose page was served is also tested with an upload.
        cuts: the conversations that were cut in this session.
        glance_cuts: what glances of this pass saw cut.
        relays: the trials of unrouted addresses, which the targets of a pass share.
        max_seconds: real seconds after which a measurement is cut short.
    """

    tools: Tools
    anchors: AnchorWatch
    clock: Clock = msgspec.field(default_factory=Clock)
    asn: int = 0
    country: str = ""
    network_resolvers: tuple[str, ...] = ()
    rotates: bool = False
    trusted_resolvers: tuple[str, ...] = ()
    spares_resolvers: bool = False
    hosts_file_names: frozenset[str] | None = None
    families: frozenset[Family] = frozenset(Family)
    names: WorkingNames = msgspec.field(default_factory=WorkingNames)
    host_notes: tuple[str, ...] = ()
    range_sample: int = 16
    range_samples: Mapping[str, int] = msgspec.field(default_factory=dict)
    range_hits: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    range_excluded_prefixes: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    localise_from_attempt: int | None = None
    test_upload: bool = False
    cuts: CutLog = msgspec.field(default_factory=CutLog)
    glance_cuts: GlanceCuts = msgspec.field(default_factory=GlanceCuts)
    relays: RelayTrials = msgspec.field(default_factory=RelayTrials)
    max_seconds: float = MAX_MEASUREMENT_SECONDS

    def vantage(self, looks: tuple[AnchorLook, ...]) -> Vantage:
        """The vantage as these looks at the anchors, and the host itself, show it."""
        authorities = (VantageNote.NO_AUTHORITIES,) if self.tools.lack_authorities else ()
        return Vantage(
            state=conclude(looks),
            asn=self.asn,
            country=self.country,
            anchors=looks,
            notes=tuple(sorted({*notes(looks), *self.host_notes, *authorities})),
        )

    def usable_families(self) -> frozenset[Family]:
        """The address families worth trying: where IPv6 fails at the anchors, a try only costs time."""
        if VantageNote.IPV6_BROKEN in notes(self.anchors.latest) and Family.IPV4 in self.families:
            return self.families - {Family.IPV6}
        return self.families


async def look_at_vantage(context: MeasurementContext, earliest: float) -> Vantage:
    """The vantage by the latest look at the anchors if it began at `earliest` or later, else by a new look.

    A fault of the program while looking counts as `online`; each failing target looks again.

    Args:
        context: has the anchors.
        earliest: seconds of the monotonic clock.
    """
    try:
        return context.vantage(await context.anchors.fresh(earliest))
    except Exception:
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
        if any(subject.is_name for subject in subjects_of(target)):
            await context.tools.resolvers.survey()
        plan_context = _plan_context(text, target, context, time, control=control, attempt=attempt, suspected=suspected)
        began = asyncio.get_running_loop().time()
        with context.anchors.measuring():
            verdict = await _measured(time, text, target, context, plan_context, attempt=attempt, release=release)
        if _may_have_been_an_outage(verdict, context, began):
            verdict = await _measured(time, text, target, context, plan_context, attempt=attempt, release=None)
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


async def _measured(
    time: datetime,
    text: str,
    target: Target,
    context: MeasurementContext,
    plan_context: PlanContext,
    *,
    attempt: int,
    release: Callable[[], None] | None,
) -> Verdict:
    began = asyncio.get_running_loop().time()
    seen = await _performed(target, context, plan_context, began, release=release)
    evidence = Evidence(
        observations=seen,
        control=control.used(target, plan_context.control, seen),
        nat64=plan_context.nat64,
        recent_cuts=context.cuts.explaining(seen, began),
        attempt=attempt,
    )
    vantage = context.vantage(context.anchors.latest)
    verdict = judge.verdict(time=time, text=text, target=target, evidence=evidence, vantage=vantage)
    verdict = context.glance_cuts.judged_with(verdict, target)
    verdict = await _with_queries_nowhere(verdict, target, context, plan_context, began)
    verdict = await _with_upload_test(verdict, target, context, began)
    if verdict.status is not Status.REACHABLE:
        vantage = context.vantage(await _closing_look(context, release))
        verdict = judge.verdict(time=time, text=text, target=target, evidence=verdict.evidence, vantage=vantage)
    if (watcher := context.tools.watcher) is not None and verdict.status in _FAILING:
        packets = await watcher.report(verdict.evidence.observations, began, _capture_label(verdict))
        verdict = replace(verdict, evidence=replace(verdict.evidence, packets=packets))
    first = context.localise_from_attempt
    if verdict.status is Status.BLOCKED and first is not None and attempt >= first:
        return await _with_location(verdict, target, context, began)
    return verdict


async def _performed(
    target: Target,
    context: MeasurementContext,
    plan_context: PlanContext,
    began: float,
    *,
    release: Callable[[], None] | None,
) -> tuple[Observation, ...]:
    """The observations of the target's plan, with the trial of an unrouted address that it rests on."""
    _require_library(target)
    chosen: StepSource = plan.plan_for(target, plan_context)
    watched: RelayWatch | None = None
    if isinstance(target, TcpTarget | RangeTarget) and plan_context.relay_address:
        performer = partial(perform, tools=context.tools, seconds=context.max_seconds)
        chosen = watched = context.relays.watch(chosen, target, plan_context.relay_address, performer)
    seen = await perform(
        context.cuts.watch(chosen, began),
        context.tools,
        seconds=context.max_seconds,
        began=began,
        listening=release,
    )
    return seen if watched is None else await watched.observed(seen, plan_context.now, release)


async def _closing_look(context: MeasurementContext, release: Callable[[], None] | None) -> tuple[AnchorLook, ...]:
    """The anchors after a measurement that failed.

    Where something else was answered just now, the line is not in doubt, and the look can wait for other verdicts.
    """
    now, ended = asyncio.get_running_loop().time(), context.clock.monotonic()
    patient = context.cuts.answered_between(now - MAX_SECONDS_SINCE_ANSWER, now)
    if patient and release is not None:
        release()
    return await context.anchors.fresh(ended, patient=patient)


def _plan_context(
    text: str,
    target: Target,
    context: MeasurementContext,
    time: datetime,
    *,
    control: ControlFacts | None,
    attempt: int,
    suspected: bool,
) -> PlanContext:
    return PlanContext(
        network_resolvers=context.network_resolvers,
        dead_resolvers=context.tools.resolvers.dead(),
        rotates=context.rotates,
        nat64=context.tools.resolvers.nat64_prefixes,
        trusted_resolvers=context.trusted_resolvers,
        spares_resolvers=context.spares_resolvers and not attempt and not suspected,
        hosts_file_names=context.hosts_file_names,
        control=control,
        has_fingerprint=_HAS_FINGERPRINT,
        families=context.usable_families(),
        random_name=random_name(),
        ghost_name=random_name(),
        other_names=context.names.to_compare(context.anchors.latest),
        allowed_name=context.names.allowed(context.anchors.latest),
        suspected=suspected,
        relay_address=unrouted_address(target),
        relay_known=context.relays.known(target),
        failed_before=attempt > 0 or text in context.relays.failing,
        now=time.timestamp(),
        no_resolver=next(iter(context.anchors.reached), ""),
        send_syns=sends_syns_to(target),
        sample=context.range_samples.get(text, context.range_sample),
        seed=int(f"{time:%G%V}"),  # ISO year and week
        sample_index=attempt,
        search_seed=int(time.timestamp()) // 3600,
        hit_list=context.range_hits.get(text, ()),
        excluded_prefixes=context.range_excluded_prefixes.get(text, ()),
        line_pages=tuple(LinePage(*page) for page in context.anchors.large_pages),
    )


def _require_library(target: Target) -> None:
    """Say what to install where a library is missing that the target needs."""
    if isinstance(target, QuicTarget):
        quic.require_aioquic()


def _capture_label(verdict: Verdict) -> str:
    """The beginning of the names of a verdict's capture files."""
    return f"{verdict.time:%Y%m%dT%H%M%S}-{verdict.target}"


async def _with_queries_nowhere(
    verdict: Verdict, target: Target, context: MeasurementContext, plan_context: PlanContext, began: float
) -> Verdict:
    """The verdict after queries to an address that runs no resolver; unchanged where the name is not in doubt."""
    name = nowhere.doubtful_name(verdict, target) if plan_context.no_resolver else ""
    if not name:
        return verdict
    asked = nowhere.NowherePlan(name, plan_context)
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
