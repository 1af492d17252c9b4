"""Events of one service in one network, made of the claims of its vantages.

An event opens with the first claim and takes in every claim that overlaps or touches it, or that begins before the
interference is known to have ended (`probe.fuse.lift`). A vantage that falls silent has not ended it: silence neither
lifts an event nor opens one. An event means interference with at least one target of the service, and lists which.
Whether the service as a whole is blocked is decided by `probe.fuse.service`.

An event is confirmed by vantages of two sponsors that have a vote. It is disputed where those that are present and
reach its targets weigh half as much as those that do not, or more: then a third of the network contradicts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from statistics import median_low
from typing import TypeVar

import msgspec

from probe.fuse.claim import Claim, claims
from probe.fuse.interference_span import InterferenceSpan
from probe.fuse.lift import ReachIndex
from probe.fuse.presence import PresenceIndex
from probe.fuse.standing import MIN_SPONSORS, Standings, sponsor_weights, standing_of, total_weight
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
        spans: all spans of the service in the network, the reachable ones among them, of vantages that have a vote.
        presence: when the vantages were present.
        standings: of the vantages.
        now: the moment for which events are computed.
    """

    spans: tuple[Span, ...]
    presence: PresenceIndex
    standings: Standings
    now: datetime


def network_events(
    service: str, network: Network, found: Iterable[InterferenceSpan], context: NetworkContext
) -> list[NetworkEvent]:
    """The events of one service in one network, in order of time."""
    reach = ReachIndex(context.spans, context.presence, context.standings, context.now)
    groups = _groups(claims(found, context.presence, context.now), reach)
    return [_network_event(service, network, tuple(its), lifted, context) for its, lifted in groups]


def _groups(ordered: list[Claim], reach: ReachIndex) -> Iterator[tuple[list[Claim], datetime | None]]:
    """The claims of each event, and when it lifted; None while it lasts."""
    group: list[Claim] = []
    until: datetime | None = None
    for claim in ordered:
        if group and until is not None and claim.start > until:
            lifted = reach.lifted(group)
            if lifted is not None and claim.start > lifted:
                yield group, lifted
                group = []
        if not group:
            until = claim.stop
        elif until is not None:
            until = None if claim.stop is None else max(until, claim.stop)
        group.append(claim)
    if group:
        yield group, reach.lifted(group)


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


def _starts(its: Iterable[Claim], standings: Standings) -> Collection[Onset]:
    """The first onset of each sponsor's vantages, so that a sponsor with many vantages does not date the event."""
    found: dict[str, Onset] = {}
    for claim in its:
        sponsor = standing_of(claim.span.agent, standings).sponsor
        start = Onset(claim.start, claim.before_watch)
        found[sponsor] = min(start, found.get(sponsor, start))
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
    service: str, network: Network, its: tuple[Claim, ...], lifted: datetime | None, context: NetworkContext
) -> NetworkEvent:
    spans = tuple(dict.fromkeys(claim.span for claim in its))
    began = onset_of(_starts(its, context.standings))
    first = min(its, key=lambda claim: (claim.known, claim.start, claim.span.agent, claim.span.target))
    until = None if any(claim.stop is None for claim in its) else max(claim.stop for claim in its if claim.stop)
    last = [claim.span for claim in its if claim.stop == until]
    event = Event(
        id=event_id(service, Scope.NETWORK, f"AS{network.asn} {network.country}", first.start.isoformat()),
        revision=1,
        service=service,
        scope=Scope.NETWORK,
        network=network,
        status=Status.BLOCKED if any(span.status is Status.BLOCKED for span in last) else Status.THROTTLED,
        causes=rank_causes(span.causes for span in spans),
        confidence=_confidence(its, lifted, context),
        onset=began.moment,
        known=first.known,
        lifted=lifted,
        vantages=len({span.agent for span in spans}),
        networks=1,
        targets=tuple(sorted({span.target for span in spans})),
        before_watch=began.before_watch,
    )
    return NetworkEvent(event=event, spans=spans)


def _confidence(its: tuple[Claim, ...], lifted: datetime | None, context: NetworkContext) -> Confidence:
    """Whether other vantages of the network confirm or dispute the event, at its end or now."""
    members = {claim.span.agent for claim in its}
    present = {claim.span.agent for claim in its if claim.stop is None} or members
    denying = _denying(its, members if lifted is not None else present, lifted or context.now, context)
    standings = context.standings
    if denying and 2 * total_weight(denying, standings) >= total_weight(present, standings):
        return Confidence.DISPUTED
    if len(sponsor_weights(members, standings)) >= MIN_SPONSORS:
        return Confidence.CONFIRMED
    return Confidence.ONE_SOURCE


def _denying(its: tuple[Claim, ...], claiming: Collection[str], moment: datetime, context: NetworkContext) -> set[str]:
    """The vantages that reach a target of the event at a moment, are present, and have had time to notice."""
    targets = {claim.span.target for claim in its}
    start = min(claim.start for claim in its)
    found: set[str] = set()
    for span in context.spans:
        if span.status is not Status.REACHABLE or span.agent in claiming or span.target not in targets:
            continue
        if span.agent in found or span.start > moment or (span.stop is not None and span.stop < moment):
            continue
        if context.presence.present(span.agent, span.network, moment) and context.presence.watched(
            span.agent, span.network, max(start, span.start), moment
        ):
            found.add(span.agent)
    return found
