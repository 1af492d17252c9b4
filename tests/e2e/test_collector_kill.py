"""kill -9 of a collector on SQLite in the middle of commits: every acknowledged batch is stored once.

A real process, a real file, agents with real keys that post concurrently and send again whatever was not acknowledged.
`python -m tests.e2e.test_collector_kill 200` kills as often as said and prints the figures.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.e2e.batch_load import BatchLoad, compare, enrol_agents, fused, mark_everything
from tests.e2e.processes import command, environment

KILLS = 20
AGENTS = 24
ORIGIN = "http://c.test"


@dataclass
class Server:
    """A collector process that is killed and started again on the same file and port."""

    db: Path
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    starts: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The collector's URL."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the collector and wait until it prints its address."""
        began = time.monotonic()
        words = command("collector", "serve", "--db", str(self.db), "--listen", f"127.0.0.1:{self.port}")
        self.process = await asyncio.create_subprocess_exec(
            *words, "--origin", ORIGIN, stdout=asyncio.subprocess.PIPE, env=environment()
        )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("probe collector: http://")
        self.port = int(line.rsplit(":", 1)[1].strip(" /\n"))
        self.starts.append(time.monotonic() - began)

    async def stop(self, number: int) -> None:
        """Send it a signal and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        await self.process.communicate()

    async def commit_begins(self) -> None:
        """Wait until the collector writes to the log of its database: a transaction is being committed."""
        log = self.db.with_name(self.db.name + "-wal")
        before = _written(log)
        while _written(log) == before:  # noqa: ASYNC110 a commit in another process has no event
            await asyncio.sleep(0)


def _written(log: Path) -> tuple[int, int]:
    try:
        found = log.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


async def kill_in_commits(folder: Path, kills: int) -> dict[str, int]:
    """Kill the collector of a database in this folder during commits under load; the figures of the comparison."""
    server = Server(folder / "c.db")
    await server.start()
    chance = random.Random(0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        load = BatchLoad(await enrol_agents(str(server.db), server.url, AGENTS, http, ORIGIN))
        began = time.monotonic()
        async with load.running(http):
            for _ in range(kills):
                await load.acknowledged(chance.randint(1, 2 * AGENTS))
                await server.commit_begins()
                await asyncio.sleep(chance.uniform(0, 0.004))
                await server.stop(signal.SIGKILL)
                await server.start()
            await load.acknowledged(AGENTS)
        seconds = time.monotonic() - began
    revisions = await fused(str(server.db))
    await server.stop(signal.SIGTERM)
    assert server.process is not None
    assert server.process.returncode == 0
    with sqlite3.connect(server.db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    figures = await compare(str(server.db), load)
    await mark_everything(str(server.db))
    await server.start()
    figures |= {"revisions": revisions, "revisions of fusing anew": await fused(str(server.db))}
    await server.stop(signal.SIGTERM)
    more = {"kills": kills, "seconds": round(seconds), "sent again": load.retries}
    return more | figures | {"slowest restart in ms": round(1000 * max(server.starts))}


async def test_every_acknowledged_batch_is_stored_once_however_often_the_collector_is_killed(tmp_path: Path) -> None:
    """Every round and every change of a stored batch is there once, and fusing anew changes nothing that was published.

    The fuser died as often as the intake: the published events are those that the stored spans give.
    """
    figures = await kill_in_commits(tmp_path, KILLS)

    print("\n" + ", ".join(f"{name} {value}" for name, value in figures.items()))  # noqa: T201
    assert figures["acknowledged"] >= AGENTS
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert figures["revisions"] == figures["revisions of fusing anew"] > 0


def main() -> None:
    """Kill as often as the command line says and print the figures as a table."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(kill_in_commits(Path(folder), kills))
    for name, value in figures.items():
        print(f"{name:>26} {value:>8}")  # noqa: T201


if __name__ == "__main__":
    main()
