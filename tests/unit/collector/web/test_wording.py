"""Words and sentences of pages and feeds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector.web import wording
from probe.fuse.revision import RevisionKind
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


def test_every_status_cause_state_and_revision_kind_has_a_text() -> None:
    """A new one without a text fails here."""
    assert set(wording.STATUS) == set(Status)
    assert set(wording.CAUSE) == set(Cause)
    assert set(wording.STATE) == set(VantageState)
    assert wording.state_text("policed") == wording.STATE[VantageState.POLICED]


def test_a_state_of_a_newer_version_is_shown_as_it_was_reported() -> None:
    """Underscores become blanks."""
    assert wording.state_text("half_open") == "half open"
    assert set(wording.KIND) == set(RevisionKind)


def test_an_event_is_one_sentence() -> None:
    """Ongoing, lifted, and for a country."""
    lifted = msgspec.structs.replace(EVENT, lifted=MAY + timedelta(days=7))
    country = msgspec.structs.replace(EVENT, scope=Scope.COUNTRY, network=Network(country="RU"), networks=4)

    assert wording.sentence(EVENT) == "WeChat has been blocked on AS64500 (RU) since 4 May 2017, 10:04 UTC"
    assert wording.sentence(lifted).endswith(
        "was blocked on AS64500 (RU) from 4 May 2017, 10:04 UTC to 11 May 2017, 10:04 UTC"
    )
    assert wording.sentence(country).startswith("WeChat has been blocked on 4 networks of RU since")


def test_an_event_that_stood_before_the_first_measurement_has_no_onset() -> None:
    """The first measurement is named as what it is."""
    stood = msgspec.structs.replace(EVENT, before_watch=True)
    lifted = msgspec.structs.replace(stood, lifted=MAY + timedelta(days=7))

    assert wording.sentence(stood) == (
        "WeChat has been blocked on AS64500 (RU) since before we looked (first seen 4 May 2017, 10:04 UTC)"
    )
    assert wording.sentence(lifted).endswith(
        "from before we looked (first seen 4 May 2017, 10:04 UTC) to 11 May 2017, 10:04 UTC"
    )
    assert wording.headline(RevisionKind.BEGAN, stood) == "WeChat blocked on AS64500 (RU) since before we looked"
    assert (wording.kind_text(RevisionKind.BEGAN, stood), wording.onset_label(stood)) == ("Found", "First seen")
    assert (wording.kind_text(RevisionKind.BEGAN, EVENT), wording.onset_label(EVENT)) == ("Began", "Began, about")
    assert wording.kind_text(RevisionKind.LIFTED, lifted) == "Lifted"


def test_a_service_of_the_catalogue_is_called_by_its_title() -> None:
    """Agents report its id; a name that the catalogue does not have is shown as it is."""
    event = msgspec.structs.replace(EVENT, service="blackberry-messenger")
    other = msgspec.structs.replace(EVENT, service="https://a.example/")

    assert wording.sentence(event).startswith("BlackBerry Messenger has been blocked on")
    assert wording.headline(RevisionKind.BEGAN, event) == "BlackBerry Messenger blocked on AS64500 (RU)"
    assert wording.headline(RevisionKind.BEGAN, other) == "https://a.example/ blocked on AS64500 (RU)"


def test_confidence_has_a_text() -> None:
    """One source, several, or a dispute."""
    one = msgspec.structs.replace(EVENT, confidence=Confidence.ONE_SOURCE, vantages=1)

    assert wording.confidence(EVENT) == "confirmed by 2 vantages"
    assert wording.confidence(one) == "reported by one source"
    assert "disputed" in wording.confidence(msgspec.structs.replace(EVENT, confidence=Confidence.DISPUTED))


@pytest.mark.parametrize("kind", RevisionKind)
def test_every_revision_has_its_headline(kind: RevisionKind) -> None:
    """With the service's name in it."""
    assert wording.headline(kind, EVENT).startswith("WeChat ")


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
def test_a_duration_has_its_two_largest_units(length: timedelta, said: str) -> None:
    """Smaller units are dropped."""
    assert wording.duration(length) == said


def test_a_moment_near_now_leaves_out_the_shared_parts() -> None:
    """The day when it is today, the year when it is this year."""
    said = [wording.short_moment(MAY, MAY + later) for later in (timedelta(0), timedelta(days=3), timedelta(days=400))]

    assert said == ["10:04", "4 May, 10:04", "4 May 2017"]


def test_a_long_name_keeps_its_ends() -> None:
    """A target of two thousand characters still fits a headline."""
    name = "https://" + "a" * 2000 + ".example/"

    assert len(wording.shortened(name)) == 64
    assert wording.shortened(name).endswith(".example/")


def test_networks_are_named_as_far_as_they_are_known() -> None:
    """By number and country."""
    assert wording.network_name(Network(asn=1, country="RU")) == "AS1 (RU)"
    assert wording.network_name(Network(country="RU")) == "an unknown network (RU)"
    assert wording.network_name(Network(asn=1)) == "AS1"


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (3600, 3600, "1 h after"),
        (3600, 90_000, "1 h to 1 d 1 h after"),
        (-90_000, -3600, "1 h to 1 d 1 h before"),
        (-3600, 7200, "from 1 h before to 2 h after"),
        (3600, None, "at least 1 h after"),
        (-3600, None, "not known"),
    ],
)
def test_a_lag_is_a_range(least: float, most: float | None, said: str) -> None:
    """Between two snapshots of a register."""
    assert wording.lag_range(least, most) == said


def test_a_time_range_has_its_bounds() -> None:
    """One moment where both are equal, and the later alone where the earlier is unknown."""
    one, two = datetime(2017, 5, 4, tzinfo=UTC), datetime(2017, 5, 5, tzinfo=UTC)

    assert wording.time_range(one, two) == "between 4 May 2017, 00:00 UTC and 5 May 2017, 00:00 UTC"
    assert wording.time_range(two, two) == "5 May 2017, 00:00 UTC"
    assert wording.time_range(None, two) == "before 5 May 2017, 00:00 UTC"


def test_confidence_is_counted_by_network() -> None:
    """Confirmed events come first."""
    kinds = (Confidence.ONE_SOURCE, Confidence.CONFIRMED, Confidence.CONFIRMED)
    lasting = [msgspec.structs.replace(EVENT, confidence=kind) for kind in kinds]

    assert (
        wording.confidence_summary(lasting)
        == "confirmed by several vantages on 2 networks, reported by one source on 1 network"
    )
    assert wording.confidence_summary([]) == ""
