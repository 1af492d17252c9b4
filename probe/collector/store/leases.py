"""SQL of leases: which process does a piece of work, for a time, so that several on one database share the work.

A process that ends without giving its leases back keeps others from the work until they expire. One that is late finds
out by `held`, in the transaction that stores what it did, and then stores nothing: another has taken the work over.
Times are in milliseconds of the collectors' clocks, which may differ by much less than a lease lasts.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from probe.collector.store import StoreSession
from probe.collector.store.key_sets import rows_in


class Lease(msgspec.Struct, frozen=True):
    """Who takes work of a kind, and from when until when in milliseconds."""

    kind: str
    holder: str
    now: int
    until: int


def take(session: StoreSession, lease: Lease, keys: Collection[str], *, by_force: bool = False) -> set[str]:
    """Take work that nobody else has; those of the keys that were taken, or held already.

    Args:
        session: the transaction.
        lease: kind of the work, holder and time.
        keys: of the work.
        by_force: take what others have as well; they notice it by `held`.
    """
    return {
        key
        for key in sorted(keys)
        if session.run(
            "INSERT INTO lease (kind, key, holder, until) VALUES (?, ?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET"
            " holder = excluded.holder, until = excluded.until"
            " WHERE lease.until <= ? OR lease.holder = excluded.holder OR ? = 1",
            *(lease.kind, key, lease.holder, lease.until, lease.now, int(by_force)),
        )
    }


def of_others(session: StoreSession, lease: Lease, keys: Collection[str]) -> set[str]:
    """Those of the keys that another holder has now."""
    query = "SELECT key FROM lease WHERE kind = ? AND holder <> ? AND until > ? AND key IN"
    return {str(row[0]) for row in rows_in(session, query, keys, (lease.kind, lease.holder, lease.now))}


def held(session: StoreSession, kind: str, holder: str, keys: Collection[str]) -> set[str]:
    """Those of the keys that this holder has still; nobody can take them before the transaction ends."""
    found = rows_in(
        session,
        "SELECT key FROM lease WHERE kind = ? AND holder = ? AND key IN",
        sorted(keys),
        (kind, holder),
        end=f"ORDER BY key {session.for_update}",
    )
    return {str(row[0]) for row in found}


def give_back(session: StoreSession, kind: str, holder: str, keys: Collection[str]) -> None:
    """End leases of this holder, when the work is done."""
    session.many(
        "DELETE FROM lease WHERE kind = ? AND key = ? AND holder = ?", [(kind, key, holder) for key in sorted(keys)]
    )
