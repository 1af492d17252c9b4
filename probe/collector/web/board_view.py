"""The data of the board, read from the database as records for the page and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from probe.collector.own_control import own_id
from probe.collector.store import StoreSession, events, from_ms, history, to_ms
from probe.collector.store.failing import FailingService, failing_services, failing_spans
from probe.collector.store.history import LatestPresence
from probe.collector.web.failing_periods import Period, Place, failing_periods, measuring_vantages
from probe.collector.web.recent_changes import Change, recent_changes
from probe.collector.web.timeline import TimelineStrip, network_timeline
from probe.fuse.board import ServiceInNetwork, board_services
from probe.fuse.revision import NEWS_KINDS
from probe.model.event import Event, Network, Presence, Scope
from probe.model.verdict import Status, VantageState

TIMELINE_PERIOD = timedelta(days=30)
RECENT_PERIOD = timedelta(hours=24)
"""The period that the list of recent changes covers."""
MAX_EVENTS_READ = 10_000
MAX_SERVICES = 300
"""Rows on the page, the worst statuses first; the API has all."""
MAX_RECENT = 20
MAX_FAILING = 200
"""Failing services without a settled status, of all networks."""
MAX_NEWS_READ = 2_000
"""Revisions read for the list of recent changes: a national event has one for each service and network."""
_WORST = (
    Status.BLOCKED,
    Status.THROTTLED,
    Status.UNREACHABLE,
    Status.DOWN,
    Status.REACHABLE,
    Status.UNKNOWN,
)


class NetworkColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the board: a network.

    Attributes:
        vantages: how many vantages have reported from there.
        present: how many of them are online and have sent a round within two of their intervals.
        seen: the time of the latest round.
        states: the states other than `online` that present vantages report.
        skew: the largest clock difference of a vantage that was corrected, in seconds.
    """

    network: Network
    vantages: int
    present: int
    seen: datetime
    states: tuple[str, ...] = ()
    skew: float = 0.0


