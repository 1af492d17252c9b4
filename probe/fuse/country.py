"""Events of a country, made of the events of its networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from probe.fuse.network_event import (
    NetworkEvent,
    Onset,
    count_sources,
    event_id,
    onset_of,
    overlapping,
    rank_causes,
)
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Status

MIN_NETWORKS = 3
"""Networks that must see interference at one moment. They must also be at least half of those measured then."""


def country_events(
    service: str,
    country: str,
    found: Iterable[NetworkEvent],
    measured_since: Mapping[Network, datetime],
    sponsors: Mapping[str, str],
) -> list[Event]:
    """The events of one service in one country.

    An event of a country is a group of network events that overlap in time. At some moment at least three networks saw
    interference, and they were at least half of the networks measured until then. It lifts when the last of them has
    lifted. Networks that fall silent do not lift it, and their silence does not make the others a majority.

    Args:
        service: name of the service, or a target that belongs to none.
        country: ISO 3166 code; empty when not known, which makes no event.
        found: the network events of the country.
        measured_since: network -> since when the service has been measured there.
        sponsors: agent -> its sponsor.
    """
    if not country:
        return []
    ordered = sorted(found, key=lambda each: (each.event.onset, each.event.id))
    groups = overlapping(ordered, lambda each: (each.event.onset, each.event.lifted))
    return [_event(service, country, group, sponsors) for group in groups if _wide_enough(group, measured_since)]


def _wide_enough(group: list[NetworkEvent], measured_since: Mapping[Network, datetime]) -> bool:
    """Whether enough networks saw interference at the onset of one of the events."""
    events = [each.event for each in group]
    for moment in {event.onset for event in events}:
        affected = {
            event.network
            for event in events
            if event.onset <= moment and (event.lifted is None or moment < event.lifted)
        }
        measured = {network for network, since in measured_since.items() if since <= moment} | affected
        if len(affected) >= MIN_NETWORKS and 2 * len(affected) >= len(measured):
            return True
    return False


def _event(service: str, country: str, group: list[NetworkEvent], sponsors: Mapping[str, str]) -> Event:
    events = [each.event for each in group]
    agents = frozenset[str]().union(*(each.agents for each in group))
    lifts = [event.lifted for event in events if event.lifted is not None]
    began = onset_of([Onset(event.onset, event.before_watch) for event in events])
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
        onset=began.moment,
        known=first.known,
        lifted=max(lifts) if len(lifts) == len(events) else None,
        vantages=len(agents),
        networks=len({event.network for event in events}),
        targets=tuple(sorted({target for event in events for target in event.targets})),
        before_watch=began.before_watch,
    )
