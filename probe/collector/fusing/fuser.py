"""Keeps events up to date: takes what intake marked, fuses it, publishes what came out differently.

Marks are taken away in the transaction that publishes, and only where nobody marked again meanwhile, so that a crash at
any moment repeats work and never skips it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta

import msgspec

from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, batches, events, from_ms, history, to_ms
from probe.collector.store.events import DirtyMark
from probe.errors import StorageError
from probe.fuse.fusion import fuse
from probe.fuse.presence import MISSED_INTERVALS
from probe.fuse.revision import NewRevision, revise
from probe.model.event import Event, Scope

LOG = logging.getLogger("probe.collector.fusing.fuser")
TICK = 60.0
"""Seconds after which events that last are looked at again, whether or not anything was reported."""
SHORTEST_TICK = 2.0
"""Real seconds below which a fast laboratory clock does not push the tick."""
GATHER = 0.1
"""Real seconds to wait after something was stored: many reports of one event arrive together."""
KEPT = timedelta(days=60)
"""How long it is remembered that a quiet batch came: agents send nothing again that is older than their outbox."""
FORGET_AT_ONCE = 2000
AT_ONCE = 50
"""Services fused before the result is written."""


async def fuse_for_ever(collector: Collector) -> None:
    """Fuse whenever intake stored something, and every tick, until cancelled."""
    tick = max(SHORTEST_TICK, TICK / collector.clock.rate)
    ticked = -tick
    while True:
        try:
            if collector.real.monotonic() - ticked >= tick:
                ticked = collector.real.monotonic()
                await _tick(collector)
            collector.stirred.clear()
            while await fuse_some(collector):
                pass
        except StorageError as error:
            LOG.warning("fusion waits: %s", error)
            await collector.real.sleep(SHORTEST_TICK)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, ticked + tick - collector.real.monotonic())):
                await collector.stirred.wait()
                await collector.real.sleep(GATHER)


async def _tick(collector: Collector) -> None:
    """What time alone changes: who bears out what lasts, and how many are present."""
    now = to_ms(collector.clock.now())
    await collector.store.write(lambda session: events.mark_open_events(session, now))
    old = to_ms(collector.clock.now() - KEPT)
    await collector.store.write(lambda session: batches.forget_batches(session, old, FORGET_AT_ONCE))
    attendances = await collector.store.read(history.latest_presences)
    for role in agents.ROLES:
        here = [
            each for each in attendances if each.role == role and each.stop + MISSED_INTERVALS * each.interval >= now
        ]
        collector.metrics.set("agents_present", len(here), role=role)
    lasting = await collector.store.read(lambda session: events.events(session, 0, 100_000, lasting=True))
    for scope in Scope:
        found = [event for event in lasting if event.scope is scope]
        collector.metrics.set("events_open", len(found), scope=scope)


async def fuse_some(collector: Collector) -> bool:
    """Fuse the oldest of what is marked; whether there may be more."""
    now = collector.clock.now()
    waiting = await collector.store.read(lambda session: events.dirty_marks(session, AT_ONCE))
    if waiting:
        lag = now - from_ms(min(each.since for each in waiting))
        collector.metrics.set("fusion_lag_seconds", max(0.0, lag.total_seconds()))
        done = await collector.store.read(lambda session: [(each, _guarded(session, each, now)) for each in waiting])
        await collector.store.write(lambda session: _publish(session, done, to_ms(now)))
        collector.metrics.add("fusions_total", len(done))
        for published in (item for _, found in done for item in found):
            collector.metrics.add("revisions_total", kind=published.kind)
    else:
        collector.metrics.set("fusion_lag_seconds", 0.0)
    return len(waiting) == AT_ONCE


def _guarded(session: StoreSession, dirty: DirtyMark, now: datetime) -> list[NewRevision]:
    """As `_differs`; a fault of ours in one service does not keep the others from being fused."""
    try:
        return _differs(session, dirty, now)
    except Exception:
        LOG.exception("fusing %r in %r failed", dirty.service, dirty.cc)
        return []


def _differs(session: StoreSession, dirty: DirtyMark, now: datetime) -> list[NewRevision]:
    """What is to be published of one service in one country."""
    before, numbers = events.current_events(session, dirty.service, dirty.cc)
    if not before and not numbers and not events.ever_bad(session, dirty.service):
        return []
    spans = history.spans_of(session, dirty.service, dirty.cc)
    services = {span.target: dirty.service for span in spans}
    sponsors = {agent.id: agent.sponsor for agent in agents.agents(session)}
    after = fuse(spans, history.presences_of(session, dirty.cc), now, services, sponsors)
    return revise(before, [_whole_ms(event) for event in after], numbers)


def _whole_ms(event: Event) -> Event:
    """The event as it comes back from its JSON, so that equal ones are equal."""
    return msgspec.json.decode(msgspec.json.encode(event), type=Event)


def _publish(session: StoreSession, done: list[tuple[DirtyMark, list[NewRevision]]], now: int) -> None:
    for dirty, found in done:
        for published in found:
            events.publish(session, published, now)
        events.clear_dirty(session, dirty)
