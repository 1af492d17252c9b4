"""Marks of what nobody has been told of yet."""

from __future__ import annotations

import msgspec

from probe.collector.store import Store, StoreSession, alert_marks
from probe.collector.store.alert_marks import ListingMark
from probe.fuse.revision import NewRevision, RevisionKind
from tests.loopback.collector.notify.receiver import publish, subscribe
from tests.unit.collector.notify.builders import country_event, lifted, network_event

MARK = ListingMark("listed", 2, 5000)


async def marked(store: Store) -> list[tuple[str, int, int]]:
    """The marks of WeChat in Russia."""
    found = await store.read(lambda s: alert_marks.marks_of(s, "wechat", "RU"))
    return [(mark.event.id, mark.first, mark.last) for mark in found]


async def test_without_subscriptions_nothing_is_marked(store: Store) -> None:
    """Later subscribers are not told of what was before them."""
    await publish(store, [(network_event(), RevisionKind.BEGAN)])
    await store.write(lambda s: alert_marks.mark_listing(s, "wechat", "RU", MARK, 1))

    assert await store.read(alert_marks.waiting_groups) == []


async def test_revisions_of_an_event_are_one_mark(store: Store) -> None:
    """It has the first and the last of them, the highest urgency, and what was told before."""
    event = network_event()
    await publish(store, [(event, RevisionKind.BEGAN)])
    await subscribe(store, "http://127.0.0.1:9/", kinds=())
    later = [msgspec.structs.replace(event, revision=number, vantages=number) for number in (2, 3)]
    await publish(store, [(each, RevisionKind.CHANGED) for each in later], 2000)
    ended = msgspec.structs.replace(lifted(event), revision=4)
    await publish(store, [(ended, RevisionKind.LIFTED)], 3000)

    (group,) = await store.read(alert_marks.waiting_groups)
    (mark,) = await store.read(lambda s: alert_marks.marks_of(s, "wechat", "RU"))
    assert (group.service, group.cc, group.since, group.urgency, group.told) == ("wechat", "RU", 2000, 1, None)
    assert (mark.before, mark.event, mark.first, mark.last) == (event, ended, 2, 4)


async def test_an_event_of_a_country_and_a_withdrawal_are_urgent(store: Store) -> None:
    await subscribe(store, "http://127.0.0.1:9/")
    await publish(store, [(country_event(), RevisionKind.BEGAN)], 1)
    (group,) = await store.read(alert_marks.waiting_groups)
    assert group.urgency == 2

    gone = network_event(7, service="line")
    await publish(store, [(gone, RevisionKind.WITHDRAWN)], 1)
    assert [each.urgency for each in await store.read(alert_marks.waiting_groups)] == [2, 2]


async def test_what_was_withdrawn_before_counts_as_never_told(store: Store) -> None:
    event = network_event()
    await publish(store, [(event, RevisionKind.BEGAN)])
    await publish(store, [(msgspec.structs.replace(event, revision=2), RevisionKind.WITHDRAWN)])
    await subscribe(store, "http://127.0.0.1:9/")
    await publish(store, [(msgspec.structs.replace(event, revision=3), RevisionKind.REOPENED)])

    (mark,) = await store.read(lambda s: alert_marks.marks_of(s, "wechat", "RU"))
    assert mark.before is None


async def test_a_renamed_event_says_where_it_continues(store: Store) -> None:
    await subscribe(store, "http://127.0.0.1:9/")
    event = network_event()
    renamed = NewRevision(event=event, kind=RevisionKind.RENAMED, into="e" * 16)
    await publish(store, [renamed])

    (mark,) = await store.read(lambda s: alert_marks.marks_of(s, "wechat", "RU"))
    assert (mark.kind, mark.into) == (RevisionKind.RENAMED, "e" * 16)


async def test_marks_are_taken_once_and_later_revisions_stay(store: Store) -> None:
    """Two processes may have read the same; what came after the reading is not lost."""
    await subscribe(store, "http://127.0.0.1:9/")
    one, two = network_event(1), network_event(2)
    await publish(store, [(one, RevisionKind.BEGAN)])
    read = {one.id: 1}
    await publish(store, [(msgspec.structs.replace(one, revision=2), RevisionKind.CHANGED), (two, RevisionKind.BEGAN)])

    assert await store.write(lambda s: alert_marks.take_marks(s, "wechat", "RU", read))
    assert await marked(store) == [(one.id, 2, 2), (two.id, 1, 1)]
    missing = {one.id: 2, "f" * 16: 1}
    assert not await store.write(lambda s: alert_marks.take_marks(s, "wechat", "RU", missing))
    assert await marked(store) == [(one.id, 2, 2), (two.id, 1, 1)]


async def test_listings_are_added_up_and_taken_as_they_were_read(store: Store) -> None:
    await subscribe(store, "http://127.0.0.1:9/")

    def mark(session: StoreSession) -> None:
        alert_marks.mark_listing(session, "wechat", "RU", MARK, 1)
        alert_marks.mark_listing(session, "wechat", "RU", ListingMark("listed", 1, 4000), 2)

    await store.write(mark)
    read = await store.read(lambda s: alert_marks.listings_of(s, "wechat", "RU"))
    assert read == [ListingMark("listed", 3, 5000)]
    assert not await store.write(lambda s: alert_marks.take_listings(s, "wechat", "RU", [MARK]))
    assert await store.write(lambda s: alert_marks.take_listings(s, "wechat", "RU", read))
    assert await store.read(alert_marks.waiting_groups) == []


async def test_when_a_group_was_told_is_kept(store: Store) -> None:
    await subscribe(store, "http://127.0.0.1:9/")
    await store.write(lambda s: alert_marks.set_told(s, "wechat", "RU", 1, 3))
    await store.write(lambda s: alert_marks.set_told(s, "wechat", "RU", 9, 4))
    await publish(store, [(network_event(), RevisionKind.BEGAN)])

    (group,) = await store.read(alert_marks.waiting_groups)
    assert (group.told, group.networks) == (9, 4)
