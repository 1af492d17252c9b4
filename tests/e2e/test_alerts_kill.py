"""kill -9 of the collector at random moments while it tells subscribers: no message lost, none told twice.

A real process, a real file, a webhook's receiver in this process. A message whose delivery was cut off is sent again
under its idempotency key with the same bytes; everything else arrives once. Six kills by default; `PROBE_KILLS=40` for
the long run, whose figures are printed (`pytest -s`).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from probe.collector.intake.enrolment import make_token
from probe.collector.store.database_url import open_store
from probe.model.verdict import Cause, Status
from tests.loopback.collector.notify.receiver import Receiver, subscribe
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds

KILLS = int(os.environ.get("PROBE_KILLS", "6"))
START = datetime.now(UTC) - timedelta(days=2)
QUICK = """
from functools import partial
from probe.collector.notify import notifier
notifier.NotifyTimes = partial(notifier.NotifyTimes, poll_seconds=0.02, gather_ms=100, lease_ms=400)
from probe.cli import main
raise SystemExit(main())
"""
"""The program with short times, so that the test does not wait for leases of a minute and a half."""


@dataclass
class QuickCollector:
    """A collector process whose notifier waits for little; it is killed and started again on the same file and port."""

    db: Path
    port: int = 0
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The collector's URL."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the collector and wait until it prints its address."""
        words = ("serve", "--db", str(self.db), "--listen", f"127.0.0.1:{self.port}", "--origin", "http://c.test")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", QUICK, "collector", *words, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("probe collector: http://")
        self.port = int(line.rsplit(":", 1)[1].strip(" /\n"))

    async def stop(self, number: int) -> None:
        """Send it a signal and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        await self.process.communicate()


async def block_more(agent: FakeAgent, http: aiohttp.ClientSession, over: asyncio.Event) -> int:
    """Report a block of one more service after another until `over`; how many were acknowledged."""
    while not over.is_set():
        number = agent.seq
        target, at = f"https://s{number}.example/", START + timedelta(minutes=5 * number)
        verdict = blocked_verdict(target, f"s{number}.example", at)
        flip = change(target, Status.BLOCKED, at, Cause.DNS_SPOOFED, verdict=verdict)
        batch = agent.batch(sent=at, rounds=rounds(at, 1), changes=(flip,), services={target: f"s{number}"})
        status = 0
        while status != 200:
            try:
                status, _ = await agent.post(http, batch)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                status = 0
            await asyncio.sleep(0.02)
    return agent.seq


def told(receiver: Receiver) -> list[str]:
    """The services that the messages tell of; a message that came again counts once."""
    bodies = {headers["idempotency-key"]: body for headers, body in receiver.requests}
    return sorted(alert["service"] for body in bodies.values() for alert in json.loads(body)["alerts"])


async def test_no_alert_is_lost_or_told_twice_however_often_the_collector_is_killed(tmp_path: Path) -> None:
    receiver = Receiver(delay=0.03)  # a delivery is often under way when the process dies
    await receiver.start()
    server = QuickCollector(tmp_path / "c.db")
    store = open_store(server.db)
    await subscribe(store, receiver.url)
    now, hour = datetime.now(UTC), timedelta(hours=1)
    token = await store.write(lambda s: make_token(s, role="vantage", sponsor="", now=now, ttl=hour))
    await store.close()
    await server.start()
    over, chance = asyncio.Event(), random.Random(0)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
            agent = FakeAgent(server.url, origin="http://c.test")
            assert (await agent.enrol(http, token))["status"] == 200
            load = asyncio.create_task(block_more(agent, http, over))
            for kill in range(1, KILLS + 1):
                await receiver.wait_for(kill)
                await asyncio.sleep(chance.uniform(0.0, 0.5))
                await server.stop(signal.SIGKILL)
                await server.start()
            over.set()
            count = await load
        expected = sorted(f"s{number}" for number in range(count))
        async with asyncio.timeout(120):
            while len(told(receiver)) < count:  # noqa: ASYNC110 the receiver's event is for any request
                await asyncio.sleep(0.1)
        again = len(receiver.requests) - len(set(receiver.keys()))
        print(f"\n{KILLS} kills: {count} blocks, {len(set(receiver.keys()))} messages, {again} sent again")  # noqa: T201
        assert told(receiver) == expected
        for key in set(receiver.keys()):
            assert len({body for headers, body in receiver.requests if headers["idempotency-key"] == key}) == 1
    finally:
        await server.stop(signal.SIGTERM)
        await receiver.stop()
