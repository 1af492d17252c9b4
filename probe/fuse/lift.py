"""When interference has ended: somebody who is present must see each target reachable.

An unblocking needs the same proof as a block. A target counts as let through at the first moment at which nobody claims
interference with it any more and one of these sees it reachable, being present:

- a vantage that had claimed the interference, and so has seen both;
- vantages of as many sponsors as had claimed it, at most `MIN_SPONSORS`, each for more than two of its intervals.

Silence ends claims and proves nothing: where nobody is present, interference has neither ended nor gone on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from probe.fuse.claim import Claim, present_periods
from probe.fuse.presence import PresenceIndex
from probe.fuse.standing import MIN_SPONSORS, Standings, sponsor_weights
from probe.model.event import Span
from probe.model.verdict import Status


class Reach(msgspec.Struct, frozen=True):
    """One period in which a present vantage saw a target reachable; `stop` is None while it lasts."""

    agent: str
    start: datetime
    stop: datetime | None


class ReachIndex:
    """The periods in which targets were seen reachable in one network, by target.

    Args:
        spans: of the network, of vantages that have a vote.
        presence: when the vantages were present.
        standings: of the vantages.
        now: the moment for which events are computed.
    """

    def __init__(self, spans: Iterable[Span], presence: PresenceIndex, standings: Standings, now: datetime) -> None:
        self._presence = presence
        self._standings = standings
        self._network = {}
        self._reaches: dict[str, list[Reach]] = defaultdict(list)
        for span in spans:
            if span.status is Status.REACHABLE:
                self._network[span.agent] = span.network
                self._reaches[span.target] += _reaches(span, presence, now)

    def lifted(self, claims: Sequence[Claim]) -> datetime | None:
        """When the interference with every target of these claims had ended; None when it has not.

        Args:
            claims: of one event; at least one.
        """
        by_target: dict[str, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_target[claim.span.target].append(claim)
        found: list[datetime] = []
        for target, its in by_target.items():
            moment = self._let_through(target, its)
            if moment is None:
                return None
            found.append(moment)
        return max(found)

    def _let_through(self, target: str, claims: list[Claim]) -> datetime | None:
        stops = [claim.stop for claim in claims if claim.stop is not None]
        if len(stops) < len(claims):
            return None
        until = max(stops)
        witnesses = {claim.span.agent for claim in claims}
        needed = min(MIN_SPONSORS, len(sponsor_weights(witnesses, self._standings)))
        seen: list[tuple[datetime, Reach]] = []
        for reach in self._reaches.get(target, ()):
            moment = self._proven(reach, max(until, reach.start), witness=reach.agent in witnesses)
            if moment is not None and (reach.stop is None or moment <= reach.stop):
                seen.append((moment, reach))
        seen.sort(key=lambda pair: (pair[0], pair[1].agent))
        for moment, reach in seen:
            if reach.agent in witnesses:
                return moment
            standing = {
                other.agent for since, other in seen if since <= moment and (other.stop is None or other.stop >= moment)
            }
            if len(sponsor_weights(standing, self._standings)) >= needed:
                return moment
        return None

    def _proven(self, reach: Reach, since: datetime, *, witness: bool) -> datetime | None:
        if witness:
            return since
        return self._presence.watched_from(reach.agent, self._network[reach.agent], since)


def _reaches(span: Span, presence: PresenceIndex, now: datetime) -> list[Reach]:
    found: list[Reach] = []
    for start, stop in present_periods(presence.vote_periods(span.agent, span.network), span.start, span.known):
        if span.stop is not None and start >= span.stop:
            break
        lasts = span.stop is None and stop >= now
        found.append(Reach(span.agent, start, None if lasts else stop if span.stop is None else min(stop, span.stop)))
    return found
