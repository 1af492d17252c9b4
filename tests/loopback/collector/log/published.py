"""Events that tests publish at a collector, as its fuser would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.collector.log.log_api import OWN_LOG
from probe.collector.log.own_log import OwnLog
from probe.collector.state import Collector
from probe.collector.store import StoreSession, events, to_ms
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status

MAY = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVENT = Event(
    id="a" * 16,
    revision=1,
    service="WeChat",
    scope=Scope.NETWORK,
    network=Network(asn=64500, country="RU"),
    status=Status.BLOCKED,
    causes=(Cause.TCP_TIMEOUT,),
    confidence=Confidence.ONE_SOURCE,
    onset=MAY,
    known=MAY,
    lifted=MAY + timedelta(hours=1),
    targets=("https://www.wechat.com/",),
)
__all__ = ["EVENT", "MAY", "OWN_LOG", "OwnLog", "publish", "publish_many"]


async def publish(
    collector: Collector, kind: RevisionKind = RevisionKind.BEGAN, *, into: str = "", reason: str = "", **parts: object
) -> Event:
    """Publish a revision of the event with these parts changed."""
    event = msgspec.structs.replace(EVENT, **parts)
    revision = NewRevision(event=event, kind=kind, into=into)
    now = to_ms(collector.clock.now())
    await collector.store.write(lambda session: events.publish(session, revision, now, reason))
    return event


async def publish_many(collector: Collector, count: int, first: int = 0) -> None:
    """Publish that many events in one transaction."""
    now = to_ms(collector.clock.now())

    def write(session: StoreSession) -> None:
        for number in range(first, first + count):
            event = msgspec.structs.replace(EVENT, id=f"{number:016x}", service=f"service {number}")
            events.publish(session, NewRevision(event=event, kind=RevisionKind.BEGAN), now)

    await collector.store.write(write)
