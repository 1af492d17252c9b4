"""The collector's own log: what it appends, in which order, by how many, and when it refuses to sign."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from probe.clock import Clock
from probe.collector.log.own_log import OwnLog, own_key, stored_key
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.store import log_tables
from probe.collector.store.database_url import open_store
from probe.errors import StateError
from probe.formats.checkpoint import open_checkpoint, unverified
from probe.formats.log_entry import decode_entry
from probe.fuse.revision import ERASED, RevisionKind
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.independent_client import IndependentClient
from tests.loopback.collector.log.published import MAY, publish, publish_many

NOW = MAY


def log_of(server: Server, memory: Path | None = None) -> OwnLog:
    """A further writer of the log of a server's database."""
    return OwnLog(server.collector, memory)


@asynccontextmanager
async def collector_on(path: Path) -> AsyncIterator[Collector]:
    """A collector without tasks on a database."""
    store = open_store(path)
    try:
        yield Collector(store, Clock(NOW), "http://collector.test", b"")
    finally:
        await store.close()


async def size_of(collector: Collector) -> int:
    """The number of entries."""
    found = await collector.store.read(log_tables.head)
    return 0 if found is None else found.size


async def test_every_revision_becomes_one_entry_in_the_order_of_publication(server: Server) -> None:
    """A withdrawal with its reason, a renamed event with its successor, and no word about who reported it."""
    began = await publish(server.collector)
    await publish(server.collector, RevisionKind.RENAMED, into="b" * 16, revision=2)
    await publish(server.collector, RevisionKind.WITHDRAWN, id="c" * 16, reason=ERASED)
    await log_of(server).append_all()
    await log_of(server).append_all()

    found = await server.collector.store.read(lambda session: log_tables.entries(session, 0, 0, 99))
    entries = [decode_entry(body) for body in found]

    assert [(each.kind, each.event.revision, each.into, each.reason) for each in entries] == [
        ("began", 1, "", ""),
        ("renamed", 2, "b" * 16, ""),
        ("withdrawn", 1, "", ERASED),
    ]
    assert entries[0].event == began
    assert set(msgspec.json.decode(found[0])) == {
        *("format", "kind", "published", "event", "into", "reason", "targets_left_out")
    }


async def test_an_independent_client_verifies_everything(server: Server) -> None:
    """Written from the specification alone: signature, entries, every tile, the root; over two levels of tiles."""
    await publish_many(server.collector, 700)
    log = log_of(server)
    await log.append_all()
    key = await own_key(server.collector.store, server.collector.origin)
    assert (await server.get("/log/key"))[1] == f"{key}\n"
    client = IndependentClient(server.http, f"{server.page}/log", str(key))

    first, entries = await client.verify_all()
    await publish_many(server.collector, 30, first=700)
    await log.append_all()
    second, more = await client.verify_all()

    assert (first.origin, first.size, second.size) == ("collector.test/log", 700, 730)
    assert more[:700] == entries


async def test_the_log_follows_by_itself(server: Server) -> None:
    await publish(server.collector)

    async with asyncio.timeout(30):
        while await size_of(server.collector) == 0:  # noqa: ASYNC110 the log has no event for it
            await asyncio.sleep(0.05)
    assert server.collector.supervisor.states()["log"] == "running"
    assert unverified((await server.get("/log/checkpoint"))[1].encode()).size == 1
    assert "probe_collector_log_entries 1" in (await server.get("/metrics"))[1]


async def test_several_writers_at_once_append_each_revision_once(tmp_path: Path) -> None:
    """Each with its own connection, as several collectors on one database."""
    path = tmp_path / "c.db"
    async with collector_on(path) as first, collector_on(path) as second, collector_on(path) as third:
        collectors = (first, second, third)
        logs = [OwnLog(each, None) for each in collectors]
        for round_number in range(5):
            writing = [publish_many(each, 7, first=round_number * 100 + at * 10) for at, each in enumerate(collectors)]
            await asyncio.gather(*writing, *(log.append_all() for log in logs))
        await asyncio.gather(*(log.append_all() for log in logs))

        rows = await first.store.read(lambda session: session.rows("SELECT idx, revision_no FROM tlog_entry"))

    assert sorted(rows) == [(number, number + 1) for number in range(105)]


