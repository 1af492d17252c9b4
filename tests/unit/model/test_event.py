"""The published records: their JSON, their defaults and their order."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.model.event import Confidence, Event, Network, Presence, Scope, Span
from probe.model.verdict import Cause, Status

WHEN = datetime(2017, 5, 4, tzinfo=UTC)
RU = Network(asn=64500, country="RU")
EVENT = Event(
    id="e1",
    revision=2,
    service="wechat",
    scope=Scope.NETWORK,
    network=RU,
    status=Status.BLOCKED,
    causes=(Cause.TCP_TIMEOUT,),
    confidence=Confidence.ONE_SOURCE,
    onset=WHEN,
    known=WHEN,
    targets=("tcp://203.205.128.1:443",),
)
SPAN = Span(
    agent="a1", target="line.me", network=RU, start=WHEN, stop=None, known=WHEN, status=Status.BLOCKED
)  # fmt: skip
PRESENCE = Presence(agent="a1", network=RU, start=WHEN, stop=WHEN, interval=300.0, rounds=1)


@pytest.mark.parametrize("record", [EVENT, SPAN, PRESENCE], ids=lambda record: type(record).__name__)
def test_a_record_read_back_is_the_record_written(record: Event | Span | Presence) -> None:
    """Decoding gives the encoded record."""
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


def test_an_event_lasts_until_it_is_lifted() -> None:
    """A new event has no end and one vantage."""
    line = msgspec.json.decode(msgspec.json.encode(EVENT))

    assert line["lifted"] is None
    assert line["confidence"] == "one_source"


def test_networks_are_ordered_by_number_and_country() -> None:
    """Published lists keep their order from one page to the next."""
    assert min(Network(asn=2, country="A"), Network(asn=1, country="B")).asn == 1


def test_no_published_record_has_a_field_for_an_address() -> None:
    """A network has an AS number and a country only."""
    assert Network.__struct_fields__ == ("asn", "country")
