"""What the board shows: gathered in one look at the database, as plain records for the page and the API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from probe.collector.store import StoreSession, events, from_ms, history, to_ms
from probe.collector.store.events import Revision
from probe.collector.store.history import LatestPresence
from probe.collector.web.timeline import TimelineStrip, strip
from probe.fuse.board import ServiceInNetwork, board_services
from probe.fuse.revision import NEWS_KINDS
from probe.model.event import Event, Network, Presence, Scope
from probe.model.verdict import Status, VantageState

STRIP = timedelta(days=30)
CHANGES = timedelta(hours=24)
MAX_SERVICES = 300
"""Rows on the board; those with something wrong come first, and the rest is in the API."""
MAX_NEWS = 40
_WORST = (
    Status.BLOCKED,
    Status.THROTTLED,
    Status.UNREACHABLE,
    Status.DOWN,
    Status.REACHABLE,
    Status.UNKNOWN,
)


class NetworkColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A network: a column.

    Attributes:
        vantages: enrolled there; `present`: heard within two of their intervals.
        seen: when the latest of them was.
        states: what they say of themselves where it is not `online`.
        skew: the largest difference of a vantage's clock from ours that was corrected, in seconds.
    """

    network: Network
    vantages: int
    present: int
    seen: datetime
    states: tuple[str, ...] = ()
    skew: float = 0.0


class BoardCell(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a network.

    Attributes:
        since: since when it is as it is: the event's onset, or when the last one lifted.
        event: the one that lasts there.
    """

    cell: ServiceInNetwork
    since: datetime
    event: Event | None
    strip: TimelineStrip


class ServiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A service: a row, with a square or nothing for each network."""

    service: str
    squares: tuple[BoardCell | None, ...]
    worst: Status


class BoardView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole board at a moment. `hidden` services have no row, `controls` are controls that are present."""

    now: datetime
    places: tuple[NetworkColumn, ...]
    lines: tuple[ServiceRow, ...]
    lasting: tuple[Event, ...]
    news: tuple[Revision, ...]
    controls: int
    hidden: int = 0


def board_view(session: StoreSession, now: datetime) -> BoardView:
    """The board."""
    moment = to_ms(now)
    since = to_ms(now - STRIP)
    known = events.events(session, since, 10_000)
    attendances = history.latest_presences(session)
    places = network_columns([each for each in attendances if each.role != "control"], now)
    lines = _lines(
        board_services(events.status_counts(session, moment)),
        places,
        known,
        history.presences_since(session, since),
        now,
    )
    return BoardView(
        now=now,
        places=tuple(places),
        lines=tuple(lines[:MAX_SERVICES]),
        lasting=tuple(_lasting(known)),
        news=tuple(events.news(session, NEWS_KINDS, to_ms(now - CHANGES), MAX_NEWS)),
        controls=sum(1 for each in attendances if each.role == "control" and _present(each, now)),
        hidden=max(0, len(lines) - MAX_SERVICES),
    )


def _present(each: LatestPresence, now: datetime) -> bool:
    return each.present(to_ms(now))


def network_columns(attendances: Iterable[LatestPresence], now: datetime) -> list[NetworkColumn]:
    """The networks of these vantages, by country and number."""
    by_network: dict[Network, list[LatestPresence]] = defaultdict(list)
    for each in attendances:
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


def _lines(
    found: list[ServiceInNetwork],
    places: list[NetworkColumn],
    known: list[Event],
    presences: list[Presence],
    now: datetime,
) -> list[ServiceRow]:
    here: dict[tuple[str, Network], list[Event]] = defaultdict(list)
    for event in known:
        if event.scope is Scope.NETWORK:
            here[event.service, event.network].append(event)
    runs: dict[Network, list[Presence]] = defaultdict(list)
    for presence in presences:
        runs[presence.network].append(presence)
    squares: dict[str, dict[Network, BoardCell]] = defaultdict(dict)
    for cell in found:
        its = here[cell.service, cell.network]
        squares[cell.service][cell.network] = board_cell(cell, its, runs[cell.network], now)
    lines = [
        ServiceRow(
            service=service,
            squares=tuple(row.get(place.network) for place in places),
            worst=min((square.cell.status for square in row.values()), key=_WORST.index),
        )
        for service, row in squares.items()
    ]
    return sorted(lines, key=_rank)


def _rank(line: ServiceRow) -> tuple[int, bool, int, str, str]:
    """The worst first, of equals those with a blocked target, then the most widespread, then by name."""
    partial = any(square is not None and square.cell.partial for square in line.squares)
    spread = sum(1 for square in line.squares if square is not None and square.cell.status is line.worst)
    return (_WORST.index(line.worst), not partial, -spread, line.service.casefold(), line.service)


def board_cell(cell: ServiceInNetwork, its: list[Event], runs: list[Presence], now: datetime) -> BoardCell:
    """A cell with the event that lasts there, and its strip.

    Args:
        cell: the present.
        its: events of the service in the network.
        runs: presences of the network's vantages.
        now: the moment of looking.
    """
    lasting = next((event for event in its if event.lifted is None), None)
    lifts = [event.lifted for event in its if event.lifted is not None]
    if lasting is not None and cell.status is lasting.status:
        since = lasting.onset
    elif cell.status is Status.REACHABLE:
        since = max([cell.since, *lifts])
    else:
        since = cell.since
    return BoardCell(cell=cell, since=since, event=lasting, strip=strip(its, runs, now - STRIP, now))


def _lasting(known: list[Event]) -> list[Event]:
    """What lasts; where a country has an event, those of its networks are left to it."""
    lasting = [event for event in known if event.lifted is None]
    wide = {(event.service, event.network.country) for event in lasting if event.scope is Scope.COUNTRY}
    return [
        event for event in lasting if event.scope is Scope.COUNTRY or (event.service, event.network.country) not in wide
    ]
