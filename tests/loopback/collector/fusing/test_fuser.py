"""The running collector fuses batches into events."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from probe.clock import Clock
from probe.collector.fusing.fuser import fuse_some
from probe.collector.fusing.upkeep import Upkeep
from probe.collector.server import running
from probe.collector.store import StoreSession, events, history
from probe.collector.store.database_url import open_store
from probe.collector.store.events import DirtyMark
from probe.collector.store.history import LatestPresence
from probe.errors import StorageError
from probe.fuse.revision import RevisionKind
from probe.model.event import Confidence, Event, Scope, Span
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
T = "https://wechat.example/"
SERVICES = {T: "WeChat"}


async def fused(server: Server) -> list[Event]:
    """The events after all marked services have been fused."""
    async with asyncio.timeout(60):
        while await server.collector.store.read(lambda s: events.dirty_marks(s, 1)):  # noqa: ASYNC110 it is another task's
            await asyncio.sleep(0.01)
    return await server.collector.store.read(lambda s: events.events(s, 0, 100))


async def report(server: Server, agent: FakeAgent, *changes: object) -> None:
    """Send five hours of rounds and these changes."""
    batch = agent.batch(
        rounds=rounds(NOW - 5 * HOUR, 60), settled=(settled(T, NOW - 5 * HOUR),), changes=changes, services=SERVICES
    )
    assert (await agent.post(server.http, batch))[0] == 200


async def kinds(server: Server, event_id: str) -> list[RevisionKind]:
    """The revisions under an id."""
    found = await server.collector.store.read(lambda s: events.revisions_of(s, event_id))
    return [each.kind for each in found]


async def test_a_block_begins_is_confirmed_and_lifts_once_each(server: Server, enrolled: Enrolled) -> None:
    """The whole life of an event."""
    one, two = await enrolled(), await enrolled()
    await report(server, one, change(T, Status.BLOCKED, NOW - 3 * HOUR, Cause.DNS_SPOOFED))
    (event,) = await fused(server)
    assert (event.service, event.confidence, event.lifted) == ("WeChat", Confidence.ONE_SOURCE, None)

    await report(server, two, change(T, Status.BLOCKED, NOW - 3 * HOUR + timedelta(minutes=4), Cause.DNS_SPOOFED))
    (event,) = await fused(server)
    assert (event.confidence, event.vantages) == (Confidence.CONFIRMED, 2)

    for agent in (one, two):
        lifting = change(T, Status.REACHABLE, NOW - HOUR, before=Status.BLOCKED)
        await agent.post(server.http, agent.batch(changes=(lifting,)))
    (event,) = await fused(server)
    assert event.lifted is not None
    assert [kind for kind in await kinds(server, event.id) if kind is not RevisionKind.CHANGED] == [
        RevisionKind.BEGAN,
        RevisionKind.LIFTED,
    ]


async def test_down_and_unreachable_targets_make_no_event(server: Server, enrolled: Enrolled) -> None:
    """They do not prove interference."""
    agent = await enrolled()
    await report(server, agent, change(T, Status.DOWN, NOW - 2 * HOUR), change(T, Status.UNREACHABLE, NOW - HOUR))

    assert await fused(server) == []


async def test_three_networks_make_an_event_of_the_country(server: Server, enrolled: Enrolled) -> None:
    """Besides the events of the networks."""
    for asn in (64500, 64501, 64502):
        await report(server, await enrolled(asn=asn), change(T, Status.BLOCKED, NOW - HOUR))

    found = await fused(server)

    assert sorted(event.scope for event in found) == [Scope.COUNTRY] + [Scope.NETWORK] * 3


async def test_a_mark_stays_if_its_service_was_marked_again(server: Server, enrolled: Enrolled) -> None:
    """A crash between fusing and publishing loses nothing."""

    def marked_again(session: StoreSession) -> list[int]:
        """Mark, mark again and delete the first mark in one transaction, because the collector fuses meanwhile."""
        history.mark_dirty(session, "X", "RU", 1)
        history.mark_dirty(session, "X", "RU", 2)
        events.clear_dirty(session, DirtyMark("X", "RU", 1, 1))
        return [each.mark for each in events.dirty_marks(session, 9)]

    store = server.collector.store
    assert await store.write(marked_again) == [2]

    await fuse_some(server.collector)
    assert await store.read(lambda s: events.dirty_marks(s, 9)) == []


async def test_a_collector_that_stops_while_a_result_is_being_written_publishes_it_once(tmp_path: Path) -> None:
    """The collector is stopped while the fuser waits for a busy writer, which then continues."""
    busy, free = threading.Event(), threading.Event()

    def hold(_: StoreSession) -> None:
        busy.set()
        assert free.wait(60)

    async with aiohttp.ClientSession() as http:
        stack = AsyncExitStack()
        collector, page = await stack.enter_async_context(
            running(tmp_path / "c.db", "127.0.0.1:0", "http://collector.test", Clock(NOW))
        )
        server = Server(collector, page, http)
        agent = FakeAgent(server.page, origin=collector.origin, clock=collector.clock)
        await agent.enrol(http, await server.token())
        await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR))
        holding = asyncio.create_task(collector.store.write(hold))
        async with asyncio.timeout(60):
            while not (busy.is_set() and collector.store.waiting()):  # noqa: ASYNC110 it is another task's
                await asyncio.sleep(0.001)
        closing = asyncio.create_task(stack.aclose())
        async with asyncio.timeout(60):
            while collector.store.waiting() < 2:  # noqa: ASYNC110 the fuser's result and what closing writes
                await asyncio.sleep(0.001)
        free.set()
        await holding
        await closing

    store = open_store(tmp_path / "c.db")
    (event,) = await store.read(lambda s: events.events(s, 0, 9))
    assert [each.no for each in await store.read(lambda s: events.revisions_of(s, event.id))] == [1]
    await store.close()


async def test_reports_of_a_revoked_vantage_no_longer_count(server: Server, enrolled: Enrolled) -> None:
    """An event that has no other source is withdrawn in a revision."""
    agent = await enrolled()
    await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR))
    (event,) = await fused(server)

    await server.collector.store.write(lambda s: s.run("UPDATE agent SET state = 'revoked'"))
    await server.collector.store.write(lambda s: events.mark_open_events(s, 1))
    server.collector.fusion_requested.set()

    assert await fused(server) == []
    assert (await kinds(server, event.id))[-1] is RevisionKind.WITHDRAWN


async def metrics_with(server: Server, line: str) -> str:
    """Wait until the metrics have this line: the fuser counts after its commit, so the first read may be too early."""
    async with asyncio.timeout(60):
        while line not in (text := (await server.get("/metrics"))[1]).splitlines():  # noqa: ASYNC110 it is another task's
            await asyncio.sleep(0.01)
    return text


async def test_published_revisions_are_counted_by_kind(server: Server, enrolled: Enrolled) -> None:
    """No label names a target."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))

    text = await metrics_with(server, 'probe_collector_revisions_total{kind="began"} 1')

    assert "wechat" not in text.lower()


