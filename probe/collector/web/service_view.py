"""The data of a service's page, read from the database: status by network, register listings, timeline, events.

The status in a network follows the rule of `probe.fuse.service`, as on the board. Targets that are blocked where the
service as a whole works are counted beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from probe.collector.store import StoreSession, events, history, register, to_ms
from probe.collector.store.failing import FailingService, failing_services, failing_spans
from probe.collector.store.history import LatestPresence
from probe.collector.web.board_view import (
    TIMELINE_PERIOD,
    BoardCell,
    NetworkColumn,
    board_cell,
    network_columns,
    present_controls,
)
from probe.collector.web.failing_periods import Period, failing_periods, measuring_vantages
from probe.collector.web.register_timeline import ListingComparison, RegisterListing, compare, register_listings
from probe.collector.web.timeline import TimelineStrip, listing_timeline, network_timeline
from probe.fuse.board import StatusCount, board_services
from probe.model.event import Event, Network, Presence, Scope

MAX_EVENTS = 1000
"""Events read, newest first."""


class NetworkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The present status of the service in a network.

    Attributes:
        measured_since: when the service was first measured there.
        timeline: the last 30 days.
    """

    column: NetworkColumn
    cell: BoardCell
    measured_since: datetime
    timeline: TimelineStrip


class CountryView(msgspec.Struct, frozen=True, kw_only=True):
    """The networks of a country, and the register listing in force there; None when there is none."""

    code: str
    networks: tuple[NetworkStatus, ...]
    listed: RegisterListing | None

    def ongoing(self) -> list[Event]:
        """The ongoing events of its networks."""
        return [each.cell.event for each in self.networks if each.cell.event is not None]


