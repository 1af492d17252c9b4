"""What lasts now, as one sentence a service and country, the newest change first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from probe.collector.store.failing import FailingService
from probe.collector.web import wording
from probe.collector.web.board_view import BoardView
from probe.collector.web.display_names import country_name
from probe.collector.web.network_counts import count_networks, interference_text
from probe.model.event import Event, Scope
from probe.model.verdict import Status


class StandingEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The ongoing events of one service in one country.

    Attributes:
        status: `blocked` where any of them is.
        text: the sentence without the service's name.
        first: the event that began first; it stands for causes and duration.
        events: how many there are; a single one is linked, several are told by the service's page.
    """

    service: str
    status: Status
    text: str
    first: Event
    events: int


class FailingSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A service that fails without a settled status, over all networks; `longest` is the network where it began."""

    service: str
    networks: int
    longest: FailingService


def standing_events(view: BoardView) -> list[StandingEvents]:
    """The ongoing events by service and country, the newest onset first."""
    grouped: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in view.ongoing:
        grouped[event.service, event.network.country].append(event)
    rows = {row.service: row for row in view.rows}
    found = []
    for (service, country), events in grouped.items():
        row = rows.get(service)
        cells = [cell for cell in (row.cells if row else ()) if cell is not None]
        here = [cell for cell in cells if cell.summary.network.country == country]
        found.append(_standing(service, country, events, interference_text(count_networks(here))))
    return sorted(found, key=lambda each: (each.first.onset, each.service), reverse=True)


def failing_summaries(failing: Iterable[FailingService]) -> list[FailingSummary]:
    """What fails without a settled status by service, longest first."""
    grouped: dict[str, list[FailingService]] = defaultdict(list)
    for each in failing:
        grouped[each.service].append(each)
    return [
        FailingSummary(service=service, networks=len(found), longest=min(found, key=lambda each: each.since))
        for service, found in grouped.items()
    ]


def _standing(service: str, country: str, events: list[Event], counted: str) -> StandingEvents:
    first = min(events, key=lambda event: (event.onset, event.id))
    status = Status.BLOCKED if any(event.status is Status.BLOCKED for event in events) else Status.THROTTLED
    word = wording.STATUS[status][0].lower()
    if len(events) == 1 and first.scope is Scope.NETWORK:
        text = f"has been {word} on {wording.location(first)} since {wording.beginning(first)}"
    else:
        place = country_name(country) if country else "an unknown country"
        said = counted or f"{word} on {wording.count_of(len(events), 'network')}"
        text = f"in {place}: {said}, the first since {wording.beginning(first)}"
    return StandingEvents(service=service, status=status, text=text, first=first, events=len(events))
