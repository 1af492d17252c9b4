"""The records of alerts, as receivers read them."""

from __future__ import annotations

import msgspec

from probe.collector.notify import texts
from probe.collector.notify.alert import MAX_CHANGES, MAX_TARGETS, AlertMessage, MarkedEvent
from probe.collector.notify.grouping import changes_of
from tests.unit.collector.notify.builders import NOW, network_event


def message(count: int, targets: int = 1) -> AlertMessage:
    """A message of a service that is blocked on a number of networks, each with a number of targets."""
    names = tuple(f"https://t{number}.example/" for number in range(targets))
    marked = [MarkedEvent(event=network_event(asn, targets=names)) for asn in range(1, count + 1)]
    alert = texts.alert(changes_of("wechat", "RU", marked, []), "https://c.example")
    return texts.message("k", "s", [alert], "https://c.example", NOW)


def test_a_message_is_read_back_as_it_was_written() -> None:
    """The bytes are stored, and every attempt sends the same."""
    written = msgspec.json.encode(message(2))

    assert msgspec.json.encode(msgspec.json.decode(written, type=AlertMessage)) == written


def test_the_parts_of_a_message_are_bounded_and_the_rest_is_counted() -> None:
    (alert,) = message(MAX_CHANGES + 5, MAX_TARGETS + 5).alerts

    assert (len(alert.events), alert.more) == (MAX_CHANGES, 5)
    assert {len(each.event.targets) for each in alert.events} == {MAX_TARGETS}
