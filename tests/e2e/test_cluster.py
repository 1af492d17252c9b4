"""The cluster of `deploy/patroni`, raised on loopback: what is acknowledged outlives any one of its machines.

`python -m tests.e2e.test_cluster` kills what it can under load and prints the figures.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.batch_load import BatchLoad, compare, enrol_agents, fused, mark_everything
from tests.loopback.collector.vantages import rounds
from tests.required import module
from tests.servers.cluster import ORIGIN, Cluster, cluster
from tests.servers.keeper import descendants

psycopg = module("psycopg")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="setpriv(1), prctl(2) and /proc"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]
ROOT = Path(__file__).parents[2]
AGENTS = 24
MAX_STALL_SECONDS = 30.0
"""Patroni replaces a primary that is silent for 20 seconds."""
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'probe'"


@asynccontextmanager
async def raised() -> AsyncIterator[Cluster]:
    """A cluster that runs."""
    asyncio.get_running_loop().set_debug(False)  # with it, every slow callback of a busy machine is a log line
    with cluster() as bed:
        await bed.start_database()
        await bed.start_collectors()
        yield bed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bed() -> AsyncIterator[Cluster]:
    """One cluster for all tests of this file, which leave it whole."""
    async with raised() as running:
        yield running


@asynccontextmanager
async def client(bed: Cluster) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that trusts nginx's certificate."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=bed.trust())) as http:
        yield http


@contextmanager
def standbys_stopped(bed: Cluster, primary: int) -> Iterator[None]:
    """Stop what receives the primary's log at both standbys, so that no commit is confirmed."""
    receivers = [process for node in (1, 2, 3) if node != primary for process in wal_receivers(bed, node)]
    assert len(receivers) == 2
    for process in receivers:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in receivers:
            os.kill(process, signal.SIGCONT)


def wal_receivers(bed: Cluster, node: int) -> list[int]:
    """The processes of a node that receive the primary's log."""
    process = bed.patronis[node].running
    assert process is not None
    below = descendants(process.pid)
    return [each for each in below if b"walreceiver" in Path(f"/proc/{each}/cmdline").read_bytes()]


async def waiting_commits(connection: psycopg.AsyncConnection) -> list[int]:
    """Wait until a commit waits for a standby; the processes of such commits at the primary."""
    while not (found := await (await connection.execute(WAITING)).fetchall()):  # noqa: ASYNC110 in another process
        await asyncio.sleep(0.02)
    return [row[0] for row in found]


async def test_a_batch_is_acknowledged_only_when_a_standby_has_it(bed: Cluster) -> None:
    """Neither a wait that is cancelled nor a batch that comes again is acknowledged before.

    A cancelled wait leaves the batch at the primary alone. The batch that comes again finds it there: had it nothing to
    write, its commit would not wait, and what it acknowledged would be lost with the primary.
    """
    direct = f"http://{bed.address(1)}:8017"
    async with client(bed) as http, await psycopg.AsyncConnection.connect(bed.url, autocommit=True) as admin:
        (agent,) = await enrol_agents(bed.url, direct, 1, http, ORIGIN)
        now = datetime.now(UTC)
        batch = agent.batch(sent=now, rounds=rounds(now, 1))

        with standbys_stopped(bed, await bed.primary()):
            for _ in ("first", "again"):
                sent = asyncio.create_task(agent.post(http, batch))
                waits = asyncio.create_task(waiting_commits(admin))
                await asyncio.wait({sent, waits}, return_when=asyncio.FIRST_COMPLETED)
                assert not sent.done(), sent.result()
                while not sent.done():
                    for process in await waits:
                        await admin.execute("SELECT pg_cancel_backend(%s)", (process,))
                    waits = asyncio.create_task(waiting_commits(admin))
                    await asyncio.wait({sent, waits}, return_when=asyncio.FIRST_COMPLETED)
                waits.cancel()
                assert (await sent)[0] == 503
            async with http.get(f"{direct}/") as page:
                assert page.status == 200, "readers read meanwhile"

        assert (await agent.post(http, batch))[0] == 200


