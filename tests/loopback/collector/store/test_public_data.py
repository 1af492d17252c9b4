"""The public data page by page, on every engine."""

from __future__ import annotations

from typing import Any

import msgspec

from probe.collector.store import Store, StoreSession, public_data, to_ms
from probe.collector.store.history import VantageKey
from probe.collector.store.public_data import PlaceFilter, Position, SpanFilter
from probe.fuse.revision import RevisionKind
from probe.model.event import Network, Span
from tests.loopback.collector.notify.receiver import publish
from tests.unit.collector.notify.builders import HOUR, NOW, lifted, network_event

ALL = PlaceFilter()
START = to_ms(NOW)


async def test_events_are_read_in_pages_newest_first(store: Store) -> None:
    """Events of one moment go by id; each comes once."""
    found = [network_event(asn, onset=NOW - HOUR * (asn // 3)) for asn in range(1, 10)]
    await publish(store, [(each, RevisionKind.BEGAN) for each in found])

    def walk(session: StoreSession) -> list[int]:
        numbers: list[int] = []
        after: Position | None = None
        while page := public_data.event_page(session, ALL, 0, after, 2, lasting=False):
            numbers += [each.network.asn for each in page]
            after = public_data.position_of(page[-1])
        return numbers

    assert await store.read(walk) == list(range(1, 10))


async def test_events_are_filtered_by_place_and_by_whether_they_last(store: Store) -> None:
    one, two = network_event(1), lifted(network_event(2, network=Network(asn=2, country="KZ"), service="line"))
    await publish(store, [(one, RevisionKind.BEGAN), (two, RevisionKind.BEGAN)])

    async def ids(place: PlaceFilter, since: int = 0, *, lasting: bool = False) -> list[str]:
        found = await store.read(
            lambda session: public_data.event_page(session, place, since, None, 9, lasting=lasting)
        )
        return [each.id for each in found]

    assert await ids(PlaceFilter(service="line")) == [two.id]
    assert await ids(PlaceFilter(country="RU")) == [one.id]
    assert await ids(PlaceFilter(asn=2, country="KZ")) == [two.id]
    assert await ids(ALL, lasting=True) == [one.id]
    assert await ids(ALL, to_ms(NOW + 2 * HOUR)) == [one.id]


async def test_revisions_follow_their_numbers_within_a_period(store: Store) -> None:
    event = network_event()
    for number in (1, 2, 3):
        published = msgspec.structs.replace(event, revision=number)
        await publish(store, [(published, RevisionKind.CHANGED)], START + number)

    async def numbers(after: int, period: tuple[int, int] | None = None) -> list[int]:
        found = await store.read(lambda session: public_data.revision_page(session, ALL, after, 2, period))
        return [each.event.revision for each in found]

    assert await numbers(0) == [1, 2]
    (first, *_) = await store.read(lambda session: public_data.revision_page(session, ALL, 0, 1))
    assert await numbers(first.no) == [2, 3]
    assert await numbers(0, (START + 2, START + 3)) == [2]
    assert await store.read(public_data.published_days) == (START + 1, START + 3)


async def fill(store: Store) -> None:
    """Two agents in one network, three targets, two spans each."""

    def write(session: StoreSession) -> None:
        session.run("INSERT INTO network (no, asn, cc) VALUES (1, 64500, 'RU')")
        for agent in (1, 2):
            session.run(
                "INSERT INTO agent (no, id, pubkey, role, sponsor, asn, cc, created, seen)"
                " VALUES (?, ?, ?, 'vantage', '', 0, '', 0, 0)",
                *(agent, f"agent{agent}", bytes([agent])),
            )
        for target in (1, 2, 3):
            session.run("INSERT INTO target (no, text, service) VALUES (?, ?, 'wechat')", target, f"t{target}")
            for agent in (1, 2):
                for start, stop in ((START, START + 5), (START + 5, None)):
                    session.run(
                        "INSERT INTO span (target, agent, start, stop, known, network, status, causes)"
                        " VALUES (?, ?, ?, ?, ?, 1, 'blocked', 'tcp.reset')",
                        *(target, agent, start, stop, start),
                    )

    await store.write(write)


async def test_spans_are_read_in_pages_by_target_vantage_and_start(store: Store) -> None:
    await fill(store)

    def walk(session: StoreSession, wanted: SpanFilter) -> list[Span]:
        spans: list[Span] = []
        after: Position | None = None
        while page := public_data.span_page(session, wanted, after, 5):
            spans += [span for _, span in page]
            after = page[-1][0]
        return spans

    async def read(**fields: Any) -> list[tuple[str, str, int]]:
        found = await store.read(lambda session: walk(session, SpanFilter(**fields)))
        return [(each.target, each.agent, to_ms(each.start) - START) for each in found]

    whole = [(f"t{t}", f"agent{a}", start) for t in (1, 2, 3) for a in (1, 2) for start in (0, 5)]
    one = VantageKey("agent1", Network(asn=64500, country="RU"))
    assert await read() == whole
    assert await read(target="t2") == [each for each in whole if each[0] == "t2"]
    assert await read(vantage=one) == [each for each in whole if each[1] == "agent1"]
    assert await read(since=START + 6) == [each for each in whole if each[2] == 5]
    assert await read(began=(START, START + 5)) == [each for each in whole if each[2] == 0]


async def test_what_was_never_measured_is_told_from_what_has_no_events(store: Store) -> None:
    await fill(store)

    async def unknown(**fields: Any) -> str:
        return await store.read(lambda session: public_data.unknown_part(session, PlaceFilter(**fields)))

    assert await unknown(service="wechat", country="RU", asn=64500) == ""
    assert await unknown(service="t1") == ""
    assert [await unknown(service="x"), await unknown(country="KZ"), await unknown(asn=1)] == ["service", "cc", "asn"]
    assert await store.read(lambda session: public_data.is_target(session, "t1"))
    assert not await store.read(lambda session: public_data.is_target(session, "x"))
