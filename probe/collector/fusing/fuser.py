"""The background task that fuses marked services and publishes revisions.

A mark is deleted in the transaction that publishes, and only if the service was not marked again meanwhile. A crash at
any moment therefore repeats work and never skips it. In a burst the fuser rests longer than it works: each service is
fused a few times while thousands of reports arrive, not once for each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from probe.clock import Clock
from probe.collector.fusing.claims import claimed_marks, publish_claimed
from probe.collector.fusing.rejudging import judge_some
from probe.collector.fusing.service_fusion import Fused, FusionReader
from probe.collector.state import Collector
from probe.collector.store import StoreSession, alert_marks, events, from_ms, to_ms
from probe.collector.store.announcements import MARKS
from probe.collector.store.events import DirtyMark
from probe.errors import StorageError

LOG = logging.getLogger("probe.collector.fusing.fuser")
MIN_REST_SECONDS, MAX_REST_SECONDS = 0.1, 8.0
"""Bounds of the real seconds between two passes."""
REST_FACTOR = 3.0
"""A rest lasts this many times as long as the pass before it."""
SLICE_SECONDS = 0.5
"""Real seconds of fusing after which results are published, so that readers, writers and a stop do not wait longer."""
MAX_SERVICES = 50
"""Services fused before their results are published."""
RECHECK_MS = 1_000_000
"""Milliseconds after which an event that lasts is fused once more: by then a vantage that measures every five minutes
has watched for two intervals, and may dispute it."""


class Fuser:
    """The background task that fuses; one instance a process, run by the supervisor."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._rest_seconds = MIN_REST_SECONDS
        collector.store.listen(MARKS, collector.fusion_requested.set)
        collector.fusion_requested.set()  # the first pass fuses what a stopped process left marked

    async def run_once(self) -> None:
        """Wait until there may be marks, then fuse everything that is marked.

        Raises:
            StorageError: the store cannot be read or written. No mark is lost, and the next pass does not wait.
        """
        collector = self._collector
        await collector.fusion_requested.wait()
        await collector.real.sleep(self._rest_seconds)
        collector.fusion_requested.clear()
        began = collector.real.monotonic()
        try:
            more = True
            while more:
                judged = await judge_some(collector)
                more = await fuse_some(collector) or judged
        except BaseException:
            collector.fusion_requested.set()
            raise
        took = collector.real.monotonic() - began
        self._rest_seconds = min(MAX_REST_SECONDS, max(MIN_REST_SECONDS, REST_FACTOR * took))


async def fuse_some(collector: Collector, *, by_force: bool = False) -> bool:
    """Fuse the services with the oldest marks and publish the result; whether there may be more.

    With `by_force` also those that another process has taken, which then leaves them: a process that ended may have.
    """
    now = collector.clock.now()
    waiting = await claimed_marks(collector, MAX_SERVICES, by_force=by_force)
    if not waiting:
        collector.metrics.set("fusion_lag_seconds", 0.0)
        return False
    lag = now - from_ms(min(each.since for each in waiting))
    collector.metrics.set("fusion_lag_seconds", max(0.0, lag.total_seconds()))
    tried = await collector.store.read(_slice_of(waiting, now, collector.real))
    done = await publish_claimed(
        collector, tried, lambda session, mark: _publish(session, mark, tried[mark], to_ms(now))
    )
    collector.metrics.add("fusions_total", len(done))
    collector.metrics.add("fusion_faults_total", sum(found is None for found in tried.values()))
    for published in (item for mark in done if (found := tried[mark]) for item in found.revisions):
        collector.metrics.add("revisions_total", kind=published.kind)
    return len(waiting) == MAX_SERVICES or len(tried) < len(waiting)


Tried = dict[DirtyMark, Fused | None]


def _slice_of(waiting: list[DirtyMark], now: datetime, real: Clock) -> Callable[[StoreSession], Tried]:
    """A query that fuses services one after the other, at least one, until `SLICE_SECONDS` have passed."""

    def fuse_them(session: StoreSession) -> Tried:
        reader, ends = FusionReader(session, now), real.monotonic() + SLICE_SECONDS
        done: Tried = {}
        for mark in waiting:
            done[mark] = _try(reader, mark)
            if real.monotonic() >= ends:
                break
        return done

    return fuse_them


def _try(reader: FusionReader, dirty: DirtyMark) -> Fused | None:
    """The result for one service; None after a fault of this program, which must not stop the other services.

    Raises:
        StorageError: the store cannot be read. The marks stay.
    """
    try:
        return reader.fused(dirty)
    except StorageError:
        raise
    except Exception:
        LOG.exception("fusing %r in %r failed", dirty.service, dirty.cc)
        return None


def _publish(session: StoreSession, dirty: DirtyMark, found: Fused | None, now: int) -> None:
    if found is not None:
        for published in found.revisions:
            events.publish(session, published, now, dirty.reason)
            alert_marks.mark_revision(session, published, now)
        if found.settled:
            events.settle(session, dirty.service, dirty.cc, found.settled)
        if found.lasting and (found.revisions or dirty.changed < dirty.since):
            events.recheck_at(session, dirty.service, dirty.cc, now + RECHECK_MS)
    events.clear_dirty(session, dirty)