class FailingReads:
    """A store whose next reads fail, each in another way."""

    ERRORS = (StorageError("cannot be read"), ValueError("a fault of ours"), sqlite3.OperationalError("disk I/O error"))

    def __init__(self, server: Server, count: int) -> None:
        self.left = count
        self._server = server
        self._read = server.collector.store.read

    async def read(self, query: Callable[[StoreSession], Any]) -> Any:
        """Fail, or read."""
        if asyncio.current_task() is not None and asyncio.current_task().get_name() == "fuser" and self.left:  # type: ignore[union-attr]
            self.left -= 1
            raise self.ERRORS[self.left % len(self.ERRORS)]
        return await self._read(query)


@pytest.mark.parametrize("count", [1, 2])
async def test_fusion_continues_after_failed_reads(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Meanwhile `/readyz` and `/metrics` show that the fuser fails; afterwards the event is there."""
    reads = FailingReads(server, count)
    monkeypatch.setattr(server.collector.store, "read", reads.read)
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    await metrics_with(server, 'probe_collector_task_failing{task="fuser"} 1')
    status, text = await server.get("/readyz")
    assert status == 503
    assert json.loads(text)["tasks"] == {
        "fuser": "failing",
        "upkeep": "running",
        "log": "running",
        "following": "running",
        "notify": "running",
    }
    assert json.loads(text)["error"]["code"] == "task_failing"

    (event,) = await fused(server)

    assert event.status is Status.BLOCKED
    text = await metrics_with(server, 'probe_collector_task_failing{task="fuser"} 0')
    assert f'probe_collector_task_failures_total{{task="fuser"}} {count}' in text.splitlines()
    assert (await server.get("/readyz"))[0] == 200


async def test_a_service_whose_rows_cannot_be_read_stays_marked(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service is fused later, because a failing engine is no fault of the service."""
    left = 1
    spans_of = history.spans_of

    def failing_once(session: StoreSession, service: str, cc: str, since: int = 0) -> list[Span]:
        nonlocal left
        if left:
            left -= 1
            raise StorageError("cannot be read (disk I/O error)")
        return spans_of(session, service, cc, since)

    monkeypatch.setattr(history, "spans_of", failing_once)
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))

    (event,) = await fused(server)

    assert event.status is Status.BLOCKED
    assert left == 0


async def test_a_fault_in_fusing_one_service_is_counted_and_does_not_stop_the_others(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark is deleted, so that it does not block the others."""
    spans_of = history.spans_of

    def faulty(session: StoreSession, service: str, cc: str, since: int = 0) -> list[Span]:
        if service == "WeChat":
            raise ValueError("an unknown status")
        return spans_of(session, service, cc, since)

    monkeypatch.setattr(history, "spans_of", faulty)
    other = "https://line.example/"
    changes = (change(T, Status.BLOCKED, NOW - HOUR), change(other, Status.BLOCKED, NOW - HOUR))
    await report(server, await enrolled(), *changes)

    (event,) = await fused(server)

    assert event.service == other
    await metrics_with(server, "probe_collector_fusion_faults_total 1")
    assert (await server.get("/readyz"))[0] == 200


async def test_upkeep_that_fails_does_not_stop_fusion(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are two tasks; `/readyz` names the one that fails."""

    def broken(session: StoreSession) -> list[LatestPresence]:
        raise ValueError("a row that cannot be decoded")

    monkeypatch.setattr(history, "latest_presences", broken)
    upkeep = Upkeep(server.collector)
    async with server.collector.supervisor.supervise("more upkeep", upkeep.run_once):
        await metrics_with(server, 'probe_collector_task_failing{task="more upkeep"} 1')
        await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
        assert len(await fused(server)) == 1
        status, text = await server.get("/readyz")

    assert (status, json.loads(text)["tasks"]["more upkeep"]) == (503, "failing")
