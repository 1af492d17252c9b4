"""When a register listed a service beside when each network blocked it, and the lag between the two. Pure.

A register is read in snapshots, so a change is dated by two of them: it happened after the one and not after the other.
Where the register says when it entered a decision, that time is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.model.event import Event, Network


class TimeBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a moment: later than `after` and not later than `before`; equal where the moment is known.

    Attributes:
        after: None where no earlier snapshot is known.
    """

    after: datetime | None
    before: datetime


class RegisterListing(msgspec.Struct, frozen=True, kw_only=True):
    """A service's time on a country's register: from its first listed name or address to its last delisted one.

    Attributes:
        delisted: None while any is listed.
        entries: how many names and addresses; they themselves are not published.
        decisions: numbers of the decisions, as `4-Restricting`.
    """

    country: str
    listed: TimeBounds
    delisted: TimeBounds | None
    entries: int
    decisions: tuple[str, ...]


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from a change of the register to a network's reaction; negative when the network acted first.

    Attributes:
        least: counted from the last moment at which the register can have changed.
        most: counted from the first such moment; None where that is not known.
    """

    least: float
    most: float | None


class ObservedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """The observations in a network during a listing, or without one.

    Attributes:
        since: when the service was first measured there.
        blocked: onset of the first event; None where there was none.
        found: whether the service was already blocked when measuring began, so that its true onset is not known.
        unblocked: when the last event lifted; None while one is ongoing, or where there was none.
        events: their ids, in order of time.
    """

    network: Network
    since: datetime
    blocked: datetime | None = None
    found: bool = False
    unblocked: datetime | None = None
    block_lag: Lag | None = None
    unblock_lag: Lag | None = None
    events: tuple[str, ...] = ()


class ListingComparison(msgspec.Struct, frozen=True, kw_only=True):
    """A listing and the networks of its country. Without a listing: the events during which none was in force."""

    listing: RegisterListing | None
    networks: tuple[ObservedNetwork, ...]


def register_listings(country: str, changes: Iterable[RegisterChange]) -> tuple[RegisterListing, ...]:
    """The times that a service was on one country's register, in order."""
    by_subject: dict[str, list[tuple[ChangeKind, TimeBounds]]] = defaultdict(list)
    decisions: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        when = time_bounds(change)
        if when is not None and change.kind in (ChangeKind.LISTED, ChangeKind.DELISTED):
            by_subject[change.subject].append((change.kind, when))
            decisions[change.subject].add(change.decision.number)
    parts = [(subject, *part) for subject, found in by_subject.items() for part in _periods(found)]
    parts.sort(key=lambda part: (part[1].before, part[0]))
    runs: list[list[tuple[str, TimeBounds, TimeBounds | None]]] = []
    for part in parts:
        if runs and _touches(runs[-1], part[1]):
            runs[-1].append(part)
        else:
            runs.append([part])
    return tuple(_listing(country, run, decisions) for run in runs)


def time_bounds(change: RegisterChange) -> TimeBounds | None:
    """Bounds of the moment of a change; None where the source gives none.

    A listing is not older than its decision. The register's time of entry belongs to the decision, not to the entry, so
    it dates a listing only where it lies between the two snapshots.
    """
    included, after, before = change.included, change.after, change.before
    if change.kind is ChangeKind.LISTED and included is not None and _within(included, after, before):
        return TimeBounds(after=included, before=included)
    if before is None:
        return None
    if change.kind is ChangeKind.LISTED and (decided := _day(change.decision.date)) is not None and decided < before:
        after = decided if after is None else max(after, decided)
    return TimeBounds(after=after, before=before)


def compare(
    found: Sequence[RegisterListing], events: Iterable[Event], measured_since: Mapping[Network, datetime]
) -> tuple[ListingComparison, ...]:
    """Each listing with the networks of its country; last, where there are any, the events that belong to no listing.

    An event belongs to a listing when it was ongoing at any time at which the listing was or may have been in force.

    Args:
        found: listings of a service, in any countries.
        events: of the service, of networks.
        measured_since: network -> when the service was first measured there.
    """
    left = {network: list(events_of) for network, events_of in _by_network(events).items()}
    rows: list[ListingComparison] = []
    for listing in found:
        networks = []
        for network, since in sorted(measured_since.items()):
            if network.country == listing.country:
                own = [event for event in left.get(network, ()) if _belongs_to(event, listing)]
                left[network] = [event for event in left.get(network, ()) if event not in own]
                networks.append(_observed(network, since, own, listing))
        rows.append(ListingComparison(listing=listing, networks=tuple(networks)))
    others = tuple(
        _observed(network, measured_since.get(network, own[0].onset), own, None)
        for network, own in sorted(left.items())
        if own
    )
    return (*rows, ListingComparison(listing=None, networks=others)) if others else tuple(rows)


