"""What happened lately, one line a service and country."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.collector.store import to_ms
from probe.collector.store.events import Revision
from probe.collector.web.recent_changes import happened, recent_changes
from probe.fuse.revision import RevisionKind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Status

NOW = datetime(2017, 5, 11, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def revision(
    number: int, onset: datetime, kind: RevisionKind = RevisionKind.BEGAN, asn: int = 64500, country: str = "RU"
) -> Revision:
    """A revision that was published now."""
    event = Event(
        id=f"{number:016x}",
        revision=1,
        service="WeChat",
        scope=Scope.NETWORK if asn else Scope.COUNTRY,
        network=Network(asn=asn, country=country),
        status=Status.BLOCKED,
        causes=(),
        confidence=Confidence.CONFIRMED,
        onset=onset,
        known=onset,
        lifted=onset if kind is RevisionKind.LIFTED else None,
        networks=1 if asn else 2,
    )
    return Revision(no=number, kind=kind, published=to_ms(NOW), event=event)


def test_a_change_is_dated_by_when_it_happened() -> None:
    """A backlog that arrives today tells of other days: it is counted, not listed."""
    fresh, old = revision(1, NOW - DAY / 2), revision(2, NOW - 30 * DAY)

    changes, late = recent_changes([fresh, old], NOW - DAY)

    assert [change.revision for change in changes] == [fresh]
    assert changes[0].moment == fresh.event.onset
    assert late == 1


def test_a_story_stands_once_a_service_and_country() -> None:
    """The country's event speaks for its networks; another country and an end have lines of their own."""
    one, two = revision(1, NOW - DAY / 2), revision(2, NOW - DAY / 3, asn=64501)
    whole = revision(3, NOW - DAY / 3, asn=0)
    elsewhere = revision(4, NOW - DAY / 4, country="KZ")
    ended = revision(5, NOW - DAY / 8, RevisionKind.LIFTED)

    changes, _ = recent_changes([one, two, whole, elsewhere, ended], NOW - DAY)

    assert [change.revision for change in changes] == [ended, elsewhere, whole]
    assert [network.asn for network in changes[2].networks] == [64500, 64501]


def test_a_withdrawal_happens_when_it_is_published() -> None:
    """So does a reopening; an event that began and lifted is dated by its end."""
    assert happened(revision(1, NOW - 9 * DAY, RevisionKind.WITHDRAWN)) == NOW
    assert happened(revision(1, NOW - 9 * DAY, RevisionKind.REOPENED)) == NOW
    lifted = revision(1, NOW - 9 * DAY, RevisionKind.LIFTED)
    assert happened(lifted) == NOW - 9 * DAY
    assert happened(msgspec.structs.replace(lifted, kind=RevisionKind.BEGAN)) == NOW - 9 * DAY
