"""Spans, presence and the moment -> events: the whole of fusion as one pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from probe.fuse.country import country_events
from probe.fuse.interference_span import interference_spans
from probe.fuse.network_event import NetworkContext, NetworkEvent, by_network, network_events
from probe.fuse.presence import PresenceIndex
from probe.model.event import Event, Network, Presence, Span

_NOBODY: Mapping[str, str] = {}


def fuse(
    spans: Iterable[Span],
    presences: Iterable[Presence],
    now: datetime,
    services: Mapping[str, str],
    sponsors: Mapping[str, str] = _NOBODY,
) -> list[Event]:
    """The events, of networks and of countries, each as revision 1, ordered by service, onset and id.

    Args:
        spans: of any targets, vantages and networks, in any order.
        presences: runs of rounds in which a vantage was online, in any order.
        now: the moment of looking.
        services: target -> the service it belongs to; a target that is missing stands for itself.
        sponsors: agent -> who vouched for it; an agent that is missing has no sponsor.
    """
    presence = PresenceIndex(presences)
    by_service: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_service[services.get(span.target, span.target)].append(span)
    events = [
        event for service, its in by_service.items() for event in _of_service(service, its, presence, now, sponsors)
    ]
    return sorted(events, key=lambda event: (event.service, event.onset, event.id))


def _of_service(
    service: str, spans: list[Span], presence: PresenceIndex, now: datetime, sponsors: Mapping[str, str]
) -> list[Event]:
    networks: dict[Network, list[Span]] = defaultdict(list)
    for span in spans:
        networks[span.network].append(span)
    countries: dict[str, list[NetworkEvent]] = defaultdict(list)
    for network, seen in by_network(interference_spans(spans)).items():
        context = NetworkContext(spans=tuple(networks[network]), presence=presence, sponsors=sponsors, now=now)
        countries[network.country] += network_events(service, network, seen, context)
    looked = {network: min(span.start for span in its) for network, its in networks.items()}
    events = [incident.event for found in countries.values() for incident in found]
    for country, found in countries.items():
        there = {network: since for network, since in looked.items() if network.country == country}
        events += country_events(service, country, found, there, sponsors)
    return events
