"""Two collector processes on one PostgreSQL: agents report to both at once, and each fuses a part of what is marked."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.e2e.batch_load import BatchLoad, compare, enrol_agents, fused, mark_everything
from tests.e2e.processes import command, environment
from tests.loopback.collector.vantages import FakeAgent
from tests.servers.postgres import running_postgres

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests' PostgreSQL is for Linux")

ORIGIN = "http://c.test"
AGENTS = 16
BATCHES = 600
METRICS = ("fusions_total", "fusion_conflicts_total", "revisions_total", "task_failures_total")


@asynccontextmanager
async def collector(db: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A collector process on a free port; its URL."""
    words = command("collector", "serve", "--db", db, "--listen", "127.0.0.1:0", "--origin", ORIGIN)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=environment())
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("probe collector: http://"), line
        yield line.split()[-1].rstrip("/"), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.communicate()


async def counted(http: aiohttp.ClientSession, url: str) -> dict[str, float]:
    """The sum of each metric of `METRICS` over its labels."""
    sums = dict.fromkeys(METRICS, 0.0)
    async with http.get(f"{url}/metrics") as answer:
        for line in (await answer.text()).splitlines():
            name, _, value = line.removeprefix("probe_collector_").rpartition(" ")
            for metric in METRICS:
                if name.partition("{")[0] == metric:
                    sums[metric] += float(value)
    return sums


async def go_between(agents: list[FakeAgent], urls: list[str]) -> None:
    """Have each agent report now to one collector and now to the other, as through a proxy."""
    dice = random.Random(1)
    while True:
        for agent in agents:
            agent.url = dice.choice(urls)
        await asyncio.sleep(0.01)


async def test_two_collectors_lose_and_double_nothing_and_share_the_fusion() -> None:
    """Every acknowledged batch is stored once; fusing anew changes nothing; no background task fails.

    One of the two is killed in the middle, as its machine may be, and its agents go on with the other.
    """
    timeout = aiohttp.ClientTimeout(total=60)
    with running_postgres() as server, server.database() as db:
        async with collector(db) as (one, _), aiohttp.ClientSession(timeout=timeout) as http:
            async with collector(db) as (other, dying):
                agents = await enrol_agents(db, one, AGENTS, http, ORIGIN)
                load = BatchLoad(agents)
                moving = asyncio.create_task(go_between(agents, [one, other]))
                async with load.running(http):
                    await load.acknowledged(BATCHES)
                    shared = [await counted(http, url) for url in (one, other)]
                    moving.cancel()
                    dying.kill()
                    await dying.communicate()
                    for agent in agents:
                        agent.url = one
                    await load.acknowledged(AGENTS * 2)
            revisions = await fused(db)
            alone = await counted(http, one)
        figures = await compare(db, load)
        await mark_everything(db)
        async with collector(db):
            anew = await fused(db)

    print(f"\n{figures}, revisions {revisions}, fusions {[each['fusions_total'] for each in shared]}")  # noqa: T201
    assert figures["acknowledged"] >= BATCHES
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert revisions == anew > 0
    assert all(each["fusions_total"] > 0 for each in shared)
    assert [each["task_failures_total"] for each in (*shared, alone)] == [0, 0, 0]
