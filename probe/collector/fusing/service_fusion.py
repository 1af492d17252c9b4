"""Fuse one service in one country: read what its events are made of, and compare with what is published."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.collector.store import StoreSession, events, from_ms, history, to_ms
from probe.collector.store.events import DirtyMark
from probe.collector.store.standings import standings
from probe.fuse.fusion import fuse
from probe.fuse.revision import NewRevision, revise
from probe.fuse.standing import Standings
from probe.fuse.window import window_start
from probe.model.event import Event, Presence, Span


class Fused(msgspec.Struct, frozen=True):
    """The result of one fusion.

    Attributes:
        revisions: that are to be published.
        settled: the moment before which the events are settled, in milliseconds.
        lasting: whether an event lasts, which time alone may change.
    """

    revisions: list[NewRevision]
    settled: int = 0
    lasting: bool = False


class FusionReader:
    """Reads for one pass of the fuser; what its services share is read once.

    Args:
        session: the view.
        now: the moment of the fusions.
    """

    def __init__(self, session: StoreSession, now: datetime) -> None:
        self._session = session
        self._now = now
        self._standings: Standings | None = None
        self._presences: dict[tuple[str, int], dict[str, list[Presence]]] = {}

    def fused(self, dirty: DirtyMark) -> Fused:
        """Fuse a service that is marked."""
        session, service, cc = self._session, dirty.service, dirty.cc
        since = events.settled_until(session, service, cc)
        if dirty.changed < since:  # a report of an earlier time, or a change to what was stored
            since = 0
        before, numbers = events.current_events(session, service, cc, since)
        if not before and not numbers and not history.interfered_since(session, service, cc, since):
            return Fused([])
        if self._standings is None:
            self._standings = standings(session)
        spans = history.spans_of(session, service, cc, since)
        services = {span.target: service for span in spans}
        found = fuse(spans, self._presences_of(spans, cc, since), self._now, services, self._standings)
        after = [_whole_ms(event) for event in found]
        return Fused(
            revisions=revise(before, after, numbers),
            settled=to_ms(window_start(spans, after, from_ms(since), self._now)),
            lasting=any(event.lifted is None for event in after),
        )

    def _presences_of(self, spans: Iterable[Span], cc: str, since: int) -> Iterable[Presence]:
        """The presences of the vantages of these spans."""
        known = next((known for known in self._presences if known[0] == cc and known[1] <= since), None)
        if known is None:
            known = (cc, since)
            by_agent: dict[str, list[Presence]] = {}
            for presence in history.presences_of(self._session, cc, since):
                by_agent.setdefault(presence.agent, []).append(presence)
            self._presences[known] = by_agent
        found = self._presences[known]
        return [presence for agent in {span.agent for span in spans} for presence in found.get(agent, ())]


def _whole_ms(event: Event) -> Event:
    """The event as it is read back from its JSON, where times are whole milliseconds, so that it can be compared."""
    return msgspec.json.decode(msgspec.json.encode(event), type=Event)
