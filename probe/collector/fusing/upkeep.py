"""The background task for periodic work: what time alone changes is marked, what is old is deleted, all is counted.

An idle collector idles. An event is fused again without a report only where time may change it: when a vantage that
measures its service falls silent or is back, some time after it changed last, and every `REFRESH_SECONDS`.
"""

from __future__ import annotations

from datetime import timedelta

from probe.collector.fusing.standing_upkeep import StandingUpkeep
from probe.collector.state import Collector
from probe.collector.store import agents, batches, events, history, to_ms
from probe.collector.store.history import LatestPresence
from probe.model.event import Scope

TICK_SECONDS = 60.0
"""Seconds between two looks at what time has changed."""
MIN_TICK_SECONDS = 2.0
"""The shortest real time between ticks, also on a fast laboratory clock."""
REFRESH_SECONDS = 6 * 3600.0
"""Seconds after which every event that has not lifted is fused again."""
MAX_CHANGED_VANTAGES = 100
"""Vantages that fell silent or came back in one tick; where there are more, all lasting events are fused again."""
MAX_QUIET_BATCH_AGE = timedelta(days=60)
"""Age at which batches without changes are deleted: agents do not repeat batches older than their outbox."""
MAX_FORGOTTEN_BATCHES = 2000
"""Quiet batches deleted in one tick."""


class Upkeep:
    """One instance a process, run by the supervisor."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._tick_seconds = max(MIN_TICK_SECONDS, TICK_SECONDS / collector.clock.rate)
        self._wait_seconds = 0.0
        self._present: dict[str, str] | None = None
        self._refreshed = 0.0
        self._standings = StandingUpkeep(collector)

    async def run_once(self) -> None:
        """Wait for the next tick, then do the upkeep.

        Raises:
            StorageError: the store cannot be read or written. The next pass does not wait.
        """
        await self._collector.real.sleep(self._wait_seconds)
        self._wait_seconds = 0.0
        await self._tick()
        self._wait_seconds = self._tick_seconds

    async def _tick(self) -> None:
        collector = self._collector
        now = to_ms(collector.clock.now())
        await self._standings.renew()
        presences = await collector.store.read(history.latest_presences)
        await self._mark(presences, now)
        old = to_ms(collector.clock.now() - MAX_QUIET_BATCH_AGE)
        await collector.store.write(lambda session: batches.forget_batches(session, old, MAX_FORGOTTEN_BATCHES))
        if collector.has_remains:
            collector.has_remains = not await collector.store.erase_remains()
        for role in agents.ROLES:
            present = sum(each.present(now) for each in presences if each.role == role)
            collector.metrics.set("agents_present", present, role=role)
        lasting = await collector.store.read(events.lasting_by_scope)
        for scope in Scope:
            collector.metrics.set("events_open", lasting.get(scope, 0), scope=scope)

    async def _mark(self, presences: list[LatestPresence], now: int) -> None:
        """Mark the events that time may have changed since the last tick."""
        collector = self._collector
        states = {each.agent: f"{each.state} {each.network}" for each in presences if each.present(now)}
        moment = collector.clock.monotonic()
        changed = {agent for agent, _ in states.items() ^ (self._present or {}).items()}
        if self._present is None or moment - self._refreshed >= REFRESH_SECONDS or len(changed) > MAX_CHANGED_VANTAGES:
            await collector.store.write(lambda session: events.mark_open_events(session, now))
            self._refreshed, marked = moment, True
        else:
            marked = bool(changed)
            for agent in sorted(changed):
                await collector.store.write(
                    lambda session, agent=agent: events.mark_open_events(session, now, agent)  # type: ignore[misc]
                )
        self._present = states
        marked = bool(await collector.store.write(lambda session: events.mark_due(session, now))) or marked
        if marked:
            collector.fusion_requested.set()