class TimelineLane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane of the timeline: of a network, or of the country's register where `network` is None."""

    network: Network | None
    country: str
    timeline: TimelineStrip


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service over all networks and times.

    Attributes:
        countries: those with most interference first.
        comparisons: each register listing beside what was observed.
        since: the beginning of the timeline, which ends at `now`.
        events: of networks and countries, newest first.
        controls: how many controls are present and online.
        failing: networks where targets of it fail without a settled status.
    """

    now: datetime
    service: str
    countries: tuple[CountryView, ...]
    comparisons: tuple[ListingComparison, ...]
    since: datetime
    lanes: tuple[TimelineLane, ...]
    events: tuple[Event, ...]
    controls: int
    failing: tuple[FailingService, ...]


class _History(msgspec.Struct, frozen=True):
    """Events of networks; presences, the first measurement and periods of failure by network."""

    events: list[Event]
    presences: dict[Network, list[Presence]]
    measured_since: dict[Network, datetime]
    failing: dict[Network, list[Period]]

    def on(self, network: Network) -> list[Event]:
        """The events of a network."""
        return [event for event in self.events if event.network == network]

    def strip(self, network: Network, scale: tuple[datetime, datetime]) -> TimelineStrip:
        """The strip of a network from the beginning of a scale to its end."""
        failing = self.failing.get(network, [])
        return network_timeline(self.on(network), self.presences[network], *scale, failing)


def service_view(session: StoreSession, service: str, now: datetime) -> ServiceView | None:
    """Read everything known of a service as of `now`; None when no vantage and no register has named it."""
    measured_since = history.first_looks(session, service)
    changes = register.changes_of(session, service)
    unsettled = failing_services(session, to_ms(now), service)
    if not measured_since and not changes and not unsettled:
        return None
    known = events.of_service(session, service, MAX_EVENTS)
    own = [event for event in known if event.scope is Scope.NETWORK]
    listed = [each for country, found in sorted(changes.items()) for each in register_listings(country, found)]
    since = _beginning(listed, own, now)
    presences: dict[Network, list[Presence]] = defaultdict(list)
    runs = history.presences_since(session, to_ms(since))
    for presence in runs:
        presences[presence.network].append(presence)
    counts = events.status_counts(session, to_ms(now), service)
    failing = failing_periods(failing_spans(session, to_ms(since), service), measuring_vantages(counts), runs)
    by_network = {network: periods for (_, network), periods in failing.items()}
    past = _History(own, presences, measured_since, by_network)
    presences_now = history.latest_presences(session)
    countries = _countries(_network_statuses(counts, now, past, presences_now), listed, now)
    return ServiceView(
        now=now,
        service=service,
        countries=tuple(countries),
        comparisons=compare(listed, own, measured_since),
        since=since,
        lanes=tuple(_lanes(listed, past, [country.code for country in countries], (since, now))),
        events=tuple(known),
        controls=len(present_controls(presences_now, now)),
        failing=tuple(unsettled),
    )


def _network_statuses(
    counts: Iterable[StatusCount], now: datetime, past: _History, presences_now: Sequence[LatestPresence]
) -> list[NetworkStatus]:
    there = [each for each in presences_now if each.role != "control"]
    columns = {column.network: column for column in network_columns(there, now)}
    return [
        NetworkStatus(
            column=columns[summary.network],
            cell=board_cell(summary, past.on(summary.network)),
            timeline=past.strip(summary.network, (now - TIMELINE_PERIOD, now)),
            measured_since=past.measured_since[summary.network],
        )
        for summary in board_services(counts)
        if summary.network in columns and summary.network in past.measured_since
    ]


def _countries(
    networks: Iterable[NetworkStatus], listed: Iterable[RegisterListing], now: datetime
) -> list[CountryView]:
    by_code: dict[str, list[NetworkStatus]] = defaultdict(list)
    for each in networks:
        by_code[each.column.network.country].append(each)
    in_force: dict[str, RegisterListing] = {}
    for listing in listed:
        by_code[listing.country]  # a country that only lists the service is shown, too
        if listing.delisted is None and listing.listed.before <= now:
            in_force[listing.country] = listing
    countries = [
        CountryView(code=code, networks=tuple(found), listed=in_force.get(code)) for code, found in by_code.items()
    ]
    return sorted(countries, key=lambda country: (-len(country.ongoing()), -len(country.networks), country.code))


def _beginning(listed: Iterable[RegisterListing], own: Iterable[Event], now: datetime) -> datetime:
    """The beginning of the timeline: a little before the first listing or event, at the latest 30 days ago."""
    firsts = [now - TIMELINE_PERIOD, *(event.onset for event in own)]
    firsts += [each.listed.after or each.listed.before for each in listed]
    first = min(firsts)
    return first - max(timedelta(minutes=10), (now - first) / 40)


def _lanes(
    listed: Sequence[RegisterListing], past: _History, order: Sequence[str], scale: tuple[datetime, datetime]
) -> list[TimelineLane]:
    """The lanes country by country: the register first, then the networks."""
    rest = sorted({network.country for network in past.measured_since} - set(order))
    return [lane for country in (*order, *rest) for lane in _lanes_of(country, listed, past, scale)]


def _lanes_of(
    country: str, listed: Sequence[RegisterListing], past: _History, scale: tuple[datetime, datetime]
) -> list[TimelineLane]:
    """The lanes of one country."""
    lanes = []
    if listings := [each for each in listed if each.country == country]:
        certain = [(each.listed.before, _certain_end(each, scale[1])) for each in listings]
        maybe = [(each.listed.after or each.listed.before, each.listed.before) for each in listings]
        maybe += [(each.delisted.after or scale[0], each.delisted.before) for each in listings if each.delisted]
        lanes.append(TimelineLane(network=None, country=country, timeline=listing_timeline(certain, maybe, *scale)))
    for network in sorted(network for network in past.measured_since if network.country == country):
        drawn = past.strip(network, scale)
        lanes.append(TimelineLane(network=network, country=network.country, timeline=drawn))
    return lanes


def _certain_end(listing: RegisterListing, until: datetime) -> datetime:
    """Until when the service was certainly listed."""
    if listing.delisted is None:
        return until
    return listing.delisted.after or listing.listed.before
