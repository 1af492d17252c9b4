"""Measure lists of targets from one vantage, with one set of settings. `probe check` and the agent both use `Session`.

Example::

    async with Session(settings, clock) as session:
        session.prepare(control)
        async with aclosing(session.verdicts(targets)) as verdicts:
            async for verdict in verdicts:
                ...
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from probe.clock import Clock
from probe.lazy import LateFunction
from probe.measure.anchors import AnchorWatch
from probe.measure.budget import Budget
from probe.measure.network_config import (
    hosts_file_names,
    network_identity,
    own_addresses,
    resolver_config,
    routed_families,
)
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.measure.tunnels import tunnel_notes
from probe.model.address import Family
from probe.model.anchor_parts import AnchorMemory
from probe.model.hop import subjects_of
from probe.model.target import Target, TargetText
from probe.model.verdict import ControlFacts, Vantage, Verdict
from probe.session.concurrency import STOP_GRACE_SECONDS
from probe.session.invented_names import InventedNames
from probe.session.measurement import look_at_vantage, measure_target
from probe.session.measurement_context import MeasurementContext
from probe.session.measurement_run import MeasurementRun, Retests
from probe.session.outages import OutageMemory
from probe.session.recent_cuts import CutLog
from probe.session.relay_trials import RelayTrials
from probe.session.vantage_gate import VantageGate
from probe.session.working_names import WorkingNames
from probe.settings import Settings
from probe.settings.paths import state_folder
from probe.settings.well_known import names_of
from probe.traffic_account import TrafficAccount, current_account

if TYPE_CHECKING:
    from random import Random

    from probe.plan.relay_memory import RelayFinding
    from probe.session.pass_glances import GlanceRunner, PassGlances, RoundLooks


class Session:
    """Connections, pace, anchors and resolvers for any number of passes; use it in `async with`.

    Args:
        settings: merged.
        clock: dates the verdicts; its monotonic time counts for every age and deadline.
        limit_traffic: keep each pass within the settings' `round_connections` and `round_bytes`, and ask one trusted
            resolver where nothing is in doubt. A control asks all: vantages compare their addresses with its.
        account: counts the traffic against the budgets of the day and the month.

    Attributes:
        missing_packets: why packets are not captured although the settings ask for it; empty otherwise.
    """

    def __init__(
        self, settings: Settings, clock: Clock, *, limit_traffic: bool = False, account: TrafficAccount | None = None
    ) -> None:
        chosen = settings.measure
        self.missing_packets = ""
        self._settings = settings
        self._clock = clock
        self._spares_resolvers = limit_traffic and settings.agent.role != "control"
        self._budget = Budget(chosen.round_connections, chosen.round_bytes) if limit_traffic else Budget()
        self._budget.account = account
        pace = PaceLimiter(chosen.pace, budget=self._budget)
        self._tools = Tools(chosen.timeout, pace, boringssl=chosen.tls == "boringssl")
        self._anchors = AnchorWatch(
            chosen.anchors,
            chosen.domestic_anchors,
            self._tools,
            clock,
            chosen.trusted_resolvers,
            classify=LateFunction("probe.judge.anchor_content", "classify"),
        )
        self._stack = AsyncExitStack()
        self._engine: GlanceRunner | None = None
        self._cuts = CutLog()
        self._relays = RelayTrials(clock)
        self._invented_names = InventedNames()
        self._memory = OutageMemory()
        self.prepare({})

    def prepare(
        self,
        control: Mapping[str, ControlFacts],
        *,
        range_samples: Mapping[str, int] | None = None,
        range_hits: Mapping[str, tuple[str, ...]] | None = None,
        range_excluded_prefixes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Begin a new pass: read this host's network configuration again, since a laptop may have moved.

        Args:
            control: target -> the control's facts about it.
            range_samples: range -> how many of its addresses are sampled, where that is not the settings' number.
            range_hits: range -> addresses that have answered; of a control.
            range_excluded_prefixes: range -> prefixes inside it that belong to somebody else.
        """
        chosen = self._settings.measure
        resolvers, families = resolver_config(), routed_families()
        self._tools.begin_pass(resolvers, ipv6=Family.IPV6 in families, own=own_addresses())
        self._budget.reset()
        self._control = control
        self._context = MeasurementContext(
            tools=self._tools,
            anchors=self._anchors,
            clock=self._clock,
            asn=self._settings.network.asn,
            country=self._settings.network.country,
            network_resolvers=resolvers.servers,
            rotates=resolvers.rotates,
            trusted_resolvers=chosen.trusted_resolvers,
            spares_resolvers=self._spares_resolvers,
            hosts_file_names=hosts_file_names(),
            families=families,
            names=_working_names(self._settings),
            host_notes=tunnel_notes(),
            range_sample=chosen.range_sample,
            range_samples=range_samples or {},
            range_hits=range_hits or {},
            range_excluded_prefixes=range_excluded_prefixes or {},
            localise_from_attempt=_localise_from_attempt(self._settings),
            test_upload=chosen.send == "always",
            cuts=self._cuts,
            relays=self._relays,
            invented_names=self._invented_names,
        )
        self._relays.at_vantage((network_identity(), resolvers.servers, sorted(families)))
        self._gate = VantageGate(lambda earliest: look_at_vantage(self._context, earliest), self._clock)

    async def __aenter__(self) -> Self:
        await self._tools.__aenter__()
        if self._budget.account is not None:
            current_account.set(self._budget.account)
        wanted = self._settings.measure.packets
        if wanted != "never":
            from probe.measure.watcher import Watcher  # noqa: PLC0415 - loaded only where packets are captured

            state = state_folder(self._settings.agent.state, os.environ)
            self._tools.watcher, self.missing_packets = await Watcher.start(
                state / "pcap" if wanted == "pcap" else None
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._budget.account is not None:
            current_account.set(None)
        await self._stack.aclose()
        await self._relays.close()
        await self._invented_names.close()
        self._engine = None
        if self._tools.watcher is not None:
            await self._tools.watcher.close()
        await self._tools.__aexit__(kind, error, trace)

    def anchor_memory(self) -> AnchorMemory:
        """What is known of the anchors, for a later process at this vantage."""
        return self._anchors.memory()

    def recall(self, anchors: AnchorMemory, relays: Mapping[str, RelayFinding]) -> None:
        """Go on where an earlier process ended: with the anchors, if it found the line well, and with the relays."""
        self._anchors.recall(anchors)
        self._relays.remember(relays)

    @property
    def bytes_read(self) -> int:
        """Bytes read from connections since the last `prepare`."""
        return self._budget.bytes_read

    @property
    def connections_refused(self) -> int:
        """Connections that were not begun since the last `prepare`, because the traffic limit was reached."""
        return self._budget.refused

    @property
    def waiting_for_pace(self) -> int:
        """How many connections wait for the pace limit now."""
        return self._tools.pace.waiting

    @property
    def cuts(self) -> CutLog:
        """The conversations that were cut in this session."""
        return self._cuts

    @property
    def relays(self) -> RelayTrials:
        """What is known of relays at this vantage."""
        return self._relays

    def has_room(self, connections: int) -> bool:
        """Whether the traffic limit leaves room for so many more connections, and for what they may read."""
        return self._budget.has_room(connections)

    async def look(self) -> Vantage:
        """Look at the anchors now; return the vantage, which is `online` without anchors."""
        return await self._gate.look()

    async def nat64_prefixes(self) -> tuple[str, ...]:
        """The prefixes with which the network's resolvers write IPv4 addresses inside IPv6 ones; asks the resolvers."""
        resolvers = self._tools.resolvers
        await resolvers.survey()
        return resolvers.nat64_prefixes

    def measure(
        self,
        text: str,
        target: Target,
        *,
        attempt: int = 0,
        suspected: bool = False,
        release: Callable[[], None] | None = None,
    ) -> Coroutine[Any, Any, Verdict]:
        """Measure one target, compared with the control, whatever the state of the vantage.

        Args:
            text: the target as it was given.
            target: the same, parsed.
            attempt: 0, or the number of the re-test.
            suspected: the server name may be blocked, so neutral names are tried first.
            release: called once only late DNS answers are awaited.
        """
        control = self._control.get(text)
        return measure_target(
            text, target, self._context, control=control, attempt=attempt, suspected=suspected, release=release
        )

    def verdicts(
        self,
        targets: Iterable[TargetText],
        *,
        shuffle: Random | None = None,
        retests: Retests | None = None,
        stopping: asyncio.Event | None = None,
        grace: float = STOP_GRACE_SECONDS,
        tries_suspects: bool = True,
        looks: RoundLooks | None = None,
    ) -> AsyncGenerator[Verdict, None]:
        """Measure the targets with the settings' concurrency; yield each verdict as soon as it is final.

        Looks at the anchors first, unless `look` did since `prepare`. After the stop no target is begun, and work under
        way ends within the grace. Close the generator to cancel what is under way (`contextlib.aclosing`).

        Args:
            targets: each as it was given, and parsed; drawn one by one, as slots become free.
            shuffle: puts the targets in random order, which reads all of them first; None for the order given. Names
                that left an address silent in an earlier pass come last.
            retests: which targets are measured again; None for none.
            stopping: set when the pass is to end early.
            grace: real seconds that measurements under way may still take after the stop.
            tries_suspects: whether names that may have cut the whole line are tried again alone at the end of the pass.
            looks: which targets are glanced at, and what is known of them; None: all are looked at in full.
        """
        run = MeasurementRun(
            self.measure,
            self._gate,
            self._clock,
            concurrency=self._settings.measure.concurrency,
            retests=retests,
            stopping=stopping,
            grace=grace,
            memory=self._memory,
            tries_suspects=tries_suspects,
            glances=None if looks is None else self._glances(looks),
            is_behind=self._tools.concurrency.is_behind,
        )
        return run.verdicts(_ordered(targets, shuffle, self._cuts.silencing_names))

    def _glances(self, looks: RoundLooks) -> PassGlances:
        from probe.session.pass_glances import PassGlances  # noqa: PLC0415 - only an agent glances

        context = self._context
        return PassGlances(
            self._glance_engine,
            looks,
            self._clock,
            names=context.names,
            cuts=self._cuts,
            glance_cuts=context.glance_cuts,
            fixed_names=context.hosts_file_names,
        )

    async def _glance_engine(self) -> GlanceRunner:
        """The engine of all passes; made for the first glance."""
        if self._engine is not None:
            return self._engine
        from probe.measure.glance.glance_engine import GlanceEngine  # noqa: PLC0415 - only an agent glances

        self._engine = engine = await self._stack.enter_async_context(GlanceEngine(self._tools))
        return engine

    def vantage_key(self, secret: bytes) -> str:
        """A digest of what this vantage is: it changes with the network, its resolvers, the families and the settings.

        Nobody without the secret can tell from it where the vantage is.
        """
        from hashlib import blake2b  # noqa: PLC0415 - likewise

        context = self._context
        known = [network_identity(), context.network_resolvers, sorted(context.families), context.asn, context.country]
        known += [context.trusted_resolvers, context.host_notes]
        return blake2b(msgspec.json.encode(known), key=secret, digest_size=16).hexdigest()


def _ordered(targets: Iterable[TargetText], shuffle: Random | None, silencing: frozenset[str]) -> Iterator[TargetText]:
    """The targets shuffled or in their order, those last whose names would spoil the measurements of others."""
    if shuffle is not None:
        targets = list(targets)
        shuffle.shuffle(targets)
    last: list[TargetText] = []
    for item in targets:
        if silencing and any(subject.host in silencing for subject in subjects_of(item[1])):
            last.append(item)
        else:
            yield item
    yield from last


def _working_names(settings: Settings) -> WorkingNames:
    chosen = settings.measure
    return WorkingNames(chosen.domestic_anchors, names_of(settings.network.country), chosen.allowed_name)


def _localise_from_attempt(settings: Settings) -> int | None:
    """Return the number of the first re-test that localises a block; None for never."""
    return {"never": None, "changes": max(1, settings.agent.retests), "always": 0}[settings.measure.localise]
