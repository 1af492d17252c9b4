"""What is worth telling, and when."""

from __future__ import annotations

import msgspec
import pytest

from probe.collector.notify.alert import AlertKind, MarkedEvent, MarkedListing
from probe.collector.notify.grouping import GATHER_MS, LIFT_MS, UPDATE_MS, Urgency, changes_of, due_at
from probe.model.event import Confidence, Event
from probe.model.verdict import Status
from tests.unit.collector.notify.builders import NOW, country_event, lifted, network_event

DISPUTED = Confidence.DISPUTED
CONFIRMED = Confidence.CONFIRMED


def kinds(*marked: MarkedEvent, ongoing: tuple[Event, ...] = (), told_networks: int = 0) -> list[tuple[AlertKind, ...]]:
    """The kinds of the changes that are worth telling, in their order."""
    group = changes_of("wechat", "RU", marked, ongoing, (), told_networks)
    return [change.kinds for change in group.changes]


def after(before: Event, **fields: object) -> MarkedEvent:
    """A marked event that was told of as `before`."""
    return MarkedEvent(event=msgspec.structs.replace(before, revision=before.revision + 1, **fields), before=before)


@pytest.mark.parametrize(
    ("told", "urgency", "due"),
    [
        (None, Urgency.UPDATE, 1000 + GATHER_MS),
        (900, Urgency.UPDATE, 900 + UPDATE_MS),
        (900, Urgency.LIFT, 900 + LIFT_MS),
        (900, Urgency.AT_ONCE, 1000 + GATHER_MS),
        (1000 - UPDATE_MS, Urgency.UPDATE, 1000 + GATHER_MS),
    ],
)
def test_the_first_message_is_gathered_and_updates_wait(told: int | None, urgency: Urgency, due: int) -> None:
    """What changes the answer for the country waits for nothing but the gathering."""
    assert due_at(1000, told, urgency) == due


def test_a_new_event_is_told_with_its_status() -> None:
    throttled = network_event(status=Status.THROTTLED)

    assert kinds(MarkedEvent(event=network_event())) == [(AlertKind.BLOCKED,)]
    assert kinds(MarkedEvent(event=throttled)) == [(AlertKind.THROTTLED,)]


def test_an_event_that_began_and_lifted_meanwhile_is_told_as_both() -> None:
    assert kinds(MarkedEvent(event=lifted(network_event()))) == [(AlertKind.BLOCKED, AlertKind.UNBLOCKED)]


def test_an_event_that_came_and_was_withdrawn_unseen_is_not_told() -> None:
    assert kinds(MarkedEvent(event=network_event(), withdrawn=True)) == []


def test_a_withdrawal_of_what_was_told_is_told() -> None:
    event = network_event()

    assert kinds(MarkedEvent(event=event, before=event, withdrawn=True)) == [(AlertKind.WITHDRAWN,)]


@pytest.mark.parametrize(
    ("before", "fields", "expected"),
    [
        (network_event(), {"lifted": NOW}, [(AlertKind.UNBLOCKED,)]),
        (lifted(network_event()), {"lifted": None}, [(AlertKind.BLOCKED,)]),
        (lifted(network_event()), {"vantages": 4}, []),
        (network_event(), {"vantages": 4}, []),
        (network_event(), {"status": Status.THROTTLED}, [(AlertKind.THROTTLED,)]),
        (network_event(), {"confidence": CONFIRMED}, [(AlertKind.CONFIRMED,)]),
        (network_event(), {"confidence": DISPUTED}, [(AlertKind.DISPUTED,)]),
        (network_event(confidence=CONFIRMED), {"confidence": Confidence.ONE_SOURCE}, [(AlertKind.DISPUTED,)]),
    ],
)
def test_a_change_is_told_when_it_changes_the_answer(
    before: Event, fields: dict[str, object], expected: list[tuple[AlertKind, ...]]
) -> None:
    assert kinds(after(before, **fields)) == expected


def test_a_renamed_event_is_not_told_as_a_new_one() -> None:
    """It continues what was told under the older id; where that was not told either, it is new."""
    old, new = network_event(), network_event(id="e" * 16, revision=3)
    renamed = MarkedEvent(event=old, before=old, into=new.id)
    unseen = MarkedEvent(event=old, before=None, into=new.id)

    assert kinds(renamed, MarkedEvent(event=new)) == []
    assert kinds(unseen, MarkedEvent(event=new)) == [(AlertKind.BLOCKED,)]


def test_a_circle_of_renamings_ends() -> None:
    one, two = network_event(1), network_event(2)
    circle = (MarkedEvent(event=one, into=two.id), MarkedEvent(event=two, into=one.id))

    assert kinds(*circle) == []


def test_an_event_of_the_country_stands_for_those_of_its_networks() -> None:
    """Only who asked for the network is told; a network that is unblocked meanwhile is news."""
    wide = country_event()
    group = changes_of(
        "wechat",
        "RU",
        [
            MarkedEvent(event=network_event(1)),
            MarkedEvent(event=wide),
            after(network_event(2), lifted=NOW),
            MarkedEvent(event=network_event(3, status=Status.THROTTLED)),
        ],
        [wide, network_event(1)],
    )

    assert [(change.event.network.asn, change.folded) for change in group.changes] == [
        (0, False),
        (3, False),
        (2, False),
        (1, True),
    ]
    assert group.still == 1


def test_a_country_is_told_again_when_its_networks_have_doubled() -> None:
    assert kinds(after(country_event(4), networks=7), told_networks=4) == []
    assert kinds(after(country_event(4), networks=8), told_networks=4) == [(AlertKind.BLOCKED,)]
    assert kinds(after(country_event(7), networks=8), told_networks=4) == [(AlertKind.BLOCKED,)], "however slowly"
    assert kinds(after(country_event(4), networks=7)) == []


def test_listings_are_told() -> None:
    listing = MarkedListing(kind=AlertKind.LISTED, entries=2, moment=NOW)

    assert changes_of("wechat", "RU", [], [], [listing]).listings == (listing,)
