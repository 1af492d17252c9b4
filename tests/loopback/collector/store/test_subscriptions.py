"""Subscriptions in the database."""

from __future__ import annotations

import pytest

from probe.collector.store import Store, deliveries, subscriptions
from probe.collector.store.deliveries import Delivery
from tests.loopback.collector.notify.receiver import row_of, subscribe


async def test_subscriptions_are_stored_listed_and_removed_with_what_waits(store: Store) -> None:
    one = await subscribe(store, "http://127.0.0.1:9/", 1)
    two = await subscribe(store, "http://127.0.0.1:9/", 2)
    for number, wanted in enumerate((one, two)):
        delivery = Delivery(f"k{number}", wanted.id, "webhook", 1, b"{}")
        await store.write(lambda s, each=delivery: deliveries.add_delivery(s, each))

    assert await store.read(subscriptions.subscriptions) == [row_of(one), row_of(two)]
    assert await store.write(lambda s: subscriptions.remove_subscription(s, one.id))
    assert not await store.write(lambda s: subscriptions.remove_subscription(s, one.id))
    assert await store.read(lambda s: subscriptions.subscription(s, one.id)) is None
    assert [each.id for each in await store.read(lambda s: deliveries.recent(s, 9))] == ["k1"]


async def test_there_is_a_limit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MAX_SUBSCRIPTIONS", 1)
    one = await subscribe(store, "http://127.0.0.1:9/", 1)

    assert not await store.write(lambda s: subscriptions.add_subscription(s, row_of(one)))


async def test_a_digest_is_due_once(store: Store) -> None:
    """Of two processes one makes it."""
    wanted = await subscribe(store, "http://127.0.0.1:9/", digest="hourly")
    (due,) = await store.read(lambda s: subscriptions.due_digests(s, 10))

    assert await store.write(lambda s: subscriptions.set_digest_due(s, wanted.id, due.digest_due, 99))
    assert not await store.write(lambda s: subscriptions.set_digest_due(s, wanted.id, due.digest_due, 99))
    assert await store.read(lambda s: subscriptions.due_digests(s, 98)) == []
