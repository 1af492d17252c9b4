"""A database restored from an older backup gets its published entries back from a copy of its log."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from probe.clock import Clock
from probe.collector.log.export import export_log
from probe.collector.log.following import Follower, add_followed, begin_following
from probe.collector.log.log_client import LogClient, log_session
from probe.collector.log.own_log import OwnLog, own_key
from probe.collector.log.recovery import FolderCopy, begin_anew, recover
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.store import events, log_tables
from probe.collector.store.database_url import open_store
from probe.errors import RecordError, StateError
from probe.formats.checkpoint import unverified
from probe.formats.log_entry import decode_entry
from probe.fuse.revision import RevisionKind
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.hostile_log import HostileLog
from tests.loopback.collector.log.independent_client import IndependentClient, tree_hash
from tests.loopback.collector.log.published import MAY, publish, publish_many

NOW = MAY
ORIGIN = "http://c.test"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Collector]:
    """A collector without tasks on a database."""
    store = open_store(path)
    try:
        yield Collector(store, Clock(NOW), ORIGIN, b"")
    finally:
        await store.close()


def copy_database(source: Path, target: Path) -> None:
    """A backup, made while the database is in use."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


async def restored(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A database of 260 entries, restored; an export and the memory of the 270 that were published."""
    db, backup, folder, memory = (tmp_path / name for name in ("c.db", "backup.db", "out", "memory"))
    async with opened(db) as collector:
        await publish_many(collector, 260)
        await OwnLog(collector, memory).append_all()
        copy_database(db, backup)
        await publish_many(collector, 9, first=260)
        await publish(collector, RevisionKind.LIFTED, id=f"{0:016x}", revision=2, service="service 0", lifted=MAY)
        await OwnLog(collector, memory).append_all()
        await export_log(collector.store, folder)
    return backup, folder, memory


async def logged_ids(collector: Collector) -> list[tuple[str, int]]:
    """Event and revision of every entry."""
    bodies = await collector.store.read(lambda session: log_tables.entries(session, 0, 0, 9999))
    return [(each.event.id, each.event.revision) for each in map(decode_entry, bodies)]


async def test_the_missing_entries_and_their_events_come_back_from_an_export(tmp_path: Path) -> None:
    """Afterwards the log goes on where it was, and what was published meanwhile follows, each revision once."""
    db, folder, memory = await restored(tmp_path)
    async with opened(db) as collector:
        await publish_many(collector, 2, first=268)  # the agents report again what the backup lacks: 268 is the same
        with pytest.raises(StateError, match="has 260 entries, and 270 were published"):
            await OwnLog(collector, memory).append_all()

        assert await recover(collector.store, FolderCopy(folder), memory) == (260, 270)
        await publish(collector, id="f" * 16)
        await OwnLog(collector, memory).append_all()

        ids = await logged_ids(collector)
        head = await collector.store.read(log_tables.head)
        bodies = await collector.store.read(lambda session: log_tables.entries(session, 0, 0, 9999))
        lifted = await collector.store.read(lambda session: events.event(session, f"{0:016x}"))

    assert ids[:269] == [(f"{number:016x}", 1) for number in range(269)]
    assert ids[269:] == [(f"{0:016x}", 2), (f"{269:016x}", 1), ("f" * 16, 1)]
    assert head is not None
    assert unverified(head.checkpoint).root == tree_hash(bodies)
    assert lifted is not None
    assert lifted.event.revision == 2


async def test_they_come_back_from_a_follower_too(server: Server, tmp_path: Path) -> None:
    """A friend who follows the log is its backup."""
    db, _, memory = await restored(tmp_path)
    async with running(tmp_path / "c.db", "127.0.0.1:0", ORIGIN, Clock(NOW)) as (_, page), log_session() as http:
        new = await begin_following(http, page, None, NOW)
        head = await server.collector.store.write(lambda session: add_followed(session, new))
        assert await Follower(server.collector).read_log(head.no, http) == ""
    async with opened(db) as collector, log_session() as http:
        copy = LogClient(http, f"{server.page}/following/{head.source}/log")

        assert await recover(collector.store, copy, memory) == (260, 270)
        key = str(await own_key(collector.store, ORIGIN))
    async with running(db, "127.0.0.1:0", ORIGIN, Clock(NOW)) as (collector, page):
        await OwnLog(collector, memory).append_all()
        found, _ = await IndependentClient(server.http, f"{page}log", key).verify_all()
    assert found.size == 270


async def test_a_copy_that_is_too_short_or_of_another_history_changes_nothing(tmp_path: Path) -> None:
    db, folder, memory = await restored(tmp_path)
    async with opened(db) as collector:
        await export_log(collector.store, tmp_path / "older")
        with pytest.raises(StateError, match="the copy has 260 entries, and 270 were published"):
            await recover(collector.store, FolderCopy(tmp_path / "older"), memory)
        (tmp_path / "older" / "checkpoint").write_bytes(HostileLog(b"x").checkpoint())
        with pytest.raises(RecordError, match="not signed with the key"):
            await recover(collector.store, FolderCopy(tmp_path / "older"), memory)
        bundle = folder / "tile" / "entries" / "001.p" / "14"
        bundle.write_bytes(bundle.read_bytes().replace(b"blocked", b"BLOCKED"))
        with pytest.raises(RecordError):
            await recover(collector.store, FolderCopy(folder), memory)
        bundle.write_bytes(bundle.read_bytes().replace(b"BLOCKED", b"blocked").replace(b"service 26", b"service 62"))
        with pytest.raises(RecordError, match="are not the beginning of the copy's 270"):
            await recover(collector.store, FolderCopy(folder), memory)
        bundle.unlink()
        with pytest.raises(StateError, match="cannot be read"):
            await recover(collector.store, FolderCopy(folder), memory)

        assert len(await logged_ids(collector)) == 260
        assert await collector.store.read(events.latest_revision) == 260


async def test_without_a_copy_the_log_begins_anew_under_another_key(tmp_path: Path) -> None:
    """With every revision that the database has. It is another log, and says so by its key."""
    db, _, memory = await restored(tmp_path)
    async with opened(db) as collector:
        old = await own_key(collector.store, ORIGIN)
        await begin_anew(collector.store, memory)
        await OwnLog(collector, memory).append_all()

        assert await own_key(collector.store, ORIGIN) != old
        assert len(await logged_ids(collector)) == 260

    assert unverified(memory.read_bytes()).size == 260


async def test_a_database_without_a_log_has_nothing_to_recover(tmp_path: Path) -> None:
    async with opened(tmp_path / "c.db") as collector:
        with pytest.raises(StateError, match="the database has no log"):
            await recover(collector.store, FolderCopy(tmp_path), None)
