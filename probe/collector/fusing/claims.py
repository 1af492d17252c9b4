"""Marks that one process has taken to fuse, so that several processes on one database share the marked services.

What a process fused is stored only where it holds the service's lease still. So a service is never published twice from
one state, and a mark that another process has taken over is that one's to delete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from probe.collector.state import Collector
from probe.collector.store import ConstraintError, StoreSession, events, leases, to_ms
from probe.collector.store.announcements import REVISIONS
from probe.collector.store.events import DirtyMark
from probe.collector.store.leases import Lease

KIND = "fuse"
LEASE_MS = 10_000
"""Milliseconds after which another process may fuse what this one has taken."""
LOOK_AHEAD = 4
"""How many times as many marks as are wanted are looked at, for other processes may have the oldest ones."""


async def claimed_marks(collector: Collector, limit: int, *, by_force: bool = False) -> list[DirtyMark]:
    """The oldest marks that no other process fuses, which are this process's now.

    Where others have some, the fuser is woken again when their time is over.
    """
    now = to_ms(collector.real.now())
    lease = Lease(KIND, collector.holder, now, now + LEASE_MS)
    waiting, others = await collector.store.read(lambda session: _free_marks(session, lease, limit, by_force=by_force))
    if others:
        asyncio.get_running_loop().call_later(LEASE_MS / 1000, collector.fusion_requested.set)
    if not waiting:
        return []
    keys = [key_of(mark) for mark in waiting]
    taken = await collector.store.write(lambda session: leases.take(session, lease, keys, by_force=by_force))
    return [mark for mark in waiting if key_of(mark) in taken]


async def publish_claimed(
    collector: Collector, marks: Iterable[DirtyMark], store: Callable[[StoreSession, DirtyMark], None]
) -> list[DirtyMark]:
    """Store what came of marks, in one transaction, and end their leases; the marks whose result was stored.

    Args:
        collector: whose holder has the marks.
        marks: that were fused.
        store: stores the result of one mark.
    """
    given = list(marks)

    def publish(session: StoreSession) -> list[DirtyMark]:
        held = leases.held(session, KIND, collector.holder, [key_of(mark) for mark in given])
        done = [mark for mark in given if key_of(mark) in held]
        for mark in done:
            store(session, mark)
        leases.give_back(session, KIND, collector.holder, held)
        return done

    try:
        done = await collector.store.write(publish)
    except ConstraintError:
        # A revision of that number is there: it was published from a newer state. The marks stay, to be fused anew.
        collector.metrics.add("fusion_conflicts_total")
        collector.fusion_requested.set()
        return []
    collector.store.announce(REVISIONS)
    return done


def key_of(mark: DirtyMark) -> str:
    """The key of a mark's lease."""
    return f"{mark.cc} {mark.service}"


def _free_marks(session: StoreSession, lease: Lease, limit: int, *, by_force: bool) -> tuple[list[DirtyMark], bool]:
    """The oldest marks that no other process has; and whether others have some."""
    marks = events.dirty_marks(session, LOOK_AHEAD * limit)
    others = set() if by_force else leases.of_others(session, lease, [key_of(mark) for mark in marks])
    return [mark for mark in marks if key_of(mark) not in others][:limit], bool(others)