def response_lag(moment: datetime, when: TimeBounds) -> Lag:
    """The time from a moment known by its bounds to a known one."""
    most = None if when.after is None else (moment - when.after).total_seconds()
    return Lag(least=(moment - when.before).total_seconds(), most=most)


def _within(moment: datetime, after: datetime | None, before: datetime | None) -> bool:
    return (after is None or moment > after) and (before is None or moment <= before)


def _day(text: str) -> datetime | None:
    """The day of a decision, in UTC: the source gives no zone, and some hours matter little for a day."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _periods(found: list[tuple[ChangeKind, TimeBounds]]) -> list[tuple[TimeBounds, TimeBounds | None]]:
    """The periods in which one name or address was listed."""
    periods: list[tuple[TimeBounds, TimeBounds | None]] = []
    for kind, when in _tightened(found):
        listed = bool(periods) and periods[-1][1] is None
        if kind is ChangeKind.LISTED and not listed:
            periods.append((when, None))
        elif kind is ChangeKind.DELISTED and listed:
            periods[-1] = (periods[-1][0], when)
        elif kind is ChangeKind.DELISTED and not periods:  # listed before the first known snapshot
            periods.append((TimeBounds(after=None, before=when.after or when.before), when))
    return periods


def _tightened(found: list[tuple[ChangeKind, TimeBounds]]) -> list[tuple[ChangeKind, TimeBounds]]:
    """The changes in order of time. One that two pairs of snapshots show lies within the bounds of both."""
    kept: list[tuple[ChangeKind, TimeBounds]] = []
    for kind, when in sorted(found, key=lambda item: (item[1].before, item[1].after or item[1].before)):
        if kept and kept[-1][0] is kind and (when.after is None or when.after < kept[-1][1].before):
            last = kept[-1][1]
            after = max((moment for moment in (last.after, when.after) if moment is not None), default=None)
            kept[-1] = (kind, TimeBounds(after=after, before=last.before))
        elif not kept or kept[-1] != (kind, when):
            kept.append((kind, when))
    return kept


def _touches(run: list[tuple[str, TimeBounds, TimeBounds | None]], start: TimeBounds) -> bool:
    """Whether an entry was listed before the last one of a run was certainly delisted."""
    stops = [stop for _, _, stop in run]
    if any(stop is None for stop in stops):
        return True
    until = max(stop.before for stop in stops if stop is not None)
    return start.before <= until or (start.after is not None and start.after < until)


def _listing(
    country: str, run: list[tuple[str, TimeBounds, TimeBounds | None]], decisions: Mapping[str, set[str]]
) -> RegisterListing:
    starts, stops = [start for _, start, _ in run], [stop for _, _, stop in run]
    earliest = [start.after for start in starts]
    gone = [stop for stop in stops if stop is not None]
    subjects = {subject for subject, _, _ in run}
    return RegisterListing(
        country=country,
        listed=TimeBounds(
            after=None if None in earliest else min(moment for moment in earliest if moment is not None),
            before=min(start.before for start in starts),
        ),
        delisted=None if len(gone) < len(stops) else _last(gone),
        entries=len(subjects),
        decisions=tuple(sorted({number for subject in subjects for number in decisions[subject] if number})),
    )


def _last(gone: list[TimeBounds]) -> TimeBounds:
    after = [when.after for when in gone if when.after is not None]
    return TimeBounds(after=max(after, default=None), before=max(when.before for when in gone))


def _by_network(events: Iterable[Event]) -> dict[Network, list[Event]]:
    found: dict[Network, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda item: (item.onset, item.id)):
        found[event.network].append(event)
    return found


def _belongs_to(event: Event, listing: RegisterListing) -> bool:
    start = listing.listed.after or listing.listed.before
    if event.lifted is not None and event.lifted < start:
        return False
    return listing.delisted is None or event.onset <= listing.delisted.before


def _observed(
    network: Network, since: datetime, events: list[Event], listing: RegisterListing | None
) -> ObservedNetwork:
    if not events:
        return ObservedNetwork(network=network, since=since)
    first = min(events, key=lambda event: (event.onset, event.id))
    blocked = first.onset
    lifts = [event.lifted for event in events if event.lifted is not None]
    unblocked = max(lifts) if len(lifts) == len(events) else None
    found = first.before_watch or blocked <= since + timedelta(seconds=1)
    delisted = listing.delisted if listing is not None else None
    return ObservedNetwork(
        network=network,
        since=since,
        blocked=blocked,
        found=found,
        unblocked=unblocked,
        block_lag=response_lag(blocked, listing.listed) if listing is not None and not found else None,
        unblock_lag=response_lag(unblocked, delisted) if unblocked is not None and delisted is not None else None,
        events=tuple(event.id for event in events),
    )
