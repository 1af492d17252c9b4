"""What time alone changes is marked, what is old is deleted, an idle collector does nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from probe.collector.fusing.fuser import RECHECK_MS
from probe.collector.fusing.upkeep import REFRESH_SECONDS, TICK_SECONDS, Upkeep
from probe.collector.state import Collector
from probe.collector.store import StoreSession, batches, events, history, to_ms
from probe.model.verdict import Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import HOUR, T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change, rounds

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)


def alone(server: Server) -> Collector:
    """A collector on the server's database that has no fuser, which would take the marks."""
    collector = server.collector
    return Collector(collector.store, collector.clock, collector.origin, b"k" * 32)


async def marked(server: Server) -> list[str]:
    """The services that are marked to be fused."""
    return [mark.service for mark in await server.collector.store.read(lambda s: events.dirty_marks(s, 9))]


async def test_an_idle_collector_fuses_nothing_again(server: Server, enrolled: Enrolled) -> None:
    """After its first tick, for as long as no vantage falls silent or comes back."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)
    upkeep = Upkeep(alone(server))
    await upkeep.run_once()
    assert await marked(server) == ["WeChat"]
    server.collector.fusion_requested.set()
    await fused(server)

    upkeep._wait_seconds = 0.0
    await upkeep.run_once()

    assert await marked(server) == []


async def test_a_vantage_that_comes_back_has_its_services_fused(server: Server, enrolled: Enrolled) -> None:
    """Its presence may confirm or dispute what others see; other services are left alone."""
    agent, other = await enrolled(), await enrolled(asn=64501)
    await report(server, agent, change(T, Status.BLOCKED, NOW - HOUR))
    line = change("https://line.example/", Status.BLOCKED, NOW - HOUR)
    await other.post(server.http, other.batch(rounds=rounds(NOW - HOUR, 12), changes=(line,)))
    await fused(server)
    collector = alone(server)
    upkeep = Upkeep(collector)
    await server.collector.store.write(lambda s: s.run("UPDATE presence SET stop = start WHERE agent = 1"))
    await upkeep.run_once()
    await server.collector.store.write(lambda s: s.run("DELETE FROM dirty"))
    await server.collector.store.write(lambda s: s.run("UPDATE presence SET stop = ? WHERE agent = 1", to_ms(NOW)))
    collector.fusion_requested.clear()

    upkeep._wait_seconds = 0.0
    await upkeep.run_once()

    assert await marked(server) == ["WeChat"]
    assert collector.fusion_requested.is_set()


async def test_an_event_is_fused_once_more_when_others_had_time_to_dispute_it(
    server: Server, enrolled: Enrolled
) -> None:
    """The fuser sets the time, upkeep marks it then."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)
    store, now = server.collector.store, to_ms(server.collector.clock.now())
    (row,) = await store.read(lambda s: s.rows("SELECT service, due FROM recheck"))
    assert row[0] == "WeChat"
    assert now < row[1] <= now + RECHECK_MS

    def later(session: StoreSession) -> list[str]:
        assert events.mark_due(session, row[1] - 1) == 0
        assert events.mark_due(session, row[1]) == 1
        return [mark.service for mark in events.dirty_marks(session, 9)]

    assert await store.write(later) == ["WeChat"]
    assert REFRESH_SECONDS > TICK_SECONDS


async def test_upkeep_counts_agents_and_open_events(server: Server, enrolled: Enrolled) -> None:
    """By role and by scope."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)

    await Upkeep(server.collector).run_once()

    lines = (await server.get("/metrics"))[1].splitlines()
    assert 'probe_collector_events_open{scope="network"} 1' in lines
    assert 'probe_collector_events_open{scope="country"} 0' in lines
    assert 'probe_collector_agents_present{role="vantage"} 1' in lines
    assert 'probe_collector_agents_present{role="control"} 0' in lines


async def test_upkeep_marks_open_events_to_be_fused_again(server: Server, enrolled: Enrolled) -> None:
    """It also requests fusion; this collector has no fuser that would take the mark."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - HOUR))
    await fused(server)
    collector = alone(server)

    await Upkeep(collector).run_once()

    marks = await server.collector.store.read(lambda s: events.dirty_marks(s, 9))
    assert [mark.service for mark in marks] == ["WeChat"]
    assert collector.fusion_requested.is_set()


async def test_upkeep_deletes_old_batches_without_changes(server: Server) -> None:
    """Sixty days after they were received."""

    def add(session: StoreSession) -> None:
        for seq, days in ((1, 61), (2, 59)):
            received = to_ms(NOW - timedelta(days=days))
            batches.add_batch(session, (1, "e", seq), b"d", (received, 0, 0), (None, None))

    await server.collector.store.write(add)

    await Upkeep(server.collector).run_once()

    assert await server.collector.store.read(lambda s: s.rows("SELECT seq FROM batch")) == [(2,)]


async def test_upkeep_waits_between_two_passes_but_not_after_a_failure(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delay after a failure is the supervisor's."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    collector = alone(server)
    monkeypatch.setattr(collector.real, "sleep", sleep)
    upkeep = Upkeep(collector)
    await upkeep.run_once()
    with monkeypatch.context() as broken:
        broken.setattr(history, "latest_presences", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await upkeep.run_once()
    await upkeep.run_once()

    assert slept == [0.0, TICK_SECONDS, 0.0]
