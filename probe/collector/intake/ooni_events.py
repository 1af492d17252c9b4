"""Take in the transitions that `probe ooni transitions` found, as events of a source of their own.

They stand beside what followed collectors report: shown with their source, and part of no status, confidence or alert
here. OONI's clients are neither enrolled nor independent of each other, and have no log that could be verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.collector.store import StoreSession, followed, to_ms
from probe.collector.store.followed import ReceivedEntry
from probe.collector.store.log_tables import LogHead
from probe.formats.log_entry import LogEntry
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.target import MAX_LENGTH
from probe.model.verdict import Status
from probe.ooni.network_detectors import NetworkTransition

ORIGIN = "ooni"
"""The name of the source."""
SOURCE = hashlib.sha256(ORIGIN.encode()).hexdigest()[:8]
"""Its name in our addresses, of the form that those of followed logs have."""
IMPORTED = "imported"
"""State of the source: it is no log, and is never asked."""
_INTERFERED = frozenset({Status.BLOCKED, Status.THROTTLED})


def events_of(transitions: Iterable[NetworkTransition]) -> list[Event]:
    """The events of transitions in the order of time: each interference in one network, until it ends."""
    found: dict[tuple[str, int, str], Event] = {}
    ended: list[Event] = []
    for one in transitions:
        if len(one.target) > MAX_LENGTH:
            continue
        key = one.country, one.asn, one.target
        before = found.pop(key, None)
        if before is not None:
            ended.append(msgspec.structs.replace(before, revision=2, lifted=max(one.onset, before.onset)))
        if one.after in _INTERFERED:
            found[key] = _begun(one)
    return sorted([*ended, *found.values()], key=lambda event: (event.onset, event.id))


def _begun(one: NetworkTransition) -> Event:
    mark = f"{ORIGIN}\0{one.country}\0{one.asn}\0{one.target}\0{one.onset.isoformat()}"
    return Event(
        id=hashlib.sha256(mark.encode()).hexdigest()[:16],
        revision=1,
        service=one.target,
        scope=Scope.NETWORK,
        network=Network(asn=one.asn, country=one.country),
        status=Status(one.after),
        causes=one.causes,
        confidence=Confidence.ONE_SOURCE,
        onset=one.onset,
        known=one.time,
        targets=(one.target,),
    )


def store_ooni_events(session: StoreSession, events: list[Event], now: datetime) -> int:
    """Store events; those that were stored before are renewed. Return how many there are."""
    number = followed.number_for(session, _head(to_ms(now)))
    entries = [
        ReceivedEntry(0, LogEntry(kind="began" if event.lifted is None else "lifted", published=now, event=event))
        for event in events
    ]
    followed.store_events(session, number, entries, to_ms(now))
    return len(entries)


def _head(now: int) -> LogHead:
    """The row of the source, which has no log."""
    return LogHead(
        no=0,
        source=SOURCE,
        origin=ORIGIN,
        url="",
        vkey="",
        size=0,
        checkpoint=b"",
        latest=b"",
        position=0,
        bytes=0,
        state=IMPORTED,
        problem="",
        since=now,
        seen=now,
    )
