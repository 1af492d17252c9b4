"""What a service's page shows, gathered in one look at the database: now by network, listed beside observed, the past.

The status on a network follows the rule of `probe.fuse.service`, as on the board. Targets that are blocked where the
service as a whole works are counted beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from probe.collector.store import StoreSession, events, history, register, to_ms
from probe.collector.web.board_view import STRIP, BoardCell, NetworkColumn, board_cell, network_columns
from probe.collector.web.register_timeline import ListingComparison, RegisterListing, beside, listings
from probe.collector.web.timeline import TimelineStrip, listing_timeline, strip
from probe.fuse.board import board_services
from probe.model.event import Event, Network, Presence, Scope

MAX_EVENTS = 1000


class NetworkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A network as it stands.

    Attributes:
        since: when the service was first looked at there.
    """

    place: NetworkColumn
    square: BoardCell
    since: datetime


class CountryView(msgspec.Struct, frozen=True, kw_only=True):
    """The networks of a country, and the listing that is in force."""

    code: str
    standings: tuple[NetworkStatus, ...]
    listed: RegisterListing | None

    def lasting(self) -> list[Event]:
        """The events of its networks that last."""
        return [each.square.event for each in self.standings if each.square.event is not None]


class TimelineLane(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the timeline; of a register where `network` is None."""

    network: Network | None
    country: str
    strip: TimelineStrip


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service's page.

    Attributes:
        countries: those with most interference first.
        since: where the timeline begins; it ends `now`.
        events: of networks and countries, the newest first.
    """

    now: datetime
    service: str
    countries: tuple[CountryView, ...]
    beside: tuple[ListingComparison, ...]
    since: datetime
    lanes: tuple[TimelineLane, ...]
    events: tuple[Event, ...]


class _Past(msgspec.Struct, frozen=True):
    """Events of networks; presences and the first look by network."""

    own: list[Event]
    runs: dict[Network, list[Presence]]
    looked: dict[Network, datetime]

    def on(self, network: Network) -> list[Event]:
        """The events there."""
        return [event for event in self.own if event.network == network]


def service_view(session: StoreSession, service: str, now: datetime) -> ServiceView | None:
    """All that is known of a service; None when nobody ever named it."""
    looked = history.first_looks(session, service)
    changes = register.changes_of(session, service)
    if not looked and not changes:
        return None
    known = events.of_service(session, service, MAX_EVENTS)
    own = [event for event in known if event.scope is Scope.NETWORK]
    listed = [each for country, found in sorted(changes.items()) for each in listings(country, found)]
    since = _beginning(listed, own, now)
    runs: dict[Network, list[Presence]] = defaultdict(list)
    for presence in history.presences_since(session, to_ms(since)):
        runs[presence.network].append(presence)
    past = _Past(own, runs, looked)
    countries = _countries(_standings(session, service, now, past), listed, now)
    return ServiceView(
        now=now,
        service=service,
        countries=tuple(countries),
        beside=beside(listed, own, looked),
        since=since,
        lanes=tuple(_lanes(listed, past, [country.code for country in countries], (since, now))),
        events=tuple(known),
    )


def _standings(session: StoreSession, service: str, now: datetime, past: _Past) -> list[NetworkStatus]:
    found = events.status_counts(session, to_ms(now), service)
    there = [each for each in history.latest_presences(session) if each.role != "control"]
    places = {place.network: place for place in network_columns(there, now)}
    return [
        NetworkStatus(
            place=places[cell.network],
            square=board_cell(cell, past.on(cell.network), past.runs[cell.network], now),
            since=past.looked[cell.network],
        )
        for cell in board_services(found)
        if cell.network in places and cell.network in past.looked
    ]


def _countries(
    standings: Iterable[NetworkStatus], listed: Iterable[RegisterListing], now: datetime
) -> list[CountryView]:
    by_code: dict[str, list[NetworkStatus]] = defaultdict(list)
    for each in standings:
        by_code[each.place.network.country].append(each)
    force: dict[str, RegisterListing] = {}
    for listing in listed:
        by_code[listing.country]  # a country that only lists it has its line, too
        if listing.delisted is None and listing.listed.before <= now:
            force[listing.country] = listing
    found = [CountryView(code=code, standings=tuple(its), listed=force.get(code)) for code, its in by_code.items()]
    return sorted(found, key=lambda country: (-len(country.lasting()), -len(country.standings), country.code))


def _beginning(listed: Iterable[RegisterListing], own: Iterable[Event], now: datetime) -> datetime:
    """Where the timeline begins: a little before the first listing or event, and 30 days ago at the latest."""
    firsts = [now - STRIP, *(event.onset for event in own)]
    firsts += [each.listed.after or each.listed.before for each in listed]
    first = min(firsts)
    return first - max(timedelta(minutes=10), (now - first) / 40)


def _lanes(
    listed: Sequence[RegisterListing], past: _Past, order: Sequence[str], scale: tuple[datetime, datetime]
) -> list[TimelineLane]:
    """The lanes country by country: the register first, then the networks."""
    rest = sorted({network.country for network in past.looked} - set(order))
    return [lane for country in (*order, *rest) for lane in _lanes_of(country, listed, past, scale)]


def _lanes_of(
    country: str, listed: Sequence[RegisterListing], past: _Past, scale: tuple[datetime, datetime]
) -> list[TimelineLane]:
    lanes = []
    if its := [each for each in listed if each.country == country]:
        sure = [(each.listed.before, _sure_end(each, scale[1])) for each in its]
        maybe = [(each.listed.after or each.listed.before, each.listed.before) for each in its]
        maybe += [(each.delisted.after or scale[0], each.delisted.before) for each in its if each.delisted]
        lanes.append(TimelineLane(network=None, country=country, strip=listing_timeline(sure, maybe, *scale)))
    for network in sorted(network for network in past.looked if network.country == country):
        drawn = strip(past.on(network), past.runs[network], *scale)
        lanes.append(TimelineLane(network=network, country=network.country, strip=drawn))
    return lanes


def _sure_end(listing: RegisterListing, until: datetime) -> datetime:
    if listing.delisted is None:
        return until
    return listing.delisted.after or listing.listed.before
