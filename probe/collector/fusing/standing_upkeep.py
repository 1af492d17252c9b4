"""Periodic work on the standings of vantages: their agreement with canaries, and the end of their time in shadow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, history, revocation, standings, to_ms
from probe.fuse.canary import CanaryStatus, weight_of
from probe.model.verdict import Status


class StandingUpkeep:
    """Renews the standings; one instance a process."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._looked = collector.clock.now() - timedelta(days=1)

    async def renew(self) -> None:
        """Weigh the vantages by the canaries, and have fused what vantages say whose time in shadow has ended.

        Raises:
            StorageError: the store cannot be read or written.
        """
        collector, since, now = self._collector, self._looked, self._collector.clock.now()
        canaries = collector.canaries
        if await collector.store.write(lambda session: _renew(session, canaries, since, now)):
            collector.fusion_requested.set()
        self._looked = now


def _renew(session: StoreSession, canaries: Mapping[str, CanaryStatus], since: datetime, now: datetime) -> bool:
    """Renew the standings; whether anything is to be fused."""
    marked = False
    for service, country in standings.interference_of_new_voters(session, to_ms(since), to_ms(now)):
        history.mark_dirty(session, service, country, to_ms(now))
        marked = True
    reported: dict[tuple[int, int], list[tuple[str, Status]]] = defaultdict(list)
    for agent, weight, target, status in standings.statuses_of(session, sorted(canaries)):
        reported[agent, weight].append((target, history.known_status(status)))
    for (agent, before), statuses in sorted(reported.items()):
        weight = round(weight_of(statuses, canaries) * 1000)
        if weight != before:
            agents.set_weight(session, agent, weight)
            revocation.mark_of_agent(session, agent, to_ms(now))
            marked = True
    return marked
