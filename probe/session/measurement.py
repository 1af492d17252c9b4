"""One target from its text to its verdict: plan, perform, judge; used by `probe check` and by the agent alike."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from probe import judge, plan
from probe.clock import Clock
from probe.judge.hits import used
from probe.judge.vantage import conclude, notes
from probe.measure.anchors import AnchorWatch
from probe.measure.failures import MAX_DETAIL
from probe.measure.perform import perform
from probe.measure.quic import require_aioquic
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.observation import Observation
from probe.model.target import QuicTarget, RangeTarget, Target, TcpTarget
from probe.model.verdict import AnchorLook, ControlFacts, Evidence, Status, Vantage, VantageNote, VantageState, Verdict
from probe.plan.context import PlanContext
from probe.plan.localise import TracePlan, trace_target
from probe.plan.upload import UploadPlan, served

LONGEST = 900.0
"""Seconds after which a measurement is cut short whatever it does: a wait of minutes for the pace is possible, one of a
quarter of an hour is a fault."""


_FAILING = frozenset({Status.BLOCKED, Status.THROTTLED, Status.UNREACHABLE})
"""What packets are asked about."""
_LETTERS = bytes(ord("a") + octet % 26 for octet in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is the same for all targets of a round.

    Attributes:
        tools: what steps need.
        watch: the anchors; without anchors the vantage is taken to be online.
        clock: dates the verdicts.
        asn: AS number of the vantage, 0 when not known.
        country: ISO 3166 code, empty when not known.
        network_resolvers, trusted_resolvers, own_names, families, allowed_name: as in `probe.plan.context.Setup`.
        bypass: what stands between this host and its network (`probe.measure.tunnels`).
        range_sample: how many addresses of a range are looked at, as `probe.plan.context.PlanContext.sample`.
        samples: text of a range -> the same for this one.
        known: text of a range -> addresses that have answered; a control's hit list.
        holes: text of a range -> the prefixes inside it that belong to somebody else.
        localise: the re-test (0: the first look) from which on it is looked where a blocked target is blocked; None for
            never.
        send: whether it is looked if what is sent to a target that was served gets through.
        longest: seconds after which a measurement is cut short.
    """

    tools: Tools
    watch: AnchorWatch
    clock: Clock = field(default_factory=Clock)
    asn: int = 0
    country: str = ""
    network_resolvers: tuple[str, ...] = ()
    trusted_resolvers: tuple[str, ...] = ()
    own_names: frozenset[str] | None = None
    families: frozenset[Family] = frozenset(Family)
    allowed_name: str = "www.wikipedia.org"
    bypass: tuple[str, ...] = ()
    range_sample: int = 16
    samples: Mapping[str, int] = field(default_factory=dict)
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    holes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    localise: int | None = None
    send: bool = False
    longest: float = LONGEST


async def measure(
    text: str,
    target: Target,
    surroundings: Surroundings,
    *,
    control: ControlFacts | None = None,
    attempt: int = 0,
    suspected: bool = False,
    listening: Callable[[], None] | None = None,
) -> Verdict:
    """Measure one target and judge it.

    A verdict other than `reachable` is held until the anchors, looked at after the measurement, have said what state
    the vantage was in. Whatever goes wrong in ourselves becomes `unknown` with `evidence.error`; only a cancellation
    gets out.

    Args:
        text: the target as it was given.
        target: the same, parsed.
        surroundings: what is the same for all targets.
        control: what the control says of it; None when it has no entry.
        attempt: 0, or which re-test this is.
        suspected: a server name is suspected: neutral names first.
        listening: called once all that is left to do is to listen for late answers.
    """
    time = surroundings.clock.now()
    began = asyncio.get_running_loop().time()
    try:
        context = _context(text, target, surroundings, time, control=control, attempt=attempt, suspected=suspected)
        seen = await perform(
            plan.plan_for(target, context),
            surroundings.tools,
            deadline=began + surroundings.longest,
            listening=listening,
        )
        evidence = Evidence(observations=seen, control=used(target, control, seen), attempt=attempt)
        vantage = vantage_of(surroundings.watch.latest, surroundings)
        verdict = judge.verdict(time=time, text=text, target=target, evidence=evidence, vantage=vantage)
        if surroundings.send:
            verdict = await _sent(verdict, target, surroundings, began)
            evidence = verdict.evidence
        if verdict.status is not Status.REACHABLE:
            vantage = vantage_of(await surroundings.watch.fresh(surroundings.clock.monotonic()), surroundings)
            verdict = judge.verdict(time=time, text=text, target=target, evidence=evidence, vantage=vantage)
        if surroundings.tools.watcher is not None and verdict.status in _FAILING:
            packets = await surroundings.tools.watcher.report(verdict.evidence.observations, began, _label(verdict))
            verdict = replace(verdict, evidence=replace(verdict.evidence, packets=packets))
        if verdict.status is Status.BLOCKED and surroundings.localise is not None and attempt >= surroundings.localise:
            verdict = await _localised(verdict, target, surroundings, began)
    except Exception as error:  # noqa: BLE001 - one target's fault must not end the round
        return _failed(error, time=time, text=text, target=target, surroundings=surroundings, attempt=attempt)
    return verdict


