"""From an agent's report to a proof at a follower, with processes: the source is killed, and its history stands.

Two collectors are started as an operator would. An agent reports a block to the first; the second follows it by
command. The first is killed and its files are deleted. `probe verify` proves the event at the second, and offline.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from probe.collector.store import log_tables
from probe.collector.store.database_url import open_store
from probe.model.verdict import Cause, Status
from tests.e2e.test_log_kill import Served
from tests.loopback.collector.log.independent_client import IndependentClient
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds

TARGET = "https://wechat.example/"
VERDICT = blocked_verdict(TARGET, "wechat.example", datetime.now(UTC) - timedelta(hours=1))


async def probe(*words: str | Path, status: int = 0) -> str:
    """Run a command to its end, which must have this exit status; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "probe", *map(str, words)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == status, output
    return output


async def eventually(ask: Callable[[], Awaitable[object]]) -> None:
    """Wait until an answer is true."""
    async with asyncio.timeout(90):
        while not await ask():  # noqa: ASYNC110 the processes have no event for it
            await asyncio.sleep(0.1)


async def fetched(http: aiohttp.ClientSession, url: str) -> str:
    """The text at an address, empty unless the status is 200."""
    async with http.get(url) as answer:
        return await answer.text() if answer.status == 200 else ""


async def test_a_killed_collector_s_events_are_proven_at_its_follower_and_offline(tmp_path: Path) -> None:
    """What stays of it has no trace of who reported."""
    (tmp_path / "a").mkdir()
    source, friend = Served(tmp_path / "a" / "a.db"), Served(tmp_path / "b.db")
    await source.start()
    await friend.start()
    async with aiohttp.ClientSession() as http:
        agent = FakeAgent(source.url, origin="http://c.test")
        token = (await probe("collector", "token", "--db", source.db, "--sponsor", "club")).strip()
        assert (await agent.enrol(http, token))["status"] == 200
        now = datetime.now(UTC)
        flip = change(TARGET, Status.BLOCKED, now - timedelta(hours=1), Cause.DNS_SPOOFED, verdict=VERDICT)
        batch = agent.batch(rounds=rounds(now - timedelta(hours=2), 12), changes=(flip,), services={TARGET: "WeChat"})
        assert (await agent.post(http, batch))[0] == 200
        events = f"{source.url}/api/v1/events"
        await eventually(lambda: find(http, events))
        (event,) = await find(http, events)
        await eventually(lambda: fetched(http, f"{source.url}/api/v1/events/{event}/proof"))
        key = (await probe("collector", "log", "key", "--db", source.db)).strip()
        page = await fetched(http, f"{source.url}/api/v1/events/{event}")

        name = (await probe("collector", "follow", "--db", friend.db, source.url, "--key", key)).split(":")[0]
        copy = f"{friend.url}/following/{name}"
        await eventually(lambda: fetched(http, f"{friend.url}/api/v1/following/{name}/events/{event}"))
        await source.stop(signal.SIGKILL)
        for path in (tmp_path / "a").iterdir():
            path.unlink()

        online = await probe("verify", f"{copy}/e/{event}", "--key", key, "--save", tmp_path / "e.tlog-proof")
        _, entries = await IndependentClient(http, f"{copy}/log", key).verify_all()
        assert "reported by the collector c.test, verified by its log" in await fetched(http, f"{friend.url}/")
    await friend.stop(signal.SIGTERM)

    offline = await probe("verify", tmp_path / "e.tlog-proof", "--key", key)
    assert "WeChat" in online
    assert "Proven:" in online
    assert "Proven:" in offline
    (vantage,) = {each["vantage"] for each in json.loads(page)["vantages"]}
    kept = b"".join(entries)
    for trace in (agent.id, vantage, "club", "127.0.0.1", "198.51.100.7", "203.0.113.9"):
        assert trace.encode() not in kept, trace
    store = open_store(friend.db)
    assert len(await store.read(lambda session: log_tables.entries(session, 1, 0, 99))) == len(entries)
    await store.close()


async def find(http: aiohttp.ClientSession, url: str) -> list[str]:
    """The ids of the events at an address."""
    text = await fetched(http, url)
    return [each["id"] for each in json.loads(text)["events"]] if text else []