async def test_a_rolling_upgrade_loses_no_batch(bed: Cluster) -> None:
    """One collector after the other is stopped by SIGTERM and started again, under load."""
    async with client(bed) as http:
        load = BatchLoad(await enrol_agents(bed.url, bed.page, AGENTS, http, ORIGIN))
        async with load.running(http):
            for node, process in bed.collectors.items():
                await load.acknowledged(3 * AGENTS)
                assert await process.stop() == 0
                await load.acknowledged(3 * AGENTS)
                process.start()
                await bed.ready(node)
            await load.acknowledged(3 * AGENTS)

    figures = await compare(bed.url, load)
    print("\n" + ", ".join(f"{name} {value}" for name, value in figures.items()), "sent again", load.retries)  # noqa: T201
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    await fused(bed.url)


async def kill_everything_once(bed: Cluster) -> dict[str, float]:
    """Kill -9 the primary twice, an etcd and a collector under load; the figures of the comparison."""
    stalls: dict[str, float] = {}
    async with client(bed) as http:
        load = BatchLoad(await enrol_agents(bed.url, bed.page, AGENTS, http, ORIGIN))
        async with load.running(http):
            await load.acknowledged(10 * AGENTS)
            for name in ("primary", "etcd", "collector", "second primary"):
                primary = await bed.primary()
                processes = {"etcd": bed.etcds[1], "collector": bed.collectors[1]}
                process = processes.get(name, bed.patronis[primary])
                killed = time.monotonic()
                process.kill()
                await load.acknowledged(10 * AGENTS)
                stalls[f"stall at the {name} in s"] = round(load.longest_stall(since=killed), 1)
                if name != "etcd":  # this one stays away while the second primary is killed
                    process.start()
                await bed.whole()
                await bed.ready(1)
            bed.etcds[1].start()
    figures: dict[str, float] = {**await compare(bed.url, load)}
    figures |= {"sent again": load.retries, **stalls, "longest stall in s": round(load.longest_stall(), 1)}
    figures["revisions"] = await fused(bed.url)
    await mark_everything(bed.url)
    await bed.collectors[2].stop()
    bed.collectors[2].start()
    await bed.ready(2)
    return figures | {"revisions of fusing anew": await fused(bed.url)}


async def test_no_acknowledged_batch_is_lost_with_a_machine(bed: Cluster) -> None:
    """Two primaries with their Patroni, an etcd and a collector are killed; agents keep their batches meanwhile."""
    figures = await kill_everything_once(bed)

    print("\n" + ", ".join(f"{name} {value}" for name, value in figures.items()))  # noqa: T201
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert figures["longest stall in s"] < MAX_STALL_SECONDS
    assert figures["revisions"] == figures["revisions of fusing anew"] > 0


async def test_the_conformance_suite_of_the_store_passes_on_the_cluster(bed: Cluster) -> None:
    """Its tests run in a process of their own, as the superuser, each in a database of its own."""
    words = ("-q", "-p", "no:cacheprovider", "-k", "cluster", "tests/loopback/collector/store")
    suite = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", *words),
        env={**os.environ, "PROBE_TEST_CLUSTER": bed.superuser_url},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await suite.communicate()

    print("\n" + output.decode().splitlines()[-1])  # noqa: T201
    assert suite.returncode == 0, output.decode()[-4000:]


async def test_no_log_has_an_address(bed: Cluster) -> None:
    """Neither nginx nor the collectors write down who sent a batch, also when something fails."""
    text = "".join(path.read_text() for path in (bed.folder / "probe-collector.log", bed.folder / "nginx.log"))

    assert " 200 POST " in text
    assert "127.0.0.1" not in text


async def main() -> None:
    """Raise a cluster, kill, and print the figures as a table."""
    async with raised() as bed:
        for name, value in (await kill_everything_once(bed)).items():
            print(f"{name:>28} {value:>9}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