class BoardCell(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of the board: a service in a network.

    Attributes:
        since: when the present status began: the onset of the ongoing event, or the end of the last one.
        before_watch: it began before the target was first measured, which was at `since`.
        event: the event that is ongoing there; None when there is none.
    """

    summary: ServiceInNetwork
    since: datetime
    event: Event | None
    before_watch: bool = False


class ServiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the board: a service, with a cell for each network; None where the network does not measure it."""

    service: str
    cells: tuple[BoardCell | None, ...]
    worst: Status


class StripSource(msgspec.Struct, frozen=True, kw_only=True):
    """What the strips are drawn from; a strip is drawn for the cells that a page shows.

    Attributes:
        events, failing: by place; `failing` are periods without proof of interference.
        presences: of the vantages of each network.
        until: the end of the strips.
    """

    events: dict[Place, list[Event]]
    presences: dict[Network, list[Presence]]
    failing: dict[Place, list[Period]]
    until: datetime

    def strip(self, service: str, network: Network) -> TimelineStrip:
        """The strip of a service in a network over `TIMELINE_PERIOD`."""
        place = (service, network)
        found, runs = self.events.get(place, []), self.presences.get(network, [])
        return network_timeline(found, runs, self.until - TIMELINE_PERIOD, self.until, self.failing.get(place, []))


class BoardView(msgspec.Struct, frozen=True, kw_only=True):
    """The board at one moment.

    Attributes:
        networks: the columns.
        rows: the services, the worst statuses first.
        ongoing: the events that have not lifted; an event of a country stands for those of its networks.
        recent: what happened in the last 24 hours, newest first.
        failing: what fails without a settled status, longest first.
        late: how many revisions of these hours are about earlier days.
        controls: how many controls are present and online. Without one, silence and resets prove nothing.
        own_control: whether the collector's own is one of them.
        strips: what the strips are drawn from.
    """

    now: datetime
    networks: tuple[NetworkColumn, ...]
    rows: tuple[ServiceRow, ...]
    ongoing: tuple[Event, ...]
    recent: tuple[Change, ...]
    late: int
    failing: tuple[FailingService, ...]
    controls: int
    strips: StripSource
    own_control: bool = False

    @property
    def shown(self) -> tuple[ServiceRow, ...]:
        """The rows that the page has room for."""
        return self.rows[:MAX_SERVICES]

    def of(
        self, columns: tuple[NetworkColumn, ...], rows: tuple[ServiceRow, ...], failing: tuple[FailingService, ...]
    ) -> BoardView:
        """The board of a part of the networks."""
        return msgspec.structs.replace(self, networks=columns, rows=rows, failing=failing)


def board_view(session: StoreSession, now: datetime) -> BoardView:
    """Read the board as of `now`."""
    moment = to_ms(now)
    since = to_ms(now - TIMELINE_PERIOD)
    known = events.events(session, since, MAX_EVENTS_READ)
    presences_now = history.latest_presences(session)
    controls = present_controls(presences_now, now)
    columns = network_columns([each for each in presences_now if each.role != "control"], now)
    published = events.news(session, NEWS_KINDS, to_ms(now - RECENT_PERIOD), MAX_NEWS_READ)
    recent, late = recent_changes(published, now - RECENT_PERIOD)
    counts = events.status_counts(session, moment)
    presences = history.presences_since(session, since)
    failing = failing_periods(failing_spans(session, since), measuring_vantages(counts), presences)
    strips = StripSource(events=_by_place(known), presences=_by_network(presences), failing=failing, until=now)
    rows = _rows(board_services(counts), columns, strips)
    return BoardView(
        now=now,
        networks=tuple(columns),
        rows=tuple(rows),
        ongoing=tuple(_ongoing(known)),
        recent=recent[:MAX_RECENT],
        late=late,
        failing=tuple(failing_services(session, moment)[:MAX_FAILING]),
        controls=len(controls),
        strips=strips,
        own_control=own_id(session) in controls,
    )


def present_controls(presences_now: Iterable[LatestPresence], now: datetime) -> set[str]:
    """The controls that are present and online."""
    return {
        each.agent
        for each in presences_now
        if each.role == "control" and each.state == VantageState.ONLINE and _present(each, now)
    }


def _present(each: LatestPresence, now: datetime) -> bool:
    return each.present(to_ms(now))


def network_columns(presences_now: Iterable[LatestPresence], now: datetime) -> list[NetworkColumn]:
    """One column for each network of these vantages, ordered by country and AS number."""
    by_network: dict[Network, list[LatestPresence]] = defaultdict(list)
    for each in presences_now:
        by_network[each.network].append(each)
    return [
        NetworkColumn(
            network=network,
            vantages=len(found),
            present=sum(1 for each in found if _present(each, now) and each.state == VantageState.ONLINE),
            seen=from_ms(max(each.stop for each in found)),
            states=tuple(sorted({each.state for each in found if _present(each, now)} - {VantageState.ONLINE})),
            skew=max((abs(each.skew) for each in found), default=0) / 1000,
        )
        for network, found in sorted(by_network.items(), key=lambda item: (item[0].country, item[0].asn))
    ]


def _by_place(known: Iterable[Event]) -> dict[Place, list[Event]]:
    """The events of networks by service and network."""
    found: dict[Place, list[Event]] = defaultdict(list)
    for event in known:
        if event.scope is Scope.NETWORK:
            found[event.service, event.network].append(event)
    return found


def _by_network(presences: Iterable[Presence]) -> dict[Network, list[Presence]]:
    found: dict[Network, list[Presence]] = defaultdict(list)
    for presence in presences:
        found[presence.network].append(presence)
    return found


def _rows(found: list[ServiceInNetwork], columns: list[NetworkColumn], strips: StripSource) -> list[ServiceRow]:
    cells: dict[str, dict[Network, BoardCell]] = defaultdict(dict)
    for summary in found:
        there = strips.events.get((summary.service, summary.network), [])
        cells[summary.service][summary.network] = board_cell(summary, there)
    rows = [
        ServiceRow(
            service=service,
            cells=tuple(row.get(column.network) for column in columns),
            worst=min((cell.summary.status for cell in row.values()), key=_WORST.index),
        )
        for service, row in cells.items()
    ]
    return sorted(rows, key=_rank)


def _rank(row: ServiceRow) -> tuple[int, bool, int, str, str]:
    """Order: the worst status, then rows with a blocked target, then the number of networks, then the name."""
    partial = any(cell is not None and cell.summary.partial for cell in row.cells)
    spread = sum(1 for cell in row.cells if cell is not None and cell.summary.status is row.worst)
    return (_WORST.index(row.worst), not partial, -spread, row.service.casefold(), row.service)


def board_cell(summary: ServiceInNetwork, found: Sequence[Event]) -> BoardCell:
    """The cell of a service in a network, with its ongoing event.

    Args:
        summary: the present status.
        found: events of the service in the network.
    """
    ongoing = next((event for event in found if event.lifted is None), None)
    lifts = [event.lifted for event in found if event.lifted is not None]
    if ongoing is not None and summary.status is ongoing.status:
        since, before_watch = ongoing.onset, ongoing.before_watch
    elif summary.status is Status.REACHABLE:
        since, before_watch = max([summary.since, *lifts]), False
    else:
        since, before_watch = summary.since, summary.before_watch
    return BoardCell(summary=summary, since=since, event=ongoing, before_watch=before_watch)


def _ongoing(known: list[Event]) -> list[Event]:
    """The events that have not lifted, without those of networks whose country has an event of its own."""
    ongoing = [event for event in known if event.lifted is None]
    wide = {(event.service, event.network.country) for event in ongoing if event.scope is Scope.COUNTRY}
    return [
        event for event in ongoing if event.scope is Scope.COUNTRY or (event.service, event.network.country) not in wide
    ]