async def test_the_name_is_that_of_the_origin_until_there_is_an_entry(tmp_path: Path) -> None:
    """Who tries the program on loopback first does not keep that name."""
    async with collector_on(tmp_path / "c.db") as collector:
        assert (await own_key(collector.store, "http://127.0.0.1:8080")).name == "127.0.0.1:8080/log"
        key = await own_key(collector.store, "https://c.example")
        assert key.name == "c.example/log"
        collector.origin = "https://c.example"
        await publish(collector)
        await OwnLog(collector, None).append_all()

        assert await own_key(collector.store, "https://other.example") == key
        assert await collector.store.read(stored_key) == key
        found = await collector.store.read(log_tables.head)

    assert found is not None
    assert open_checkpoint(found.checkpoint, key).size == 1


async def test_a_restored_older_database_signs_nothing_that_contradicts_what_was_published(tmp_path: Path) -> None:
    """Two checkpoints that contradict each other would be a fork: the log stops, and everything else goes on."""
    path, backup = tmp_path / "c.db", tmp_path / "backup.db"
    async with running(path, "127.0.0.1:0", "http://c.test", Clock(NOW)) as (collector, _):
        await publish(collector)
        await OwnLog(collector, None).append_all()
        with sqlite3.connect(path) as source, sqlite3.connect(backup) as target:
            source.backup(target)
        await publish(collector, RevisionKind.LIFTED, revision=2, lifted=MAY)
        log = OwnLog(collector, tmp_path / "c.db.checkpoint")
        await log.append_all()
        published = await log.checkpoint()
    for end in ("", "-wal", "-shm"):
        path.with_name(f"c.db{end}").unlink(missing_ok=True)
    backup.rename(path)

    async with (
        running(path, "127.0.0.1:0", "http://c.test", Clock(NOW)) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        await publish(collector, RevisionKind.WITHDRAWN, revision=2, reason="x")
        log = OwnLog(collector, tmp_path / "c.db.checkpoint")
        with pytest.raises(StateError, match="has 1 entries, and 2 were published"):
            await log.append_all()
        async with http.get(page + "log/checkpoint") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "log_stopped")
        async with http.get(page + "readyz") as answer:
            assert answer.status == 200
        assert await size_of(collector) == 1

    assert (tmp_path / "c.db.checkpoint").read_bytes() == published


async def test_a_database_that_went_on_differently_is_refused_too(tmp_path: Path) -> None:
    """It has as many entries as were published, and others."""
    memory = tmp_path / "checkpoint"
    async with collector_on(tmp_path / "a.db") as one:
        await publish_many(one, 3)
        await OwnLog(one, memory).append_all()
        seed = await one.store.read(lambda session: session.rows("SELECT key, value FROM meta"))
    async with collector_on(tmp_path / "b.db") as other:
        await other.store.write(
            lambda session: session.many("INSERT INTO meta (key, value) VALUES (?, ?)", [tuple(row) for row in seed])
        )
        await OwnLog(other, None).append_all()
        await publish_many(other, 4, first=50)
        await OwnLog(other, None).append_all()

        with pytest.raises(StateError, match="the first 3 entries of the log in the database are not those"):
            await OwnLog(other, memory).append_all()


async def test_a_write_that_fails_leaves_neither_entry_nor_checkpoint(server: Server) -> None:
    """All of an append is one transaction."""
    await publish(server.collector)
    await log_of(server).append_all()
    before = await server.collector.store.read(log_tables.head)
    await server.collector.store.write(
        lambda session: session.run("CREATE TRIGGER broken BEFORE UPDATE ON tlog BEGIN SELECT RAISE(ABORT, 'x'); END")
    )
    await publish(server.collector, RevisionKind.LIFTED, revision=2, lifted=MAY)

    with pytest.raises(Exception, match="x"):
        await log_of(server).append_all()

    await server.collector.store.write(lambda session: session.run("DROP TRIGGER broken"))
    after = await server.collector.store.read(log_tables.head)
    counted = await server.collector.store.read(lambda session: session.row("SELECT count(*) FROM tlog_entry"))
    assert (after, counted) == (before, (1,))
