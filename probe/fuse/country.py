"""Events of networks that make one of a country."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from statistics import median_low

from probe.fuse.network_event import NetworkEvent, count_sources, event_id, rank_causes
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Status

MIN_NETWORKS = 3
"""Networks that must see it at once, and at least half of those that ever looked: fewer speak for themselves."""


def country_events(
    service: str,
    country: str,
    found: Iterable[NetworkEvent],
    looked: Mapping[Network, datetime],
    sponsors: Mapping[str, str],
) -> list[Event]:
    """The events of one service in one country.

    A country's event is a run of network events that overlap, in which at some moment at least three networks and half
    of those that had ever looked saw it. Like a network's it lifts when the last of them has: networks that fall silent
    do not lift it, and those that fall silent do not make the rest a majority.

    Args:
        service: name of the service or lone target.
        country: ISO 3166 code.
        found: the network events of the country.
        looked: network -> since when the service was measured there.
        sponsors: agent -> who vouched for it.
    """
    return [_event(service, country, run, sponsors) for run in _runs(found) if country and _wide_enough(run, looked)]


def _runs(found: Iterable[NetworkEvent]) -> Iterator[list[NetworkEvent]]:
    """Network events whose times overlap."""
    run: list[NetworkEvent] = []
    until: datetime | None = None
    for each in sorted(found, key=lambda item: (item.event.onset, item.event.id)):
        lifted = each.event.lifted
        if run and until is not None and each.event.onset > until:
            yield run
            run = []
        if not run:
            until = lifted
        elif until is not None:
            until = None if lifted is None else max(until, lifted)
        run.append(each)
    if run:
        yield run


def _wide_enough(run: list[NetworkEvent], looked: Mapping[Network, datetime]) -> bool:
    """Whether at the onset of one of them enough networks saw it."""
    for moment in {each.event.onset for each in run}:
        seeing = {
            each.event.network
            for each in run
            if each.event.onset <= moment and (each.event.lifted is None or moment < each.event.lifted)
        }
        measured = {network for network, since in looked.items() if since <= moment} | seeing
        if len(seeing) >= MIN_NETWORKS and 2 * len(seeing) >= len(measured):
            return True
    return False


def _event(service: str, country: str, run: list[NetworkEvent], sponsors: Mapping[str, str]) -> Event:
    events = [each.event for each in run]
    agents = frozenset[str]().union(*(each.agents for each in run))
    lifts = [event.lifted for event in events if event.lifted is not None]
    first = min(events, key=lambda event: (event.known, event.id))
    return Event(
        id=event_id(service, Scope.COUNTRY, country, first.id),
        revision=1,
        service=service,
        scope=Scope.COUNTRY,
        network=Network(country=country),
        status=Status.BLOCKED if any(event.status is Status.BLOCKED for event in events) else Status.THROTTLED,
        causes=rank_causes(event.causes for event in events),
        confidence=Confidence.CONFIRMED if count_sources(agents, sponsors) > 1 else Confidence.ONE_SOURCE,
        onset=median_low([event.onset for event in events]),
        known=first.known,
        lifted=max(lifts) if len(lifts) == len(events) else None,
        vantages=len(agents),
        networks=len({event.network for event in events}),
        targets=tuple(sorted({target for event in events for target in event.targets})),
    )
