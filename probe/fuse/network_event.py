"""Events of one service in one network, made of the interference spans of its vantages.

An event opens with the first interference span, takes in every span that overlaps or touches it, and lifts when the
last of them ends. A vantage that falls silent has not ended its span: silence neither lifts an event nor opens one.
An event means interference with at least one target of the service, and lists which. Whether the service as a whole is
blocked is decided by `probe.fuse.service`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from statistics import median_low
from typing import TypeVar

import msgspec

from probe.fuse.interference_span import InterferenceSpan
from probe.fuse.presence import PresenceIndex
from probe.model.event import Confidence, Event, Network, Scope, Span
from probe.model.verdict import Cause, Status

Item = TypeVar("Item")
Interval = tuple[datetime, datetime | None]


class NetworkEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a network with the interference spans it was made of."""

    event: Event
    spans: tuple[InterferenceSpan, ...]

    @property
    def agents(self) -> frozenset[str]:
        """The vantages that saw it."""
        return frozenset(span.agent for span in self.spans)


class NetworkContext(msgspec.Struct, frozen=True, kw_only=True):
    """The other facts about a service in a network that its events need.

    Attributes:
        spans: all spans of the service in the network, the reachable ones among them.
        presence: when the vantages were present.
        sponsors: agent -> its sponsor; the agents of one sponsor are one source.
        now: the moment for which events are computed.
    """

    spans: tuple[Span, ...]
    presence: PresenceIndex
    sponsors: Mapping[str, str]
    now: datetime


def network_events(
    service: str, network: Network, found: Iterable[InterferenceSpan], context: NetworkContext
) -> list[NetworkEvent]:
    """The events of one service in one network, in order of time."""
    ordered = sorted(found, key=lambda span: (span.start, span.agent, span.target))
    groups = overlapping(ordered, lambda span: (span.start, span.stop))
    return [_network_event(service, network, tuple(spans), context) for spans in groups]


class Onset(msgspec.Struct, frozen=True, order=True):
    """An estimate of when interference began; with `before_watch` it began earlier, nobody knows when."""

    moment: datetime
    before_watch: bool = False


def onset_of(estimates: Collection[Onset]) -> Onset:
    """The onset of an event, from one estimate of each vantage (or network).

    The median of those that saw it begin. Where a first measurement found it before any of them, it began before that.

    Args:
        estimates: at least one.
    """
    first = min(estimates)
    seen = [each for each in estimates if not each.before_watch]
    return first if first.before_watch or not seen else Onset(median_low(each.moment for each in seen))


def _starts(spans: Iterable[InterferenceSpan]) -> Collection[Onset]:
    """The first onset of each vantage."""
    found: dict[str, Onset] = {}
    for span in spans:
        start = Onset(span.start, span.before_watch)
        found[span.agent] = min(start, found.get(span.agent, start))
    return found.values()


def event_id(service: str, scope: Scope, place: str, first: str) -> str:
    """The id of an event: 16 hexadecimal digits, the same wherever it is computed.

    Args:
        service: name of the service, or a target that belongs to none.
        scope: network or country.
        place: `AS64500 RU` or `RU`.
        first: the onset as the first vantage that became sure reported it. Vantages that become sure later may date it
            earlier; the id stays.
    """
    return sha256(f"{service}\0{scope}\0{place}\0{first}".encode()).hexdigest()[:16]


def count_sources(agents: Iterable[str], sponsors: Mapping[str, str]) -> int:
    """The number of independent sources: agents of one sponsor count once, an agent without a sponsor counts as one."""
    return len({("sponsor", sponsors[agent]) if sponsors.get(agent) else ("agent", agent) for agent in agents})


def rank_causes(reports: Iterable[tuple[Cause, ...]]) -> tuple[Cause, ...]:
    """Causes, ordered by how many reports name them first, then by how many name them at all, then by name."""
    listed = list(reports)
    first = Counter(causes[0] for causes in listed if causes)
    anywhere = Counter(cause for causes in listed for cause in set(causes))
    return tuple(sorted(anywhere, key=lambda cause: (-first[cause], -anywhere[cause], cause)))


def overlapping(items: Iterable[Item], interval: Callable[[Item], Interval]) -> Iterator[list[Item]]:
    """Groups of items whose intervals overlap or touch, each group in the order of the items.

    Args:
        items: ordered by the start of their interval.
        interval: gives start and end of an item's interval; the end is None while it lasts.
    """
    group: list[Item] = []
    until: datetime | None = None
    for item in items:
        start, stop = interval(item)
        if not group:
            until = stop
        elif until is not None and start > until:
            yield group
            group, until = [], stop
        elif until is not None:
            until = None if stop is None else max(until, stop)
        group.append(item)
    if group:
        yield group


def _network_event(
    service: str, network: Network, spans: tuple[InterferenceSpan, ...], context: NetworkContext
) -> NetworkEvent:
    stops = [span.stop for span in spans if span.stop is not None]
    lifted = max(stops) if len(stops) == len(spans) else None
    began = onset_of(_starts(spans))
    first = min(spans, key=lambda span: (span.known, span.start, span.agent, span.target))
    last = [span for span in spans if span.stop == lifted]
    event = Event(
        id=event_id(service, Scope.NETWORK, f"AS{network.asn} {network.country}", first.start.isoformat()),
        revision=1,
        service=service,
        scope=Scope.NETWORK,
        network=network,
        status=Status.BLOCKED if any(span.status is Status.BLOCKED for span in last) else Status.THROTTLED,
        causes=rank_causes(span.causes for span in spans),
        confidence=_confidence(spans, lifted, context),
        onset=began.moment,
        known=first.known,
        lifted=lifted,
        vantages=len({span.agent for span in spans}),
        networks=1,
        targets=tuple(sorted({span.target for span in spans})),
        before_watch=began.before_watch,
    )
    return NetworkEvent(event=event, spans=spans)


def _confidence(
    interference: tuple[InterferenceSpan, ...], lifted: datetime | None, context: NetworkContext
) -> Confidence:
    """Whether other vantages of the network confirm or dispute the event, at its end or now."""
    moment = context.now if lifted is None else lifted
    affected = {span.agent for span in interference if span.stop == lifted}
    targets = {span.target for span in interference}
    start = min(span.start for span in interference)
    for span in context.spans:
        if span.status is not Status.REACHABLE or span.agent in affected or span.target not in targets:
            continue
        if span.start > moment or (span.stop is not None and span.stop < moment):
            continue
        if context.presence.present(span.agent, span.network, moment) and context.presence.watched(
            span.agent, span.network, max(start, span.start), moment
        ):
            return Confidence.DISPUTED
    if count_sources({span.agent for span in interference}, context.sponsors) > 1:
        return Confidence.CONFIRMED
    return Confidence.ONE_SOURCE
