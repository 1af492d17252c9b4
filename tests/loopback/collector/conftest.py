"""A real collector on 127.0.0.1 with a real database file."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.server import running
from probe.collector.state import Collector
from tests.loopback.collector.vantages import FakeAgent
from tests.servers.postgres import PostgresServer, running_postgres


class Server:
    """The collector, the address of its page, and a client."""

    def __init__(self, collector: Collector, page: str, http: aiohttp.ClientSession) -> None:
        self.collector = collector
        self.page = page.rstrip("/")
        self.http = http

    async def token(self, role: str = "vantage", sponsor: str = "", ttl: timedelta = timedelta(hours=1)) -> str:
        """A token for enrolment."""
        now = self.collector.clock.now()
        return await self.collector.store.write(
            lambda session: make_token(session, role=role, sponsor=sponsor, now=now, ttl=ttl)
        )

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Fetch a page; its status and text."""
        async with self.http.get(self.page + path, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A collector without agents, whose clock begins at the module's `NOW` when the test begins."""
    clock = Clock(getattr(request.module, "NOW", None))
    async with (
        running(tmp_path / "collector.db", "127.0.0.1:0", "http://collector.test", clock) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        collector.refusal_seconds = 0.0
        yield Server(collector, page, http)


@pytest.fixture
def enrolled(server: Server) -> Callable[..., Awaitable[FakeAgent]]:
    """A function that makes agents, enrolled a month ago; each of a sponsor of its own unless given."""

    async def make(asn: int = 64500, role: str = "vantage", sponsor: str = "", country: str = "RU") -> FakeAgent:
        clock = server.collector.clock
        agent = FakeAgent(server.page, asn=asn, country=country, origin=server.collector.origin, clock=clock)
        own = sponsor or f"sponsor {secrets.token_hex(4)}"
        answer = await agent.enrol(server.http, await server.token(role, own), role)
        assert answer["status"] == 200
        month = 30 * 86_400_000
        await server.collector.store.write(lambda s: s.run("UPDATE agent SET created = created - ?", month))
        return agent

    return make


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of a process; each test makes its own database in it."""
    with running_postgres() as running_server:
        yield running_server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database of PostgreSQL."""
    with postgres_server.database() as url:
        yield url
