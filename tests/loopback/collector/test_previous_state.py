"""A database of version 0.1.0 opens, is served, and accepts the next batches of its agents.

The fixture and its contents are described in `tests/fixtures/previous_state/collector/README.md`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.clock import Clock
from probe.collector.server import running
from probe.collector.store import events
from probe.collector.store.sqlite.sqlite_file import VERSION
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, change, rounds

FIXTURE = Path(__file__).parents[2] / "fixtures/previous_state/collector/collector.db.gz"
IDS = ("9fcc457a1f710e85", "ffd96f5779c1b366", "7595993954cd6595", "20139e9782aa7c76")
LASTING, LIFTED = "0d1be931f0e6a406", "35a2e1a648d51766"
PAGE, ADDRESS = "https://wechat.example/", "tcp://203.0.113.9:443"
STOPPED = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def previous(tmp_path: Path) -> AsyncIterator[Server]:
    """A collector of this version on the database of version 0.1.0, soon after its agents' last rounds."""
    database = tmp_path / "collector.db"
    database.write_bytes(gzip.decompress(FIXTURE.read_bytes()))
    async with (
        running(database, "127.0.0.1:0", "http://collector.test", Clock(STOPPED)) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        yield Server(collector, page, http)


def agent(server: Server, number: int, seq: int) -> FakeAgent:
    """One of the fixture's agents, whose outbox has been acknowledged up to `seq`."""
    made = FakeAgent(server.page, asn=64500 + number // 3, origin=server.collector.origin, clock=server.collector.clock)
    made.key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    made.id, made.seq = IDS[number - 1], seq
    return made


async def got(server: Server, path: str) -> Any:
    """The JSON of a page."""
    status, text = await server.get(path)
    assert status == 200, text
    return json.loads(text)


async def test_the_database_is_brought_up_to_this_version(previous: Server, tmp_path: Path) -> None:
    """The migrations run, and every row of the renamed table is kept."""
    connection = sqlite3.connect(tmp_path / "collector.db")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    positions = connection.execute("SELECT epoch, acked FROM outbox_position ORDER BY agent").fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()

    assert version == (VERSION,)
    assert "spool" not in tables
    assert positions == [("e1", 3), ("e1", 3), ("e1", 3), ("e1", 1)]
    assert (await previous.get("/readyz"))[0] == 200


async def test_published_data_is_served_as_before(previous: Server) -> None:
    """The board, the events with their evidence, the register's change and the control's verdict."""
    status, board = await previous.get("/")
    assert (status, "AS64500" in board, LASTING in board) == (200, True, True)
    cells = (await got(previous, "/api/v1/board"))["cells"]
    statuses = {(cell["network"]["asn"], cell["status"]) for cell in cells if cell["service"] == "wechat"}
    assert statuses == {(64500, "blocked"), (64501, "reachable")}
    found = {event["id"]: event for event in (await got(previous, "/api/v1/events"))["events"]}
    assert (found[LASTING]["lifted"], found[LASTING]["confidence"]) == (None, "confirmed")
    assert (found[LIFTED]["status"], found[LIFTED]["lifted"]) == ("throttled", "2026-05-04T10:30:00Z")
    detail = await got(previous, f"/api/v1/events/{LASTING}")
    digest = next(each["evidence"] for each in detail["vantages"] if each["evidence"])
    verdict = await got(previous, f"/api/v1/evidence/{digest}")
    assert (verdict["target"], verdict["status"]) == (PAGE, "blocked")
    service = await got(previous, "/s/wechat.json")
    assert [each["listing"]["decisions"] for each in service["listed_beside_observed"]] == [["27-31-2026"]]
    status, control = await previous.get("/api/v1/control")
    assert (status, json.loads(control)["status"]) == (200, "reachable")


async def test_an_agent_continues_its_outbox_and_events_continue(previous: Server) -> None:
    """The next number is stored, a stored number with another body is refused, the event lifts under the id it had."""
    now = STOPPED - MINUTE
    for number in (1, 2):
        one = agent(previous, number, 2)
        other = one.batch(rounds=rounds(now, 1))
        assert (await one.post(previous.http, other))[0] == 422  # the digest of the stored number 3 was kept
        lifting = change(PAGE, Status.REACHABLE, now - 2 * MINUTE, before=Status.BLOCKED)
        status, answer = await one.post(previous.http, one.batch(rounds=rounds(now, 1), changes=(lifting,)))
        assert (status, answer.get("acked")) == (200, 4)
    await fused(previous)

    (event,) = [each for each in (await got(previous, "/api/v1/events"))["events"] if each["id"] == LASTING]
    assert event["lifted"] is not None
    detail = await got(previous, f"/api/v1/events/{LASTING}")
    kinds = [each["kind"] for each in detail["revisions"]]
    assert (kinds[0], kinds[-1]) == ("began", "lifted")


async def test_a_new_block_is_fused_beside_the_old_events(previous: Server) -> None:
    """The third agent's next batch makes an event of its own."""
    three = agent(previous, 3, 3)
    flip = change(ADDRESS, Status.BLOCKED, STOPPED - 3 * MINUTE, Cause.TCP_TIMEOUT)
    assert (await three.post(previous.http, three.batch(rounds=rounds(STOPPED - MINUTE, 1), changes=(flip,))))[0] == 200
    await fused(previous)

    found = (await got(previous, "/api/v1/events"))["events"]
    (new,) = [each for each in found if each["id"] not in (LASTING, LIFTED)]
    assert (new["status"], new["network"]["asn"], new["targets"]) == ("blocked", 64501, [ADDRESS])


async def fused(server: Server) -> None:
    """Wait until no mark is left."""
    async with asyncio.timeout(60):
        while await server.collector.store.read(lambda s: events.dirty_marks(s, 1)):  # noqa: ASYNC110 another task's
            await asyncio.sleep(0.01)
