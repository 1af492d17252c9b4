"""Stretches of many vantages that belong together: events of a service in a network.

An event opens with the first stretch, takes in every stretch that overlaps or touches it, and lifts when the last of
its vantages has left. A vantage that falls silent has not left: it neither lifts an event nor opens one.
A service is blocked in a network when any of its targets is; the event lists which.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from statistics import median_low

import msgspec

from probe.fuse.interference_span import InterferenceSpan
from probe.fuse.presence import PresenceIndex
from probe.model.event import Confidence, Event, Network, Scope, Span
from probe.model.verdict import Cause, Status


class NetworkEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event and what it was made of."""

    event: Event
    parts: tuple[InterferenceSpan, ...]

    @property
    def agents(self) -> frozenset[str]:
        """Who saw it."""
        return frozenset(part.agent for part in self.parts)


class NetworkContext(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known around the interference_spans.

    Attributes:
        spans: of the service in the network, the reachable ones among them.
        presence: when the vantages were there.
        sponsors: agent -> who vouched for it; those of one sponsor are one source.
        now: the moment of looking.
    """

    spans: tuple[Span, ...]
    presence: PresenceIndex
    sponsors: Mapping[str, str]
    now: datetime


def network_events(
    service: str, network: Network, found: Iterable[InterferenceSpan], context: NetworkContext
) -> list[NetworkEvent]:
    """The events of one service in one network, in order of time."""
    return [_network_event(service, network, parts, context) for parts in _overlapping(found)]


def event_id(service: str, scope: Scope, place: str, first: str) -> str:
    """The event's name: 16 hexadecimal digits, the same wherever it is computed.

    Args:
        service: name of the service or lone target.
        scope: network or country.
        place: `AS64500 RU` or `RU`.
        first: what names its beginning: the onset as the first vantage that became sure had it. Vantages that become
            sure later may date it earlier; the name stays.
    """
    return sha256(f"{service}\0{scope}\0{place}\0{first}".encode()).hexdigest()[:16]


def count_sources(agents: Iterable[str], sponsors: Mapping[str, str]) -> int:
    """How many sources these vantages are: those of one sponsor count once, those of none for themselves."""
    return len({("sponsor", sponsors[agent]) if sponsors.get(agent) else ("agent", agent) for agent in agents})


def rank_causes(parts: Iterable[tuple[Cause, ...]]) -> tuple[Cause, ...]:
    """Causes by how many say them first, then by how many say them at all, then by name."""
    listed = list(parts)
    first = Counter(causes[0] for causes in listed if causes)
    any_place = Counter(cause for causes in listed for cause in set(causes))
    return tuple(sorted(any_place, key=lambda cause: (-first[cause], -any_place[cause], cause)))


def _overlapping(found: Iterable[InterferenceSpan]) -> Iterator[tuple[InterferenceSpan, ...]]:
    """Stretches whose times overlap or touch."""
    parts: list[InterferenceSpan] = []
    until: datetime | None = None
    for stretch in sorted(found, key=lambda item: (item.start, item.agent, item.target)):
        if parts and until is not None and stretch.start > until:
            yield tuple(parts)
            parts = []
        if not parts:
            until = stretch.stop
        elif until is not None:
            until = None if stretch.stop is None else max(until, stretch.stop)
        parts.append(stretch)
    if parts:
        yield tuple(parts)


def _network_event(
    service: str, network: Network, parts: tuple[InterferenceSpan, ...], context: NetworkContext
) -> NetworkEvent:
    stops = [part.stop for part in parts if part.stop is not None]
    lifted = max(stops) if len(stops) == len(parts) else None
    onsets: dict[str, datetime] = {}
    for part in parts:
        onsets[part.agent] = min(part.start, onsets.get(part.agent, part.start))
    first = min(parts, key=lambda part: (part.known, part.start, part.agent, part.target))
    last = [part for part in parts if part.stop == lifted]
    event = Event(
        id=event_id(service, Scope.NETWORK, f"AS{network.asn} {network.country}", first.start.isoformat()),
        revision=1,
        service=service,
        scope=Scope.NETWORK,
        network=network,
        status=Status.BLOCKED if any(part.status is Status.BLOCKED for part in last) else Status.THROTTLED,
        causes=rank_causes(part.causes for part in parts),
        confidence=_confidence(parts, lifted, context),
        onset=median_low(onsets.values()),
        known=first.known,
        lifted=lifted,
        vantages=len(onsets),
        networks=1,
        targets=tuple(sorted({part.target for part in parts})),
    )
    return NetworkEvent(event=event, parts=parts)


def _confidence(parts: tuple[InterferenceSpan, ...], lifted: datetime | None, context: NetworkContext) -> Confidence:
    """Whether other vantages of the network bear it out, at its end or now."""
    moment = context.now if lifted is None else lifted
    holding = {part.agent for part in parts if part.stop == lifted}
    targets = {part.target for part in parts}
    start = min(part.start for part in parts)
    for span in context.spans:
        if span.status is not Status.REACHABLE or span.agent in holding or span.target not in targets:
            continue
        if span.start > moment or (span.stop is not None and span.stop < moment):
            continue
        if context.presence.present(span.agent, span.network, moment) and context.presence.watched(
            span.agent, span.network, max(start, span.start), moment
        ):
            return Confidence.DISPUTED
    if count_sources({part.agent for part in parts}, context.sponsors) > 1:
        return Confidence.CONFIRMED
    return Confidence.ONE_SOURCE


def by_network(found: Iterable[InterferenceSpan]) -> dict[Network, list[InterferenceSpan]]:
    """Stretches by network."""
    places: dict[Network, list[InterferenceSpan]] = defaultdict(list)
    for stretch in found:
        places[stretch.network].append(stretch)
    return places
