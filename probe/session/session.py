"""What a round measures with, made from the settings: connections, pace, anchors, resolvers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.measure import network_config
from probe.measure.anchors import AnchorWatch
from probe.measure.budget import Budget
from probe.measure.network_config import hosts_file_names
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.measure.tunnels import tunnel_notes
from probe.model.target import Target
from probe.model.verdict import AnchorLook, ControlFacts, Verdict
from probe.session.concurrency import Leave
from probe.session.measurement import Surroundings, measure
from probe.settings import Settings
from probe.settings.paths import state_folder


class Instruments:
    """Open for as long as the agent runs, in `async with`; `prepare` goes before each round.

    Args:
        settings: merged.
        clock: dates what is seen.
        budget: what may be spent until the next `prepare`; without limits when None.

    Attributes:
        lacking: why packets are not captured though the settings ask for it; empty when they are, or do not.
    """

    def __init__(self, settings: Settings, clock: Clock, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.lacking = ""
        self._settings = settings
        self._clock = clock
        chosen = settings.measure
        self._tools = Tools(chosen.timeout, PaceLimiter(chosen.pace, budget=self.budget))
        self._watch = AnchorWatch(
            chosen.anchors, chosen.domestic_anchors, self._tools, clock, chosen.trusted_resolvers, classify=classify
        )
        self.prepare({})

    def prepare(
        self,
        control: Mapping[str, ControlFacts],
        *,
        samples: Mapping[str, int] | None = None,
        known: Mapping[str, tuple[str, ...]] | None = None,
        holes: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Ask the host what its network is now: a laptop may have moved since the last round.

        Args:
            control: target -> what the control says of it.
            samples: range -> how many of its addresses are looked at, where that is not the settings' number.
            known: range -> addresses that have answered; of a control.
            holes: range -> the prefixes inside it that belong to somebody else.
        """
        chosen = self._settings.measure
        self.budget.reset()
        self._control = control
        self._surroundings = Surroundings(
            tools=self._tools,
            watch=self._watch,
            clock=self._clock,
            asn=self._settings.network.asn,
            country=self._settings.network.country,
            network_resolvers=network_config.system_resolvers(),
            trusted_resolvers=chosen.trusted_resolvers,
            own_names=hosts_file_names(),
            families=network_config.routed_families(),
            allowed_name=chosen.allowed_name,
            bypass=tunnel_notes(),
            range_sample=chosen.range_sample,
            samples=samples or {},
            known=known or {},
            holes=holes or {},
            localise=_from_attempt(self._settings),
            send=chosen.send == "always",
        )

    async def __aenter__(self) -> Instruments:
        await self._tools.__aenter__()
        wanted = self._settings.measure.packets
        if wanted != "never":
            from probe.measure.watcher import Watcher  # noqa: PLC0415 - hardly anybody asks for it

            state = state_folder(self._settings.agent.state, os.environ)
            self._tools.watcher, self.lacking = await Watcher.start(state / "pcap" if wanted == "pcap" else None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tools.watcher is not None:
            await self._tools.watcher.close()
        await self._tools.__aexit__(kind, error, trace)

    async def fresh(self, since: float) -> tuple[AnchorLook, ...]:
        """The latest look at every anchor if it began at `since` (monotonic seconds) or later, else a new one."""
        return await self._watch.fresh(since)

    async def measure(
        self,
        text: str,
        target: Target,
        *,
        attempt: int = 0,
        suspected: bool = False,
        listening: Leave | None = None,
    ) -> Verdict:
        """One target end to end, compared with the control.

        Args:
            text: the target as it was given.
            target: the same, parsed.
            attempt: 0, or which re-test this is.
            suspected: a server name may have been what was blocked: neutral names first.
            listening: called once all that is left to do is to listen for late answers.
        """
        control = self._control.get(text)
        return await measure(
            text,
            target,
            self._surroundings,
            control=control,
            attempt=attempt,
            suspected=suspected,
            listening=listening,
        )


def _from_attempt(settings: Settings) -> int | None:
    """The re-test from which on a block is localised; None for never."""
    return {"never": None, "changes": max(1, settings.agent.retests), "always": 0}[settings.measure.localise]
