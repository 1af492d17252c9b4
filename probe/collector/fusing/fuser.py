"""The background tasks of fusion: the fuser fuses marked services and publishes revisions; upkeep marks by time.

A mark is deleted in the transaction that publishes, and only if the service was not marked again meanwhile. A crash at
any moment therefore repeats work and never skips it.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import msgspec

from probe.collector.fusing.claims import claimed_marks, publish_claimed
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, alert_marks, batches, events, from_ms, history, to_ms
from probe.collector.store.announcements import MARKS
from probe.collector.store.events import DirtyMark
from probe.collector.store.standings import standings
from probe.errors import StorageError
from probe.fuse.fusion import fuse
from probe.fuse.revision import NewRevision, revise
from probe.model.event import Event, Scope

LOG = logging.getLogger("probe.collector.fusing.fuser")
TICK_SECONDS = 60.0
"""Seconds after which events that have not lifted are fused again, whether or not anything was reported."""
MIN_TICK_SECONDS = 2.0
"""The shortest real time between ticks, also on a fast laboratory clock."""
GATHER_SECONDS = 0.1
"""Real seconds to wait after a batch was stored, for many reports of one event arrive together."""
MAX_QUIET_BATCH_AGE = timedelta(days=60)
"""Age at which batches without changes are deleted: agents do not repeat batches older than their outbox."""
MAX_FORGOTTEN_BATCHES = 2000
"""Quiet batches deleted in one tick."""
MAX_SERVICES = 50
"""Services fused before their results are published."""


class Fuser:
    """The background task that fuses; one instance a process, run by the supervisor."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        collector.store.listen(MARKS, collector.fusion_requested.set)
        collector.fusion_requested.set()  # the first pass fuses what a stopped process left marked

    async def run_once(self) -> None:
        """Wait until there may be marks, then fuse everything that is marked.

        Raises:
            StorageError: the store cannot be read or written. No mark is lost, and the next pass does not wait.
        """
        collector = self._collector
        await collector.fusion_requested.wait()
        await collector.real.sleep(GATHER_SECONDS)
        collector.fusion_requested.clear()
        try:
            while await fuse_some(collector):
                pass
        except BaseException:
            collector.fusion_requested.set()
            raise


class Upkeep:
    """The background task for periodic work; one instance a process, run by the supervisor.

    It marks open events to be fused again, deletes old batches, and counts agents and events for `/metrics`.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._tick_seconds = max(MIN_TICK_SECONDS, TICK_SECONDS / collector.clock.rate)
        self._wait_seconds = 0.0

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
        await collector.store.write(lambda session: events.mark_open_events(session, now))
        collector.fusion_requested.set()
        old = to_ms(collector.clock.now() - MAX_QUIET_BATCH_AGE)
        await collector.store.write(lambda session: batches.forget_batches(session, old, MAX_FORGOTTEN_BATCHES))
        if collector.has_remains:
            collector.has_remains = not await collector.store.erase_remains()
        presences = await collector.store.read(history.latest_presences)
        for role in agents.ROLES:
            present = sum(each.present(now) for each in presences if each.role == role)
            collector.metrics.set("agents_present", present, role=role)
        lasting = await collector.store.read(lambda session: events.events(session, 0, 100_000, lasting=True))
        for scope in Scope:
            collector.metrics.set("events_open", sum(event.scope is scope for event in lasting), scope=scope)


async def fuse_some(collector: Collector, *, by_force: bool = False) -> bool:
    """Fuse the services with the oldest marks and publish the result; whether there may be more.

    With `by_force` also those that another process has taken, which then leaves them: a process that ended may have.
    """
    now = collector.clock.now()
    waiting = await claimed_marks(collector, MAX_SERVICES, by_force=by_force)
    if waiting:
        lag = now - from_ms(min(each.since for each in waiting))
        collector.metrics.set("fusion_lag_seconds", max(0.0, lag.total_seconds()))
        tried = await collector.store.read(lambda session: [(each, _try(session, each, now)) for each in waiting])
        found_of = {each: found or [] for each, found in tried}
        done = await publish_claimed(
            collector, found_of, lambda session, mark: _publish(session, mark, found_of[mark], to_ms(now))
        )
        collector.metrics.add("fusions_total", len(done))
        collector.metrics.add("fusion_faults_total", sum(found is None for _, found in tried))
        for published in (item for mark in done for item in found_of[mark]):
            collector.metrics.add("revisions_total", kind=published.kind)
    else:
        collector.metrics.set("fusion_lag_seconds", 0.0)
    return len(waiting) == MAX_SERVICES


def _try(session: StoreSession, dirty: DirtyMark, now: datetime) -> list[NewRevision] | None:
    """The revisions of one service; None after a fault of this program, which must not stop the other services.

    Raises:
        StorageError: the store cannot be read. The marks stay.
    """
    try:
        return _revisions(session, dirty, now)
    except StorageError:
        raise
    except Exception:
        LOG.exception("fusing %r in %r failed", dirty.service, dirty.cc)
        return None


def _revisions(session: StoreSession, dirty: DirtyMark, now: datetime) -> list[NewRevision]:
    """The revisions to publish of one service in one country."""
    before, numbers = events.current_events(session, dirty.service, dirty.cc)
    if not before and not numbers and not events.ever_interfered(session, dirty.service):
        return []
    spans = history.spans_of(session, dirty.service, dirty.cc)
    services = {span.target: dirty.service for span in spans}
    after = fuse(spans, history.presences_of(session, dirty.cc), now, services, standings(session))
    return revise(before, [_whole_ms(event) for event in after], numbers)


def _whole_ms(event: Event) -> Event:
    """The event as it is read back from its JSON, where times are whole milliseconds, so that it can be compared."""
    return msgspec.json.decode(msgspec.json.encode(event), type=Event)


def _publish(session: StoreSession, dirty: DirtyMark, found: list[NewRevision], now: int) -> None:
    for published in found:
        events.publish(session, published, now, dirty.reason)
        alert_marks.mark_revision(session, published, now)
    events.clear_dirty(session, dirty)
