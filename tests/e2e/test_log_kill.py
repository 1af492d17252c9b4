"""kill -9 of two collectors on one database while they publish: the log has each revision once and never forks.

Two real processes append to one log and are killed at random moments while a third process publishes. After each kill
the checkpoint that was served before must still be the beginning of the log. Six kills by default; `PROBE_KILLS=20` for
the full run.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

import aiohttp
import msgspec

from probe.collector.store import StoreSession, events
from probe.collector.store.database_url import open_store
from probe.fuse.revision import NewRevision, RevisionKind
from tests.loopback.collector.log.independent_client import Head, IndependentClient, tree_hash
from tests.loopback.collector.log.published import EVENT

KILLS = int(os.environ.get("PROBE_KILLS", "6"))
SCRIPT = """
import ctypes, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with the test, also when that is killed
from probe.cli import main
raise SystemExit(main())
"""
PROBE = (sys.executable, "-c", SCRIPT, "collector")


class Served:
    """A collector process that is killed and started again on the same database."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.url = ""
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it prints its address."""
        words = ("serve", "--db", str(self.db), "--listen", "127.0.0.1:0", "--origin", "http://c.test")
        log = self.db.with_name(f"{self.db.name}.log")
        with log.open("ab") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *PROBE, *words, stdout=asyncio.subprocess.PIPE, stderr=errors
            )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("probe collector: http"), log.read_text()[-2000:]
        self.url = line.rsplit(" ", 1)[1].strip(" /\n")

    async def stop(self, number: int) -> None:
        """Send it a signal and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        await self.process.communicate()


async def publish_until(over: asyncio.Event, db: Path) -> int:
    """Publish revisions in small transactions; how many there were."""
    store = open_store(db)
    number = 0

    def write(session: StoreSession) -> None:
        for at in range(number, number + 3):
            event = msgspec.structs.replace(EVENT, id=f"{at:016x}", service=f"service {at}")
            events.publish(session, NewRevision(event=event, kind=RevisionKind.BEGAN), 1_800_000_000_000)

    while not over.is_set():
        await store.write(write)
        number += 3
        await asyncio.sleep(0.02)
    await store.close()
    return number


async def test_killed_collectors_neither_lose_nor_repeat_an_entry_nor_fork_the_log(tmp_path: Path) -> None:
    db = tmp_path / "c.db"
    served = [Served(db), Served(db)]
    for each in served:
        await each.start()
    over, chance = asyncio.Event(), random.Random(0)
    publishing = asyncio.create_task(publish_until(over, db))
    seen: list[Head] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        vkey = await text(http, f"{served[0].url}/log/key")
        for at in range(KILLS):
            victim = served[at % 2]
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            seen.append(await IndependentClient(http, f"{victim.url}/log", vkey).head())
            await victim.stop(signal.SIGKILL)
            await victim.start()
        over.set()
        count = await publishing
        client = IndependentClient(http, f"{served[0].url}/log", vkey)
        async with asyncio.timeout(120):
            while (await client.head()).size < count:  # noqa: ASYNC110 the log has no event for it
                await asyncio.sleep(0.1)
        head, entries = await client.verify_all()
        assert await text(http, f"{served[1].url}/log/checkpoint") == await text(
            http, f"{served[0].url}/log/checkpoint"
        )
    for each in served:
        await each.stop(signal.SIGTERM)

    logged = [msgspec.json.decode(entry)["event"]["id"] for entry in entries]
    assert logged == [f"{number:016x}" for number in range(count)]
    assert head.size == count
    assert all(tree_hash(entries[: each.size]) == each.root for each in seen)
    assert any(each.size for each in seen)
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    print(f"\n{KILLS} kills, {count} revisions published, {head.size} entries, checkpoints seen {len(seen)}")  # noqa: T201


async def text(http: aiohttp.ClientSession, url: str) -> str:
    """A page."""
    async with http.get(url) as answer:
        assert answer.status == 200
        return (await answer.text()).strip("\n") if url.endswith("/key") else await answer.text()
