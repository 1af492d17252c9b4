"""Messages in the database: order, leases, ends."""

from __future__ import annotations

from typing import Any

import msgspec

from probe.collector.store import Store, deliveries
from probe.collector.store.deliveries import MAX_AHEAD_MS, Delivery


async def add(store: Store, key: str, subscription: str = "s", created: int = 1, **fields: Any) -> Delivery:
    """Store a message."""
    found = Delivery(key, subscription, "webhook", created, b"{}", **fields)
    await store.write(lambda s: deliveries.add_delivery(s, found))
    return found


async def claimable(store: Store, now: int = 10) -> list[str]:
    """The keys of the messages that may be claimed."""
    return [each.id for each in await store.read(lambda s: deliveries.claimable(s, now, 99))]


async def test_messages_of_a_subscription_go_in_order_and_do_not_delay_others(store: Store) -> None:
    await add(store, "b", created=2)
    await add(store, "a", created=2)
    await add(store, "first", created=1)
    await add(store, "other", "t", created=9)

    assert await claimable(store) == ["first", "other"]
    assert await store.write(lambda s: deliveries.claim(s, Delivery("first", "s", "webhook", 1, b"{}"), 50))
    assert await claimable(store) == ["other"]
    assert await store.write(lambda s: deliveries.finish(s, "first", 50, "sent", "", 11))
    assert await claimable(store) == ["a", "other"]


async def test_a_key_is_stored_once(store: Store) -> None:
    await add(store, "k", created=1)
    await add(store, "k", created=2)

    assert [each.created for each in await store.read(lambda s: deliveries.recent(s, 9))] == [1]


async def test_a_lease_is_one_process_s_and_ends(store: Store) -> None:
    """Who was too slow records nothing any more."""
    found = await add(store, "k")
    assert await store.write(lambda s: deliveries.claim(s, found, 50))
    assert not await store.write(lambda s: deliveries.claim(s, found, 60))
    assert await claimable(store, 49) == []
    assert await claimable(store, 50) == ["k"]
    expired = msgspec.structs.replace(found, lease=50)
    assert await store.write(lambda s: deliveries.claim(s, expired, 90))
    assert not await store.write(lambda s: deliveries.finish(s, "k", 50, "sent", "", 51))
    assert not await store.write(lambda s: deliveries.postpone(s, "k", 50, "slow", 99))
    assert await store.write(lambda s: deliveries.finish(s, "k", 90, "failed", "410", 52))
    (ended,) = await store.read(lambda s: deliveries.recent(s, 9))
    assert (ended.state, ended.reason, ended.tries, ended.finished) == ("failed", "410", 2, 52)


async def test_a_postponed_message_waits_and_a_wrong_clock_does_not_hold_it(store: Store) -> None:
    found = await add(store, "k")
    assert await store.write(lambda s: deliveries.claim(s, found, 50))
    assert await store.write(lambda s: deliveries.postpone(s, "k", 50, "503", 100 + MAX_AHEAD_MS))

    assert await claimable(store, 100) == []
    assert await claimable(store, 99) == ["k"], "so far ahead no attempt is ever planned"
    assert await claimable(store, 100 + MAX_AHEAD_MS) == ["k"]
    assert await store.read(deliveries.backlog) == (1, 1)


async def test_what_is_held_is_taken_once_and_old_ends_are_deleted(store: Store) -> None:
    await add(store, "held", state="held")
    await add(store, "old", state="sent", created=1)
    await add(store, "open", created=1)

    assert [each.id for each in await store.write(lambda s: deliveries.take_held(s, "s"))] == ["held"]
    assert await store.write(lambda s: deliveries.take_held(s, "s")) == []
    await store.write(lambda s: deliveries.forget_deliveries(s, 5))
    assert [each.id for each in await store.read(lambda s: deliveries.recent(s, 9))] == ["open"]
