"""What the targets of a pass have in common, and the plan of one target."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from probe import plan
from probe.clock import Clock
from probe.judge.vantage import conclude, notes
from probe.lazy import LateFunction, lazy
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools, random_name
from probe.model.address import Family
from probe.model.target import QuicTarget, Target, TcpTarget, UrlTarget
from probe.model.verdict import AnchorLook, ControlFacts, Vantage, VantageNote
from probe.plan.context import LinePage, PlanContext
from probe.plan.fast_path import FastPathPlan, fast_plan
from probe.session.invented_names import InventedNames
from probe.session.recent_cuts import CutLog, GlanceCuts
from probe.session.relay_trials import RelayTrials, sends_syns_to, unrouted_address
from probe.session.working_names import WorkingNames

if TYPE_CHECKING:
    from probe.measure import quic
else:
    quic = lazy("probe.measure.quic")

MAX_MEASUREMENT_SECONDS = 900.0
"""Real seconds after which a measurement is cut short. The pace limiter may delay it by minutes, not by more."""

_HAS_FINGERPRINT = LateFunction("probe.judge.blockpages", "has_fingerprint")


class _LatestConclusions:
    """What follows from the latest looks at the anchors. Thousands of targets are measured between two looks."""

    __slots__ = ("families", "lacking", "looks", "vantage")

    def __init__(self) -> None:
        self.looks: tuple[AnchorLook, ...] | None = None
        self.families: frozenset[Family] = frozenset()
        self.lacking = False
        self.vantage: Vantage | None = None


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
        invented_names: the queries for names that nobody has, which they share as well.
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
    invented_names: InventedNames = msgspec.field(default_factory=InventedNames)
    max_seconds: float = MAX_MEASUREMENT_SECONDS
    _latest: _LatestConclusions = msgspec.field(default_factory=_LatestConclusions)
    _fast_contexts: dict[tuple[object, ...], PlanContext] = msgspec.field(default_factory=dict)

    def vantage(self, looks: tuple[AnchorLook, ...]) -> Vantage:
        """The vantage as these looks at the anchors, and the host itself, show it: one record for the same looks."""
        latest, lacking = self._latest, self.tools.lack_authorities
        if latest.vantage is None or latest.vantage.anchors is not looks or latest.lacking is not lacking:
            authorities = (VantageNote.NO_AUTHORITIES,) if lacking else ()
            latest.lacking = lacking
            latest.vantage = Vantage(
                state=conclude(looks),
                asn=self.asn,
                country=self.country,
                anchors=looks,
                notes=tuple(sorted({*notes(looks), *self.host_notes, *authorities})),
            )
        return latest.vantage

    def usable_families(self) -> frozenset[Family]:
        """The address families worth trying: where IPv6 fails at the anchors, a try only costs time."""
        latest, looks = self._latest, self.anchors.latest
        if latest.looks is not looks:
            broken = Family.IPV4 in self.families and VantageNote.IPV6_BROKEN in notes(looks)
            latest.looks, latest.families = looks, self.families - {Family.IPV6} if broken else self.families
        return latest.families

    def fast_context(self) -> PlanContext:
        """The context of a plan that meets nothing unusual: without what only follow-ups need."""
        resolvers, families = self.tools.resolvers, self.usable_families()
        key = resolvers.dead(), resolvers.nat64_prefixes, families
        found = self._fast_contexts.get(key)
        if found is None:
            found = self._fast_contexts[key] = PlanContext(
                network_resolvers=self.network_resolvers,
                dead_resolvers=key[0],
                rotates=self.rotates,
                nat64=key[1],
                trusted_resolvers=self.trusted_resolvers,
                spares_resolvers=self.spares_resolvers,
                hosts_file_names=self.hosts_file_names,
                has_fingerprint=_HAS_FINGERPRINT,
                families=families,
            )
        return found


class MeasurementPlan:
    """The plan of one measurement. The context of the full plan is made where the fast one does not do.

    Args:
        text: the target as it was given.
        target: the same, parsed.
        context: what is the same for all targets.
        time: when the measurement begins.
        control: the control's facts about the target.
        attempt: 0, or the number of the re-test.
        suspected: the server name may be blocked, so neutral names are tried first.

    Attributes:
        now: when it begins, in Unix seconds.
        relay_address: an address where no host can be, for targets with an address; else empty.
    """

    __slots__ = (
        "_failed_before",
        "_full",
        "_suspected",
        "_text",
        "attempt",
        "context",
        "control",
        "nat64",
        "now",
        "relay_address",
        "target",
        "time",
    )

    def __init__(
        self,
        text: str,
        target: Target,
        context: MeasurementContext,
        time: datetime,
        *,
        control: ControlFacts | None,
        attempt: int,
        suspected: bool,
    ) -> None:
        self.target = target
        self.context = context
        self.time = time
        self.control = control
        self.attempt = attempt
        self.nat64 = context.tools.resolvers.nat64_prefixes
        self.now = time.timestamp()
        self.relay_address = unrouted_address(target)
        self._text = text
        self._suspected = suspected
        self._failed_before = attempt > 0 or text in context.relays.failing
        self._full: PlanContext | None = None

    def steps(self) -> plan.Plan | FastPathPlan:
        """The plan of the target.

        Raises:
            ProbeError: a library is missing that the target needs; says what to install.
        """
        if isinstance(self.target, QuicTarget):
            quic.require_aioquic()
        fast = isinstance(self.target, TcpTarget | UrlTarget) and self.control is None
        if fast and not self.attempt and not self._suspected:
            found = fast_plan(self.target, self._fast_context(), self._full_plan)
            if found is not None:
                return found
        return self._full_plan()

    def _fast_context(self) -> PlanContext:
        shared = self.context.fast_context()
        if not self.relay_address:
            return shared
        return replace(
            shared,
            relay_address=self.relay_address,
            relay_known=self.context.relays.known(self.target),
            failed_before=self._failed_before,
            now=self.now,
        )

    def _full_plan(self) -> plan.Plan:
        return plan.plan_for(self.target, self.full_context)

    @property
    def full_context(self) -> PlanContext:
        """Everything that a plan may need; made once."""
        if self._full is None:
            self._full = self._made_context()
        return self._full

    def _made_context(self) -> PlanContext:
        context, target, time = self.context, self.target, self.time
        looks = context.anchors.latest
        return PlanContext(
            network_resolvers=context.network_resolvers,
            dead_resolvers=context.tools.resolvers.dead(),
            rotates=context.rotates,
            nat64=self.nat64,
            trusted_resolvers=context.trusted_resolvers,
            spares_resolvers=context.spares_resolvers and not self.attempt and not self._suspected,
            hosts_file_names=context.hosts_file_names,
            control=self.control,
            has_fingerprint=_HAS_FINGERPRINT,
            families=context.usable_families(),
            random_name=random_name(),
            ghost_name=random_name(),
            other_names=context.names.to_compare(looks),
            allowed_name=context.names.allowed(looks),
            suspected=self._suspected,
            relay_address=self.relay_address,
            relay_known=context.relays.known(target),
            failed_before=self._failed_before,
            now=self.now,
            no_resolver=next(iter(context.anchors.reached), ""),
            send_syns=sends_syns_to(target),
            sample=context.range_samples.get(self._text, context.range_sample),
            seed=int(f"{time:%G%V}"),  # ISO year and week
            sample_index=self.attempt,
            search_seed=int(self.now) // 3600,
            hit_list=context.range_hits.get(self._text, ()),
            excluded_prefixes=context.range_excluded_prefixes.get(self._text, ()),
            line_pages=tuple(LinePage(*page) for page in context.anchors.large_pages),
        )
