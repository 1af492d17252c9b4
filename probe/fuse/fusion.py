"""Fusion as one pure function: spans, presences and a moment become events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from probe.fuse.country import MeasuredNetwork, country_events, measured_network
from probe.fuse.interference_span import InterferenceSpan, interference_spans
from probe.fuse.network_event import NetworkContext, NetworkEvent, network_events
from probe.fuse.presence import PresenceIndex
from probe.fuse.standing import Standings, standing_of
from probe.model.event import Event, Network, Presence, Span

_NO_STANDINGS: Standings = {}


def fuse(
    spans: Iterable[Span],
    presences: Iterable[Presence],
    now: datetime,
    services: Mapping[str, str],
    standings: Standings = _NO_STANDINGS,
) -> list[Event]:
    """The events of networks and of countries, each as revision 1, ordered by service, onset and id.

    Args:
        spans: of any targets, vantages and networks, in any order.
        presences: runs of rounds in which a vantage was online, in any order.
        now: the moment for which events are computed.
        services: target -> the service it belongs to; a target that is missing stands for itself.
        standings: agent -> its standing. What an agent without a vote reports changes nothing.
    """
    presence = PresenceIndex(presences)
    by_service: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if standing_of(span.agent, standings).votes(span.network, now):
            by_service[services.get(span.target, span.target)].append(span)
    events = [
        event for service, its in by_service.items() for event in _of_service(service, its, presence, now, standings)
    ]
    return sorted(events, key=lambda event: (event.service, event.onset, event.id))


def _of_service(
    service: str, spans: list[Span], presence: PresenceIndex, now: datetime, standings: Standings
) -> list[Event]:
    by_network: dict[Network, list[Span]] = defaultdict(list)
    for span in spans:
        by_network[span.network].append(span)
    interference: dict[Network, list[InterferenceSpan]] = defaultdict(list)
    for each in interference_spans(spans):
        interference[each.network].append(each)
    by_country: dict[str, list[NetworkEvent]] = defaultdict(list)
    for network, found in interference.items():
        context = NetworkContext(spans=tuple(by_network[network]), presence=presence, standings=standings, now=now)
        by_country[network.country] += network_events(service, network, found, context)
    measured: dict[str, dict[Network, MeasuredNetwork]] = defaultdict(dict)
    for network, its in by_network.items():
        measured[network.country][network] = measured_network(its, standings)
    events = [found.event for found_here in by_country.values() for found in found_here]
    for country, found_here in by_country.items():
        events += country_events(service, country, found_here, measured[country], standings)
    return events