def _context(
    text: str,
    target: Target,
    surroundings: Surroundings,
    time: datetime,
    *,
    control: ControlFacts | None,
    attempt: int,
    suspected: bool,
) -> PlanContext:
    week = time.isocalendar()
    if isinstance(target, QuicTarget):
        require_aioquic()
    return PlanContext(
        network_resolvers=surroundings.network_resolvers,
        trusted_resolvers=surroundings.trusted_resolvers,
        own_names=surroundings.own_names,
        control=control,
        families=_families(surroundings),
        random_name=_random_name(),
        ghost_name=_random_name(),
        allowed_name=surroundings.allowed_name,
        suspected=suspected,
        relay_address=unrouted(target),
        sample=surroundings.samples.get(text, surroundings.range_sample),
        seed=week.year * 100 + week.week,
        draw=attempt,
        turn=int(time.timestamp()) // 3600,
        known=surroundings.known.get(text, ()),
        holes=surroundings.holes.get(text, ()),
    )


def _label(verdict: Verdict) -> str:
    """Begins the names of a verdict's capture files."""
    return f"{verdict.time:%Y%m%dT%H%M%S}-{verdict.target}"


async def _sent(verdict: Verdict, target: Target, surroundings: Surroundings, began: float) -> Verdict:
    """The verdict once it is known whether what is sent gets through, where that can be asked."""
    page = served(verdict)
    if page is None:
        return verdict
    tools = surroundings.tools
    async with tools.upload_slots:
        deadline = asyncio.get_running_loop().time() + surroundings.longest
        seen = await perform(
            UploadPlan(page, PlanContext(random_name=_random_name())), tools, deadline=deadline, began=began
        )
    return _with(verdict, target, seen)


async def _localised(verdict: Verdict, target: Target, surroundings: Surroundings, began: float) -> Verdict:
    """The verdict with what was seen of where on the path it is blocked, where that can be looked for."""
    found = trace_target(verdict)
    if found is None:
        return verdict
    tools = surroundings.tools
    async with tools.localisation_lock:
        deadline = asyncio.get_running_loop().time() + surroundings.longest
        seen = await perform(
            TracePlan(found, PlanContext(random_name=_random_name())), tools, deadline=deadline, began=began
        )
    return _with(verdict, target, seen)


def _with(verdict: Verdict, target: Target, seen: tuple[Observation, ...]) -> Verdict:
    """Judged again with what was seen since."""
    evidence = replace(verdict.evidence, observations=(*verdict.evidence.observations, *seen))
    return judge.verdict(
        time=verdict.time, text=verdict.target, target=target, evidence=evidence, vantage=verdict.vantage
    )


def _families(surroundings: Surroundings) -> frozenset[Family]:
    """The families worth trying: what is broken here for everybody would cost time and say nothing of anybody."""
    if VantageNote.IPV6_BROKEN in notes(surroundings.watch.latest) and Family.IPV4 in surroundings.families:
        return surroundings.families - {Family.IPV6}
    return surroundings.families


def vantage_of(looks: tuple[AnchorLook, ...], surroundings: Surroundings) -> Vantage:
    """What the anchors, and this host itself, say of the vantage."""
    return Vantage(
        state=conclude(looks),
        asn=surroundings.asn,
        country=surroundings.country,
        anchors=looks,
        notes=tuple(sorted({*notes(looks), *surroundings.bypass})),
    )


def _failed(
    error: Exception, *, time: datetime, text: str, target: Target, surroundings: Surroundings, attempt: int
) -> Verdict:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    # Judged like any other, so that judging it again changes nothing.
    return judge.verdict(
        time=time,
        text=text,
        target=target,
        evidence=Evidence(error=f"{type(error).__name__}: {error}"[:MAX_DETAIL], attempt=attempt),
        vantage=Vantage(state=VantageState.ONLINE, asn=surroundings.asn, country=surroundings.country),
    )


def unrouted(target: Target) -> str:
    """An address where nobody can be, of the target's family, drawn anew each time; none for this host's own addresses.

    From 198.18.0.0/15 (RFC 2544, for benchmarks) or 100::/64 (RFC 6666, to be discarded): a connection to it can only
    be somebody's on the path who answers for all the world.
    """
    match target:
        case TcpTarget(address=text) | RangeTarget(network=text):
            near = ipaddress.ip_network(text, strict=False)
        case _:
            return ""
    if near.is_loopback or near.is_link_local:
        return ""
    if near.version == 6:
        return str(ipaddress.IPv6Address((0x0100 << 112) + secrets.randbits(64)))
    return str(ipaddress.IPv4Address((198 << 24) + (18 << 16) + secrets.randbits(17)))


def _random_name() -> str:
    """A name that nobody can have listed: twelve letters under .com, drawn anew each time."""
    return secrets.token_bytes(12).translate(_LETTERS).decode("ascii") + ".com"
