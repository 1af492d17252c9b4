"""What lasts now, as one sentence a service and country."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.collector.store.failing import FailingService
from probe.collector.web.standing_events import failing_summaries, standing_events
from probe.model.event import Event, Network, Scope
from probe.model.verdict import Status
from tests.unit.collector.web.test_board_summary import column, view
from tests.unit.collector.web.test_network_counts import cell
from tests.unit.collector.web.test_wording import EVENT

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(asn: int, hours: int, country: str = "RU", service: str = "service 0") -> Event:
    """An ongoing event that began some hours after noon."""
    return msgspec.structs.replace(
        EVENT,
        id=f"{asn:016x}",
        service=service,
        onset=NOON + hours * HOUR,
        network=Network(asn=asn, country=country),
        scope=Scope.NETWORK if asn else Scope.COUNTRY,
    )


def test_a_story_is_one_sentence_a_country_and_the_newest_comes_first() -> None:
    """Several networks are counted from the cells, one is named."""
    board = view([column(64500), column(64501)], (cell(Status.BLOCKED, Status.BLOCKED),) * 2)
    lasting = (event(64500, 1), event(64501, 0), event(64502, 3, "KZ"))

    kazakhstan, russia = standing_events(msgspec.structs.replace(board, ongoing=lasting))

    assert kazakhstan.text == "has been blocked on AS64502 (KZ) since 4 May 2017, 15:00 UTC"
    assert russia.text == "in Russia: blocked on 2 of 2 measured networks, the first since 4 May 2017, 12:00 UTC"
    assert (russia.events, russia.first.network.asn) == (2, 64501)


def test_an_event_of_a_country_is_told_with_its_networks() -> None:
    """It stands for the events of those networks."""
    board = view([column(64500), column(64501)], (cell(Status.BLOCKED, Status.BLOCKED),) * 2)

    (found,) = standing_events(msgspec.structs.replace(board, ongoing=(event(0, 1),)))

    assert found.text.startswith("in Russia: blocked on 2 of 2 measured networks")


def test_what_fails_is_one_line_a_service() -> None:
    """With the network where it has lasted longest."""
    rows = [
        FailingService(service="Line", network=Network(asn=asn), since=NOON + hours * HOUR, targets=1)
        for asn, hours in ((1, 2), (2, 1))
    ]

    (found,) = failing_summaries(rows)

    assert (found.service, found.networks, found.longest.network.asn) == ("Line", 2, 2)
