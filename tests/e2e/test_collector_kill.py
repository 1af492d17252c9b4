"""kill -9 of the collector at random moments under load: every acknowledged batch is stored once.

A real process, a real file, agents with real keys that post concurrently and send again whatever was not acknowledged.
Five kills by default; `PROBE_KILLS=20` for the full run, whose figures are printed (`pytest -s`).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from probe.collector.intake.enrolment import make_token
from probe.collector.store import to_ms
from probe.collector.store.database_url import open_store
from probe.model.verdict import Cause, Status
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds

KILLS = int(os.environ.get("PROBE_KILLS", "5"))
AGENTS = 24
START = datetime.now(UTC) - timedelta(days=20)
PROBE = (sys.executable, "-c", "from probe.cli import main; raise SystemExit(main())", "collector")


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
        words = ("serve", "--db", str(self.db), "--listen", f"127.0.0.1:{self.port}", "--origin", "http://c.test")
        self.process = await asyncio.create_subprocess_exec(*PROBE, *words, stdout=asyncio.subprocess.PIPE)
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


async def tokens(db: Path, count: int) -> list[str]:
    """One-time tokens, made by a second process while the collector runs."""
    store = open_store(db)
    now, hour = datetime.now(UTC), timedelta(hours=1)
    made = [
        await store.write(lambda session: make_token(session, role="vantage", sponsor="", now=now, ttl=hour))
        for _ in range(count)
    ]
    await store.close()
    return made


async def report(agent: FakeAgent, http: aiohttp.ClientSession, acked: dict[str, int], over: asyncio.Event) -> int:
    """Post batches until `over` is set, each until it is acknowledged; returns the number of retries."""
    again = 0
    while not over.is_set():
        at = START + timedelta(minutes=5 * agent.seq)
        after, before = (Status.BLOCKED, Status.REACHABLE) if agent.seq % 2 else (Status.REACHABLE, Status.BLOCKED)
        verdict = blocked_verdict("https://a.example/", "a.example", at, title=f"{agent.id} {agent.seq}")
        flip = change("https://a.example/", after, at, Cause.TCP_RESET, before=before, verdict=verdict)
        batch = agent.batch(sent=at, rounds=rounds(at, 1), changes=(flip,))
        while True:
            try:
                status, answer = await agent.post(http, batch)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                status, answer = 0, {}
            if status == 200:
                assert answer["acked"] == batch.seq
                acked[agent.id] = batch.seq
                break
            assert status in (0, 429, 503), (status, answer)
            again += 1
            if over.is_set():
                return again
            await asyncio.sleep(0.02)
    return again


async def test_every_acknowledged_batch_is_stored_once_however_often_the_collector_is_killed(tmp_path: Path) -> None:
    """Every round and every change of a stored batch is there once."""
    server = Server(tmp_path / "c.db")
    await server.start()
    acked: dict[str, int] = {}
    over = asyncio.Event()
    chance = random.Random(0)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        agents = [FakeAgent(server.url, asn=64500 + n % 4, origin="http://c.test") for n in range(AGENTS)]
        for agent, token in zip(agents, await tokens(server.db, AGENTS), strict=True):
            assert (await agent.enrol(http, token))["status"] == 200
        began = time.monotonic()
        load = [asyncio.create_task(report(agent, http, acked, over)) for agent in agents]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            await server.stop(signal.SIGKILL)
            await server.start()
        async with asyncio.timeout(120):
            while sum(acked.values()) <= 2 * AGENTS:  # noqa: ASYNC110 the load has no event for it
                await asyncio.sleep(0.05)
        over.set()
        again = sum(await asyncio.gather(*load))
        seconds = time.monotonic() - began
    await server.stop(signal.SIGTERM)
    assert server.process is not None
    assert server.process.returncode == 0
    figures = compare(server.db, {agent.id: acked.get(agent.id, 0) for agent in agents})
    line = ", ".join(f"{name} {value}" for name, value in figures.items())
    starts = sorted(server.starts)
    print(f"\n{KILLS} kills in {seconds:.1f} s: {line}, sent again {again}, restart at most {starts[-1]:.2f} s")  # noqa: T201
    assert figures["acknowledged"] > AGENTS
    assert (figures["lost"], figures["doubled"]) == (0, 0)


def compare(db: Path, acked: dict[str, int]) -> dict[str, int]:
    """Compare the acknowledgements with the database."""
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    stored = connection.execute(
        "SELECT agent.id, count(batch.seq), coalesce(max(batch.seq), 0), agent.no FROM agent"
        " LEFT JOIN batch ON batch.agent = agent.no GROUP BY agent.no"
    ).fetchall()
    lost = doubled = 0
    for agent, count, last, no in stored:
        lost += max(0, acked[agent] - count)
        assert count == last
        rows = connection.execute("SELECT start FROM span WHERE agent = ? ORDER BY start", (no,)).fetchall()
        stored_rounds = connection.execute("SELECT sum(rounds) FROM presence WHERE agent = ?", (no,)).fetchone()[0] or 0
        doubled += abs(stored_rounds - count) + abs(len(rows) - count)
        # Every change begins a span at its onset, so the spans follow the order of the batches.
        assert [row[0] for row in rows] == [to_ms(START + timedelta(minutes=5 * n)) for n in range(count)]
    waiting = connection.execute("SELECT count(*) FROM dirty").fetchone()[0]
    connection.close()
    assert waiting == 0
    return {
        "acknowledged": sum(acked.values()),
        "stored": sum(count for _, count, _, _ in stored),
        "lost": lost,
        "doubled": doubled,
    }
