"""Limits of requests that name no enrolled agent, at a real collector."""

from __future__ import annotations

import asyncio

import pytest

from probe.collector.connections import request_limits
from tests.loopback.collector.conftest import Server


@pytest.fixture(autouse=True)
def few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a test reaches at any speed of the machine."""
    monkeypatch.setattr(request_limits, "REQUESTS_PER_SECOND", 0.001)
    monkeypatch.setattr(request_limits, "MAX_REQUESTS_AT_ONCE", 20.0)


async def test_a_source_is_limited_and_others_are_not(server: Server) -> None:
    """A proxy names its clients, so each has its own limit."""
    most = int(request_limits.MAX_REQUESTS_AT_ONCE)
    flood = {"X-Forwarded-For": "203.0.113.7"}
    answers = await asyncio.gather(*[server.get("/healthz", **flood) for _ in range(3 * most)])

    assert 429 in {status for status, _ in answers}
    assert (await server.get("/healthz", **{"X-Forwarded-For": "198.51.100.7"}))[0] == 200
    assert (await server.get("/healthz"))[0] == 200


async def test_unknown_agents_are_counted_as_strangers(server: Server) -> None:
    """Each would cost a look into the database."""
    headers = {"X-Forwarded-For": "203.0.113.7", "Probe-Agent": "0123456789abcdef"}
    statuses = set()
    for _ in range(2 * int(request_limits.MAX_REQUESTS_AT_ONCE)):
        async with server.http.post(f"{server.page}/api/v1/batches", data=b"", headers=headers) as answer:
            statuses.add(answer.status)
            if answer.status == 429:
                break

    assert statuses == {401, 429}


async def test_requests_in_progress_are_bounded(server: Server) -> None:
    """Strangers wait; agents do not, because their requests are counted otherwise."""
    server.collector.strangers.in_progress = request_limits.MAX_IN_PROGRESS

    assert (await server.get("/healthz"))[0] == 503
    async with server.http.post(f"{server.page}/api/v1/batches", data=b"") as answer:
        assert answer.status == 401
