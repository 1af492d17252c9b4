"""Which subscription gets which change."""

from __future__ import annotations

import msgspec
import pytest

from probe.collector.notify.alert import AlertKind, GroupChanges, MarkedEvent, MarkedListing
from probe.collector.notify.grouping import changes_of
from probe.collector.notify.subscription import Filter, chosen
from probe.model.event import Confidence
from tests.unit.collector.notify.builders import NOW, country_event, network_event

LISTING = MarkedListing(kind=AlertKind.LISTED, entries=1, moment=NOW)


def national() -> GroupChanges:
    """A country's event with three networks, and a listing."""
    networks = [network_event(asn) for asn in (1, 2, 3)]
    marked = [MarkedEvent(event=event) for event in (*networks, country_event())]
    return changes_of("wechat", "RU", marked, [*networks, country_event()], [LISTING])


def numbers(wanted: Filter, group: GroupChanges) -> list[int] | None:
    """The AS numbers of the chosen changes."""
    found = chosen(wanted, group)
    return None if found is None else [change.event.network.asn for change in found.changes]


def test_everything_is_the_event_of_the_country_and_the_listing() -> None:
    found = chosen(Filter(), national())

    assert found is not None
    assert [change.event for change in found.changes] == [country_event()]
    assert found.listings == (LISTING,)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(services=("wechat", "line")), [0]),
        (Filter(services=("line",)), None),
        (Filter(countries=("RU",)), [0]),
        (Filter(countries=("KZ",)), None),
        (Filter(networks=(2, 9)), [2]),
        (Filter(networks=(9,)), None),
        (Filter(kinds=(AlertKind.BLOCKED,)), [0]),
        (Filter(kinds=(AlertKind.UNBLOCKED,)), None),
        (Filter(kinds=(AlertKind.LISTED,)), []),
        (Filter(confirmed=True), [0]),
        (Filter(confirmed=True, networks=(1,)), None),
    ],
)
def test_a_filter_chooses_by_service_country_network_kind_and_confidence(
    wanted: Filter, expected: list[int] | None
) -> None:
    assert numbers(wanted, national()) == expected


def test_who_asked_for_blocks_is_told_that_one_does_not_stand() -> None:
    event = network_event(1)
    group = changes_of("wechat", "RU", [MarkedEvent(event=event, before=event, withdrawn=True)], [])

    assert numbers(Filter(kinds=(AlertKind.BLOCKED,)), group) == [1]
    assert numbers(Filter(kinds=(AlertKind.UNBLOCKED,)), group) is None


def test_who_wants_confirmed_blocks_hears_of_one_when_it_is_confirmed_and_when_that_ends() -> None:
    alone = network_event(1)
    confirmed = msgspec.structs.replace(alone, confidence=Confidence.CONFIRMED)
    wanted = Filter(confirmed=True, kinds=(AlertKind.BLOCKED, AlertKind.DISPUTED))

    began = changes_of("wechat", "RU", [MarkedEvent(event=alone)], [alone])
    later = changes_of("wechat", "RU", [MarkedEvent(event=confirmed, before=alone)], [confirmed])
    again = changes_of("wechat", "RU", [MarkedEvent(event=alone, before=confirmed)], [alone])

    assert [numbers(wanted, group) for group in (began, later, again)] == [None, [1], [1]]
