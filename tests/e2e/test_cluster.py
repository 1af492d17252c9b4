"""The cluster of `deploy/patroni`, raised on loopback: what is acknowledged outlives any one of its machines."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.required import module
from tests.servers.cluster import Cluster, cluster
from tests.servers.keeper import descendants

psycopg = module("psycopg")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="setpriv(1), prctl(2) and /proc"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bed() -> AsyncIterator[Cluster]:
    """The cluster with its database running; one for all tests of this file, which leave it whole."""
    with cluster() as raised:
        await raised.start_database()
        yield raised


async def test_a_commit_returns_only_when_a_standby_has_it(bed: Cluster) -> None:
    """With both standbys stopped a commit waits; it returns when one of them goes on."""
    primary = await bed.primary()
    standbys = [process for node in (1, 2, 3) if node != primary for process in postgres_processes(bed, node)]
    connection = await psycopg.AsyncConnection.connect(bed.url, autocommit=True)
    await connection.execute("CREATE TABLE fact (number bigint)")

    for process in standbys:
        os.kill(process, signal.SIGSTOP)
    try:
        writing = asyncio.create_task(connection.execute("INSERT INTO fact VALUES (1)"))
        async with await psycopg.AsyncConnection.connect(bed.url, autocommit=True) as other:
            while not (await (await other.execute(WAITING)).fetchall()):
                assert not writing.done()
    finally:
        for process in standbys:
            os.kill(process, signal.SIGCONT)
    await writing
    await connection.execute("DROP TABLE fact")
    await connection.close()


WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'INSERT INTO fact%'"


def postgres_processes(bed: Cluster, node: int) -> list[int]:
    """The processes of a node's PostgreSQL."""
    process = bed.patronis[node].running
    assert process is not None
    return [each for each in descendants(process.pid) if Path(f"/proc/{each}/comm").read_text().strip() == "postgres"]
