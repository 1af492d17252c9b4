"""The data of an event's page, read from the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from probe.collector.store import events
from probe.collector.web.event_view import EventView, event_view, evidence
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def looked_up(server: Server, event_id: str) -> EventView | None:
    """The view of an event."""
    return await server.collector.store.read(lambda s: event_view(s, event_id, server.collector.secret))


async def test_it_has_the_vantages_that_saw_the_event_and_no_others(server: Server, enrolled: Enrolled) -> None:
    """Neither vantages of other networks nor interference at other times."""
    verdict = blocked_verdict(T, "wechat.example", NOW - HOUR)
    one, two = await enrolled(), await enrolled(asn=64501)
    await report(
        server,
        one,
        change(T, Status.THROTTLED, NOW - 4 * HOUR),
        change(T, Status.REACHABLE, NOW - 3 * HOUR),
        change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=verdict),
    )
    await report(server, two, change(T, Status.BLOCKED, NOW - HOUR))
    found = [event for event in await fused(server) if event.network.asn == 64500 and event.lifted is None]

    view = await looked_up(server, found[0].id)

    assert view is not None
    assert [(each.status, each.until) for each in view.vantages] == [(Status.BLOCKED, None)]
    assert [(item.verdict, item.vantage) for item in view.verdicts] == [(verdict, view.vantages[0].vantage)]
    assert [each.kind for each in view.revisions] == [RevisionKind.BEGAN]


async def test_an_event_that_continues_under_another_id_names_it(server: Server, enrolled: Enrolled) -> None:
    """The event's own page stays."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    (event,) = await fused(server)
    renamed = NewRevision(event=event, kind=RevisionKind.RENAMED, into="f" * 16)
    await server.collector.store.write(lambda s: s.run("DELETE FROM revision"))
    await server.collector.store.write(lambda s: events.publish(s, renamed, 1))

    view = await looked_up(server, event.id)

    assert view is not None
    assert view.superseded == "f" * 16


async def test_an_unknown_id_or_digest_gives_none(server: Server) -> None:
    """So does a text that is not a digest."""
    assert await looked_up(server, "0" * 16) is None
    assert await server.collector.store.read(lambda s: evidence(s, "0" * 64)) is None
    assert await server.collector.store.read(lambda s: evidence(s, "no digest")) is None
