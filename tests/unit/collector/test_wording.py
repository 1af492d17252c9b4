"""What things are called where people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector import wording
from probe.fuse.revision import Kind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status, VantageState

MAY = datetime(2017, 5, 4, 10, 4, tzinfo=UTC)
EVENT = Event(
    id="0" * 16,
    revision=1,
    service="WeChat",
    scope=Scope.NETWORK,
    network=Network(asn=64500, country="RU"),
    status=Status.BLOCKED,
    causes=(Cause.DNS_SPOOFED,),
    confidence=Confidence.CONFIRMED,
    onset=MAY,
    known=MAY,
    vantages=2,
)


def test_every_word_of_the_vocabularies_has_its_words() -> None:
    """A cause or status that is added is added here."""
    assert set(wording.STATUS) == set(Status)
    assert set(wording.CAUSE) == set(Cause)
    assert set(wording.STATE) == set(VantageState)
    assert set(wording.KIND) == set(Kind)


def test_an_event_is_said_in_one_sentence() -> None:
    """While it lasts, when it has lifted, and for a country."""
    lifted = msgspec.structs.replace(EVENT, lifted=MAY + timedelta(days=7))
    country = msgspec.structs.replace(EVENT, scope=Scope.COUNTRY, network=Network(country="RU"), networks=4)

    assert wording.sentence(EVENT) == "WeChat has been blocked on AS64500 (RU) since 4 May 2017, 10:04 UTC"
    assert wording.sentence(lifted).endswith(
        "was blocked on AS64500 (RU) from 4 May 2017, 10:04 UTC to 11 May 2017, 10:04 UTC"
    )
    assert wording.sentence(country).startswith("WeChat has been blocked on 4 networks of RU since")


def test_confidence_is_said_in_words() -> None:
    """One source, several, or a dispute."""
    one = msgspec.structs.replace(EVENT, confidence=Confidence.ONE_SOURCE, vantages=1)

    assert wording.confidence(EVENT) == "confirmed by 2 vantages"
    assert wording.confidence(one) == "reported by one source"
    assert "disputed" in wording.confidence(msgspec.structs.replace(EVENT, confidence=Confidence.DISPUTED))


@pytest.mark.parametrize("kind", Kind)
def test_every_revision_has_its_headline(kind: Kind) -> None:
    """With the service's name in it."""
    assert wording.news(kind, EVENT).startswith("WeChat ")


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=40), "40 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=3, minutes=4), "3 h 4 min"),
        (timedelta(days=7, hours=2, minutes=9), "7 d 2 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(seconds=-4), "0 s"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(length: timedelta, said: str) -> None:
    """Nobody reads the third."""
    assert wording.duration(length) == said


def test_a_moment_near_now_leaves_out_what_is_understood() -> None:
    """The day when it is today, the year when it is this year."""
    said = [wording.short_moment(MAY, MAY + later) for later in (timedelta(0), timedelta(days=3), timedelta(days=400))]

    assert said == ["10:04", "4 May, 10:04", "4 May 2017"]


def test_a_long_name_keeps_its_ends() -> None:
    """A target of two thousand characters is still a headline."""
    name = "https://" + "a" * 2000 + ".example/"

    assert len(wording.abridged(name)) == 64
    assert wording.abridged(name).endswith(".example/")


def test_networks_are_named_as_far_as_they_are_known() -> None:
    """By number and country."""
    assert wording.network_name(Network(asn=1, country="RU")) == "AS1 (RU)"
    assert wording.network_name(Network(country="RU")) == "an unknown network (RU)"
    assert wording.network_name(Network(asn=1)) == "AS1"
