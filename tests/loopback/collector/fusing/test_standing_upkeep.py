"""Canaries weigh vantages, and the time in shadow ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from probe.collector.fusing.standing_upkeep import StandingUpkeep
from probe.collector.store import to_ms
from probe.fuse.canary import CanaryStatus
from probe.model.verdict import Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
T = "https://wechat.example/"


async def report(server: Server, agent: FakeAgent, **parts: object) -> None:
    """Send an hour of rounds and these parts."""
    assert (await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 12), **parts)))[0] == 200


async def test_a_vantage_that_contradicts_the_canaries_loses_its_vote(server: Server, enrolled: Enrolled) -> None:
    """Its event is withdrawn, and it is told why; the honest one keeps its weight."""
    server.collector.canaries = {f"https://{n}.example/": CanaryStatus.NEVER for n in range(2)}
    liar, honest = await enrolled(), await enrolled(asn=64501)
    for agent, status in ((liar, Status.REACHABLE), (honest, Status.DOWN)):
        seen = tuple(settled(target, NOW - HOUR, status) for target in server.collector.canaries)
        await report(server, agent, settled=seen, changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    assert len(await fused(server)) == 2

    await StandingUpkeep(server.collector).renew()
    server.collector.fusion_requested.set()

    (event,) = await fused(server)
    assert event.network.asn == 64501
    weights = await server.collector.store.read(lambda s: s.rows("SELECT weight FROM agent ORDER BY no"))
    assert weights == [(333,), (1000,)]


async def test_what_a_new_vantage_sees_counts_when_its_time_in_shadow_has_ended(
    server: Server, enrolled: Enrolled
) -> None:
    """Until then it is told that it has no vote."""
    agent = await enrolled()
    end = server.collector.clock.now() + timedelta(seconds=1)
    store = server.collector.store
    await store.write(lambda s: s.run("UPDATE agent SET votes_from = ?", to_ms(end)))
    upkeep = StandingUpkeep(server.collector)
    await report(server, agent, changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    assert await fused(server) == []

    await store.write(lambda s: s.run("UPDATE agent SET votes_from = ?", to_ms(end - HOUR)))
    await upkeep.renew()
    server.collector.fusion_requested.set()

    assert len(await fused(server)) == 1
