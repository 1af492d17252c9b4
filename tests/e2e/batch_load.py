"""Agents that report without a pause, each batch until it is acknowledged, and what must be stored in the end.

For tests that kill collectors or their database: every round and every change of an acknowledged batch is there once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import aiohttp

from probe.collector.intake.enrolment import make_token
from probe.collector.store import Store, StoreSession, from_ms, history, to_ms
from probe.collector.store.database_url import open_store
from probe.formats.batch import Batch
from probe.model.verdict import Cause, Status
from tests.loopback.collector.proofs import proof
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds

TARGET = "https://a.example/"
RETRY_SECONDS = 0.05
FUSION_SECONDS = 120.0
"""How long the fuser may take to fuse what is marked."""


@dataclass
class BatchLoad:
    """A number of agents that report, and what they were told.

    Attributes:
        onsets: when each agent's changes began, in the order of its batches.
        acked: the last acknowledged batch of each agent, by its id.
        times: when batches were acknowledged, in seconds of the monotonic clock.
        retries: how often a batch was sent again.
    """

    agents: Sequence[FakeAgent]
    onsets: dict[str, list[datetime]] = field(default_factory=dict)
    acked: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    retries: int = 0

    @asynccontextmanager
    async def running(self, http: aiohttp.ClientSession) -> AsyncIterator[None]:
        """Report while the block runs; at its end each agent's last batch is delivered."""
        over = asyncio.Event()
        tasks = [asyncio.create_task(self._report(agent, http, over)) for agent in self.agents]
        try:
            yield
            over.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _report(self, agent: FakeAgent, http: aiohttp.ClientSession, over: asyncio.Event) -> None:
        while not over.is_set():
            batch = self._next_batch(agent)
            while not await self._deliver(agent, http, batch):
                self.retries += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _deliver(self, agent: FakeAgent, http: aiohttp.ClientSession, batch: Batch) -> bool:
        try:
            status, answer = await agent.post(http, batch)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
        if status == 200:
            assert answer["acked"] == batch.seq
            self.acked[agent.id] = batch.seq
            self.times.append(time.monotonic())
            return True
        assert status in {429, 503}, (status, answer)
        return False

    def _next_batch(self, agent: FakeAgent) -> Batch:
        """A round, and a change: odd batches report a block, even ones its end."""
        at = self._next_onset(agent)
        after, before = (Status.REACHABLE, Status.BLOCKED) if agent.seq % 2 else (Status.BLOCKED, Status.REACHABLE)
        title = f"{agent.id} {agent.seq}"
        shown = blocked_verdict(TARGET, "a.example", at, title=title)
        verdict = shown if after is Status.BLOCKED else proof(TARGET, after, at, title)
        flip = change(TARGET, after, at, Cause.TCP_RESET, before=before, verdict=verdict)
        return agent.batch(sent=at, rounds=rounds(at, 1), changes=(flip,))

    def _next_onset(self, agent: FakeAgent) -> datetime:
        """Now, in whole milliseconds, and later than the agent's last onset."""
        earlier = self.onsets.setdefault(agent.id, [])
        now = from_ms(to_ms(datetime.now(UTC)))
        earlier.append(max([now, *(last + timedelta(milliseconds=1) for last in earlier[-1:])]))
        return earlier[-1]

    async def acknowledged(self, more: int) -> None:
        """Wait until this many more batches are acknowledged."""
        wanted = len(self.times) + more
        while len(self.times) < wanted:  # noqa: ASYNC110 the load has no event for it
            await asyncio.sleep(0.02)

    def longest_stall(self, since: float = 0.0) -> float:
        """The longest time in seconds in which nothing was acknowledged, of those that ended after a moment."""
        return max((later - earlier for earlier, later in pairwise(self.times) if later > since), default=0.0)


async def enrol_agents(db: str, url: str, count: int, http: aiohttp.ClientSession, origin: str) -> list[FakeAgent]:
    """Enrol agents of four networks and as many sponsors, with tokens that another process than the collector makes."""
    store = open_store(db)
    agents = []
    for number in range(count):
        agent = FakeAgent(url, asn=64500 + number % 4, origin=origin)
        answer = await agent.enrol(http, await _token(store, f"sponsor {number % 4}"))
        assert answer["status"] == 200, answer
        agents.append(agent)
    await store.close()
    return agents


async def _token(store: Store, sponsor: str) -> str:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    return await store.write(lambda session: make_token(session, role="vantage", sponsor=sponsor, now=now, ttl=hour))


async def compare(db: str, load: BatchLoad) -> dict[str, int]:
    """Compare what was acknowledged with what is stored.

    Returns:
        `acknowledged`, `stored`, `lost` (acknowledged, not stored) and `doubled` (stored rounds and changes that differ
        in number from the stored batches).
    """
    store = open_store(db)
    stored = await store.read(_stored)
    await store.close()
    lost = doubled = total = 0
    for agent in load.agents:
        count, last, stored_rounds, starts = stored[agent.id]
        acked = load.acked.get(agent.id, 0)
        total += count
        lost += max(0, acked - count)
        assert count == last, "no number is left out"
        doubled += abs(stored_rounds - count) + abs(len(starts) - count)
        # Every change begins a span at its onset, so the spans follow the order of the batches.
        assert starts == [to_ms(onset) for onset in load.onsets.get(agent.id, [])[: len(starts)]]
    return {"acknowledged": sum(load.acked.values()), "stored": total, "lost": lost, "doubled": doubled}


def _stored(session: StoreSession) -> dict[str, tuple[int, int, int, list[int]]]:
    """Agent -> number of its batches, number of the last one, number of its rounds, beginnings of its spans."""
    found = {}
    for no, agent in session.rows("SELECT no, id FROM agent"):
        count, last = session.rows("SELECT count(*), coalesce(max(seq), 0) FROM batch WHERE agent = ?", no)[0]
        rounds_of_agent = session.rows("SELECT coalesce(sum(rounds), 0) FROM presence WHERE agent = ?", no)[0][0]
        spans = session.rows("SELECT start FROM span WHERE agent = ? ORDER BY start", no)
        found[agent] = (int(count), int(last), int(rounds_of_agent), [int(row[0]) for row in spans])
    return found


async def fused(db: str) -> int:
    """Wait until a collector has fused everything that is marked; the number of revisions published so far."""
    store = open_store(db)
    try:
        async with asyncio.timeout(FUSION_SECONDS):
            while (await store.read(lambda session: session.rows("SELECT count(*) FROM dirty")))[0][0]:  # noqa: ASYNC110 in another process
                await asyncio.sleep(0.1)
        return int((await store.read(lambda session: session.rows("SELECT count(*) FROM revision")))[0][0])
    finally:
        await store.close()


async def mark_everything(db: str) -> None:
    """Mark every service in every country, so that the next start of a collector fuses all anew."""

    def mark(session: StoreSession) -> None:
        for service, country in session.rows("SELECT DISTINCT service, cc FROM event"):
            history.mark_dirty(session, service, country, to_ms(datetime.now(UTC)))

    store = open_store(db)
    await store.write(mark)
    await store.close()
