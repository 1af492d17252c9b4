"""New targets that one agent may name, at a real collector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from probe.collector.intake import target_quota
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, rounds, settled

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
Enrolled = Callable[..., Awaitable[FakeAgent]]


@pytest.fixture(autouse=True)
def small_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten new targets of an agent, fifteen of all."""
    monkeypatch.setattr(target_quota, "AGENT_TARGETS", 10.0)
    monkeypatch.setattr(target_quota, "TOTAL_TARGETS", 15.0)


async def report(server: Server, agent: FakeAgent, *names: str) -> None:
    """Report these names as reachable, each with a service."""
    batch = agent.batch(
        rounds=rounds(NOW, 1),
        settled=tuple(settled(f"https://{name}.example/", NOW - timedelta(hours=1)) for name in names),
        services={f"https://{name}.example/": name for name in names},
    )
    assert (await agent.post(server.http, batch))[0] == 200


async def count(server: Server) -> int:
    """How many targets are stored."""
    row = await server.collector.store.read(lambda session: session.row("SELECT count(*) FROM target"))
    assert row is not None
    return int(row[0])


async def test_an_agent_s_new_targets_are_bounded_and_counted_as_ignored(server: Server, enrolled: Enrolled) -> None:
    """It is acknowledged all the same, and its other targets are stored."""
    agent = await enrolled()
    await report(server, agent, *(f"a{number:02}" for number in range(12)))
    await report(server, agent, "a00", "b00")

    assert await count(server) == 10
    assert "ignored_total 3" in server.collector.metrics.text()


async def test_targets_that_others_named_before_are_free(server: Server, enrolled: Enrolled) -> None:
    """A common list costs nobody's quota but the first one's."""
    first, second = await enrolled(), await enrolled()
    names = [f"a{number:02}" for number in range(8)]
    await report(server, first, *names)
    await report(server, second, *names, *(f"b{number:02}" for number in range(9)))

    assert await count(server) == 15


async def test_a_quota_grows_again(server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists change over the months."""
    monkeypatch.setattr(target_quota, "AGENT_TARGETS_PER_DAY", 1e12)
    monkeypatch.setattr(target_quota, "TOTAL_TARGETS_PER_DAY", 1e12)
    agent = await enrolled()
    for begin in "abc":
        await report(server, agent, *(f"{begin}{number:02}" for number in range(10)))

    assert await count(server) == 30
