"""Events of a country, made of the events of its networks.

At some moment at least three networks must see interference, and they must have at least half of the weight with which
the service is measured. Such an event is confirmed where the networks whose own events are not disputed have more than
half of the weight, and no sponsor has more than 34 % of theirs. Where disputed networks are needed, or the networks
have just half of the weight, it is disputed; where one sponsor has more, it is reported by one source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from probe.fuse.network_event import NetworkEvent, Onset, event_id, overlapping, rank_causes
from probe.fuse.standing import Standings, sponsor_weights, standing_of
from probe.model.event import Confidence, Event, Network, Scope, Span
from probe.model.verdict import Status

MIN_NETWORKS = 3
"""Networks that must see interference at one moment."""
MIN_SHARE = 0.5
"""Their share of the weight of all networks that measured the service until then."""
MAX_NETWORK_WEIGHT = 2.0
"""The weight of a network in which many sponsors measure: else one network with many volunteers would speak for all."""
MAX_SPONSOR_SHARE = 0.34
"""The highest share of one sponsor in the networks that see it: three sponsors with a network each have a third."""


class MeasuredNetwork(msgspec.Struct, frozen=True):
    """Since when vantages that have a vote have measured a service in a network: sponsor -> moment, and its weight."""

    since: Mapping[str, datetime]
    weights: Mapping[str, float]

    def weight(self, moment: datetime) -> float:
        """The weight of the sponsors that had measured the service until a moment."""
        weights = [self.weights[sponsor] for sponsor in sorted(self.since) if self.since[sponsor] <= moment]
        return min(MAX_NETWORK_WEIGHT, sum(weights))


def measured_network(spans: Iterable[Span], standings: Standings) -> MeasuredNetwork:
    """The measured network of these spans, which are of one service in one network."""
    since: dict[str, datetime] = {}
    agents: set[str] = set()
    for span in spans:
        sponsor = standing_of(span.agent, standings).sponsor
        since[sponsor] = min(span.start, since.get(sponsor, span.start))
        agents.add(span.agent)
    return MeasuredNetwork(since, sponsor_weights(agents, standings))


def country_events(
    service: str,
    country: str,
    found: Iterable[NetworkEvent],
    measured: Mapping[Network, MeasuredNetwork],
    standings: Standings,
) -> list[Event]:
    """The events of one service in one country.

    An event of a country is a group of network events that overlap in time. It lifts when the last of them has lifted.
    Networks that fall silent do not lift it, and their silence does not make the others a majority.

    Args:
        service: name of the service, or a target that belongs to none.
        country: ISO 3166 code; empty when not known, which makes no event.
        found: the network events of the country.
        measured: the networks of the country in which the service has been measured.
        standings: of the vantages.
    """
    if not country:
        return []
    ordered = sorted(found, key=lambda each: (each.event.onset, each.event.id))
    groups = overlapping(ordered, lambda each: (each.event.onset, each.event.lifted))
    judged = ((group, _confidence(group, measured, standings)) for group in groups)
    return [_event(service, country, group, confidence) for group, confidence in judged if confidence is not None]


def _confidence(
    group: list[NetworkEvent], measured: Mapping[Network, MeasuredNetwork], standings: Standings
) -> Confidence | None:
    """The best confidence at the onset of any of the events; None where too few networks saw interference."""
    found: set[Confidence] = set()
    for moment in {each.event.onset for each in group}:
        at_once = [
            each
            for each in group
            if each.event.onset <= moment and (each.event.lifted is None or moment < each.event.lifted)
        ]
        undisputed = [each for each in at_once if each.event.confidence is not Confidence.DISPUTED]
        if not _wide(at_once, measured, moment, exact=True):
            continue
        if not _wide(undisputed, measured, moment, exact=False):
            found.add(Confidence.DISPUTED)
        elif _largest_share(undisputed, standings) > MAX_SPONSOR_SHARE:
            found.add(Confidence.ONE_SOURCE)
        else:
            return Confidence.CONFIRMED
    return min(found, key=(Confidence.ONE_SOURCE, Confidence.DISPUTED).index, default=None)


def _wide(
    seeing: Collection[NetworkEvent], measured: Mapping[Network, MeasuredNetwork], moment: datetime, *, exact: bool
) -> bool:
    """Whether three networks see interference with more than half of the weight; with `exact`, just half is enough."""
    affected = {each.event.network for each in seeing}
    weights = {network: its.weight(moment) for network, its in sorted(measured.items())}
    share = sum(weight for network, weight in weights.items() if network in affected)
    needed = MIN_SHARE * sum(weights.values())
    return len(affected) >= MIN_NETWORKS and (share > needed or (exact and share >= needed))


def _largest_share(seeing: Iterable[NetworkEvent], standings: Standings) -> float:
    """The largest share of a sponsor in the networks that see interference; each counts 1, divided by its sponsors."""
    agents: dict[Network, set[str]] = defaultdict(set)
    for each in seeing:
        agents[each.event.network] |= each.agents
    shares: dict[str, float] = defaultdict(float)
    for network in sorted(agents):
        weights = sponsor_weights(agents[network], standings)
        whole = sum(weights[sponsor] for sponsor in sorted(weights))
        for sponsor, weight in weights.items():
            shares[sponsor] += weight / whole
    return max(shares.values()) / len(agents)


def _event(service: str, country: str, group: list[NetworkEvent], confidence: Confidence) -> Event:
    events = [each.event for each in group]
    agents = frozenset[str]().union(*(each.agents for each in group))
    lifts = [event.lifted for event in events if event.lifted is not None]
    began = min(Onset(event.onset, event.before_watch) for event in events)  # the first network's, as on every page
    first = min(events, key=lambda event: (event.known, event.id))
    return Event(
        id=event_id(service, Scope.COUNTRY, country, first.id),
        revision=1,
        service=service,
        scope=Scope.COUNTRY,
        network=Network(country=country),
        status=Status.BLOCKED if any(event.status is Status.BLOCKED for event in events) else Status.THROTTLED,
        causes=rank_causes(event.causes for event in events),
        confidence=confidence,
        onset=began.moment,
        known=first.known,
        lifted=max(lifts) if len(lifts) == len(events) else None,
        vantages=len(agents),
        networks=len({event.network for event in events}),
        targets=tuple(sorted({target for event in events for target in event.targets})),
        before_watch=began.before_watch,
    )
