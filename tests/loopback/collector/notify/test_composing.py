"""From published revisions to stored messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from probe.collector.notify.alert import AlertKind, AlertMessage
from probe.collector.notify.composing import read_due, store_digests, store_messages, subscription_of
from probe.collector.notify.grouping import GATHER_MS, LIFT_MS, UPDATE_MS
from probe.collector.store import Store, alert_marks, deliveries, to_ms
from probe.collector.store.alert_marks import ListingMark
from probe.collector.store.deliveries import Delivery
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.event import Confidence, Event
from tests.loopback.collector.notify.receiver import publish, row_of, subscribe
from tests.unit.collector.notify.builders import NOW, country_event, lifted, network_event

START = to_ms(NOW)
URL = "http://127.0.0.1:9/"
ORIGIN = "https://c.example"


async def compose(store: Store, now: int) -> int:
    """Store the messages that are due at a moment."""
    due = await store.read(lambda s: read_due(s, now))
    return await store.write(lambda s: store_messages(s, due, ORIGIN, now))


async def stored(store: Store) -> list[Delivery]:
    """The messages, the oldest first."""
    return list(reversed(await store.read(lambda s: deliveries.recent(s, 99))))


async def texts(store: Store) -> list[str]:
    """Their first lines."""
    return [msgspec.json.decode(each.body)["text"].splitlines()[0] for each in await stored(store)]


def next_revision(event: Event, **fields: Any) -> Event:
    """The next revision of an event."""
    return msgspec.structs.replace(event, revision=event.revision + 1, **fields)


async def test_a_national_event_is_one_message(store: Store) -> None:
    """Hundreds of networks begin to block within seconds; more follow, and the country is told once."""
    await subscribe(store, URL)
    networks = [network_event(asn) for asn in range(1, 301)]
    await publish(store, [(each, RevisionKind.BEGAN) for each in networks[:5]], START)
    assert await compose(store, START + GATHER_MS - 1) == 0
    await publish(store, [(country_event(5), RevisionKind.BEGAN)], START + 4000)
    await publish(store, [(each, RevisionKind.BEGAN) for each in networks[5:60]], START + 5000)
    assert await compose(store, START + GATHER_MS) == 1
    for first in range(60, 300, 60):
        await publish(store, [(each, RevisionKind.BEGAN) for each in networks[first : first + 60]], START + 20_000)
        assert await compose(store, START + 60_000) == 0
    assert await compose(store, START + GATHER_MS + UPDATE_MS) == 0, "the event of the country stands for them"

    assert await texts(store) == ["WeChat is blocked in Russia, on 5 networks, since 4 May 2026, 04:10 UTC."]
    assert await store.read(alert_marks.waiting_groups) == []


async def test_many_services_that_change_together_are_one_message(store: Store) -> None:
    await subscribe(store, URL)
    found = [network_event(9, id=f"{number:016x}", service=f"s{number}") for number in range(30)]
    await publish(store, [(each, RevisionKind.BEGAN) for each in found])

    assert await compose(store, START + GATHER_MS) == 1
    (delivery,) = await stored(store)
    assert len(msgspec.json.decode(delivery.body, type=AlertMessage).alerts) == 30


async def test_updates_wait_and_lifts_wait_less(store: Store) -> None:
    await subscribe(store, URL)
    one, two = network_event(1), network_event(2)
    await publish(store, [(one, RevisionKind.BEGAN)])
    told = START + GATHER_MS
    assert await compose(store, told) == 1
    await publish(store, [(two, RevisionKind.BEGAN)], told)
    assert await compose(store, told + LIFT_MS) == 0
    await publish(store, [(next_revision(lifted(one)), RevisionKind.LIFTED)], told)
    assert (await store.read(lambda s: read_due(s, told + 1))).later == told + LIFT_MS
    assert await compose(store, told + LIFT_MS) == 1

    assert (await texts(store))[1] == "WeChat is blocked on AS2 in Russia, since 4 May 2026, 04:10 UTC."


async def test_each_subscription_gets_what_it_asked_for(store: Store) -> None:
    everything = await subscribe(store, URL, 1)
    await subscribe(store, URL, 2, countries=("KZ",))
    one = await subscribe(store, URL, 3, networks=(2,))
    await publish(store, [(network_event(1), RevisionKind.BEGAN), (network_event(2), RevisionKind.BEGAN)])

    assert await compose(store, START + GATHER_MS) == 2
    assert {each.subscription for each in await stored(store)} == {everything.id, one.id}


async def test_two_processes_make_one_message(store: Store) -> None:
    """Both read the same marks; what the second would store is stored already."""
    await subscribe(store, URL)
    await publish(store, [(network_event(1), RevisionKind.BEGAN)])
    now = START + GATHER_MS
    first = await store.read(lambda s: read_due(s, now))
    second = await store.read(lambda s: read_due(s, now))

    assert await store.write(lambda s: store_messages(s, first, ORIGIN, now)) == 1
    assert await store.write(lambda s: store_messages(s, second, ORIGIN, now)) == 0
    (delivery,) = await stored(store)
    assert delivery.id == f"{network_event(1).id}.1.00000001"


async def test_what_is_published_while_a_message_is_made_is_told_by_the_next(store: Store) -> None:
    await subscribe(store, URL)
    event = network_event(1)
    await publish(store, [(event, RevisionKind.BEGAN)])
    now = START + GATHER_MS
    due = await store.read(lambda s: read_due(s, now))
    sure = next_revision(event, confidence=Confidence.CONFIRMED, vantages=2)
    await publish(store, [(sure, RevisionKind.CHANGED)], now)

    assert await store.write(lambda s: store_messages(s, due, ORIGIN, now)) == 1
    assert await compose(store, now + UPDATE_MS) == 1
    assert [msgspec.json.decode(each.body)["alerts"][0]["kinds"] for each in await stored(store)] == [
        [AlertKind.BLOCKED],
        [AlertKind.CONFIRMED],
    ]


async def test_a_renaming_is_not_told(store: Store) -> None:
    await subscribe(store, URL)
    old, new = network_event(1), network_event(1, id="e" * 16, revision=3)
    await publish(store, [(old, RevisionKind.BEGAN)])
    assert await compose(store, START + GATHER_MS) == 1
    renamed = NewRevision(event=next_revision(old), kind=RevisionKind.RENAMED, into=new.id)
    await publish(store, [renamed, NewRevision(event=new, kind=RevisionKind.CHANGED)], START + GATHER_MS)

    assert await compose(store, START + 2 * UPDATE_MS) == 0
    assert await store.read(alert_marks.waiting_groups) == []


async def test_listings_are_told(store: Store) -> None:
    await subscribe(store, URL, kinds=(AlertKind.LISTED,))
    await store.write(lambda s: alert_marks.mark_listing(s, "wechat", "RU", ListingMark("listed", 3, START), START))

    assert await compose(store, START + GATHER_MS) == 1
    assert (await texts(store))[0].startswith("3 entries of WeChat were added to the official register of Russia")


async def test_a_digest_gathers_until_its_time_and_is_one_message(store: Store) -> None:
    wanted = await subscribe(store, URL, digest="hourly")
    for number in (1, 2):
        await publish(store, [(network_event(number, service=f"s{number}"), RevisionKind.BEGAN)], START + number)
        assert await compose(store, START + number + GATHER_MS) == 1
    assert [each.state for each in await stored(store)] == ["held", "held"]

    assert await store.write(lambda s: store_digests(s, ORIGIN, START + 60_000)) == 1
    assert await store.write(lambda s: store_digests(s, ORIGIN, START + 60_000)) == 0
    (delivery,) = await stored(store)
    assert (delivery.state, delivery.subscription) == ("waiting", wanted.id)
    assert msgspec.json.decode(delivery.body)["title"].startswith("2 alerts: s1 blocked")


async def test_an_empty_digest_is_not_sent(store: Store) -> None:
    await subscribe(store, URL, digest="hourly")

    assert await store.write(lambda s: store_digests(s, ORIGIN, START)) == 0
    assert await stored(store) == []


async def test_marks_of_a_clock_that_was_ahead_do_not_wait_for_it(store: Store) -> None:
    await subscribe(store, URL)
    await publish(store, [(network_event(1), RevisionKind.BEGAN)], START + 86_400_000)

    assert await compose(store, START) == 1


@pytest.mark.parametrize("digest", ["", "daily"])
async def test_a_subscription_is_read_back_whole(store: Store, digest: str) -> None:
    wanted = await subscribe(store, URL, digest=digest, networks=(1,), kinds=(AlertKind.UNBLOCKED,))

    assert subscription_of(row_of(wanted)) == wanted
