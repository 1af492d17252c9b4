"""Leases of work, on both engines."""

from __future__ import annotations

import asyncio

import msgspec

from probe.collector.store import Store, StoreSession, leases
from probe.collector.store.database_url import open_store
from probe.collector.store.leases import Lease

MINE = Lease("work", "me", 1000, 2000)
THEIRS = Lease("work", "they", 1000, 2000)


def test_work_is_one_holder_s_until_the_lease_expires_or_is_given_back(session: StoreSession) -> None:
    """A holder may take its own work again; kinds of work are apart."""
    assert leases.take(session, MINE, ["a", "b"]) == {"a", "b"}
    assert leases.take(session, MINE, ["a"]) == {"a"}
    assert leases.take(session, THEIRS, ["a", "c"]) == {"c"}
    assert leases.of_others(session, THEIRS, ["a", "b", "c"]) == {"a", "b"}
    assert leases.take(session, msgspec.structs.replace(THEIRS, kind="other"), ["a"]) == {"a"}

    leases.give_back(session, "work", "me", ["a", "c"])
    assert leases.held(session, "work", "me", ["a", "b", "c"]) == {"b"}
    assert leases.take(session, THEIRS, ["a", "b"]) == {"a"}
    later = msgspec.structs.replace(THEIRS, now=2000, until=3000)
    assert leases.of_others(session, later, ["b"]) == set()
    assert leases.take(session, later, ["b"]) == {"b"}
    assert leases.held(session, "work", "me", ["a", "b", "c"]) == set()


def test_work_taken_by_force_is_no_longer_the_other_s(session: StoreSession) -> None:
    """A process that ends does not wait for others."""
    leases.take(session, THEIRS, ["a"])

    assert leases.take(session, MINE, ["a"], by_force=True) == {"a"}
    assert leases.held(session, "work", "they", ["a"]) == set()
    assert leases.held(session, "work", "me", ["a"]) == {"a"}


async def test_each_piece_of_work_is_taken_once_by_processes_that_ask_at_once(store: Store, store_url: str) -> None:
    """However they are interleaved."""
    stores = [store, *(open_store(store_url) for _ in range(2))]
    keys = [f"{number:02}" for number in range(30)]

    def take(number: int) -> set[str]:
        lease = Lease("work", f"holder {number}", 1000, 2000)
        return lambda session: leases.take(session, lease, keys[number:] + keys[:number])  # type: ignore[return-value]

    taken = await asyncio.gather(*(each.write(take(number)) for number, each in enumerate(stores * 4)))
    for each in stores[1:]:
        await each.close()

    assert sorted(key for part in taken for key in part) == keys
