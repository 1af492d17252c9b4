"""Targets that fail at an agent without a settled status."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from probe.collector.store import from_ms, to_ms
from probe.collector.store.failing import FailingService, failing_services
from probe.collector.web.html_pages import MAX_AGE_SECONDS
from probe.formats.batch import ReportedFailure
from probe.model.event import Network
from probe.model.verdict import Cause
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, rounds

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
SERVICES = {"https://a.example/": "Line", "tcp://192.0.2.1:443": "Line"}


async def failing(server: Server, service: str = "", now: datetime = NOW) -> list[FailingService]:
    """What the store names."""
    return await server.collector.store.read(lambda session: failing_services(session, to_ms(now), service))


def named(*targets: str) -> tuple[ReportedFailure, ...]:
    """These targets, failing for an hour."""
    return tuple(ReportedFailure(target=target, since=NOW - HOUR, causes=(Cause.TCP_TIMEOUT,)) for target in targets)


async def test_each_batch_with_a_round_replaces_the_list_before(server: Server, enrolled: Enrolled) -> None:
    """A batch without failures ends it; so does the agent's silence."""
    agent = await enrolled()
    both = agent.batch(rounds=rounds(NOW - HOUR, 12), failing=named(*SERVICES), services=SERVICES)
    assert (await agent.post(server.http, both))[0] == 200

    (found,) = await failing(server)
    assert (found.service, found.network, found.targets) == ("Line", Network(asn=64500, country="RU"), 2)
    assert found.since == from_ms(to_ms(NOW - HOUR))
    assert await failing(server, "Line") == [found]
    assert await failing(server, "WeChat") == []
    assert await failing(server, now=NOW + HOUR) == []

    one = agent.batch(rounds=rounds(NOW, 1), failing=named("https://a.example/"), services=SERVICES)
    await agent.post(server.http, one)
    assert [each.targets for each in await failing(server)] == [1]

    await agent.post(server.http, agent.batch(rounds=rounds(NOW, 1)))
    assert await failing(server) == []


async def test_the_pages_say_that_it_is_not_yet_sure(server: Server, enrolled: Enrolled) -> None:
    """Neither an all-clear nor a block: on the board, on the service's page, in the data."""
    agent = await enrolled()
    await agent.post(
        server.http, agent.batch(rounds=rounds(NOW - HOUR, 13), failing=named(*SERVICES), services=SERVICES)
    )
    await server.collector.real.sleep(MAX_AGE_SECONDS)

    _, board = await server.get("/", Accept="text/html")
    _, service = await server.get("/s/Line", Accept="text/html")
    _, data = await server.get("/api/v1/board")

    assert "<h1>Some targets fail, and it is not yet sure why.</h1>" in board
    assert "2 targets failing since" in board
    assert "Line: failing, and not yet sure." in service
    assert '"targets":2' in data


async def test_a_time_that_cannot_be_is_left_out(server: Server, enrolled: Enrolled) -> None:
    """The rest of the batch is stored."""
    agent = await enrolled()
    ahead = (ReportedFailure(target="https://a.example/", since=NOW + 9 * HOUR),)

    assert (await agent.post(server.http, agent.batch(rounds=rounds(NOW, 1), failing=ahead)))[0] == 200

    assert await failing(server) == []
