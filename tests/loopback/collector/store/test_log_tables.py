"""SQL of transparency logs, on both engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from probe.clock import Clock
from probe.collector.log.own_log import OwnLog, stored_key
from probe.collector.log.tree_reader import root_at
from probe.collector.state import Collector
from probe.collector.store import ConstraintError, Store, StoreSession, log_tables
from probe.collector.store.database_url import open_store
from probe.collector.store.log_tables import OWN, LogHead, NewEntry
from probe.collector.store.transfer import copy_database, prepare
from probe.errors import StateError
from probe.formats.checkpoint import unverified
from probe.formats.merkle import leaf_hash, root_of
from probe.formats.tiles import TileId
from tests.loopback.collector.log.published import MAY, publish_many

HEAD = LogHead(
    no=3,
    source="0123abcd",
    origin="o.example/log",
    url="https://o.example",
    vkey="k",
    size=2,
    checkpoint=b"c",
    latest=b"l",
    position=0,
    bytes=9,
    state="active",
    problem="",
    since=1,
    seen=2,
)


def test_a_row_is_read_as_it_was_stored_and_stored_once(session: StoreSession) -> None:
    """The own log is none of the followed ones."""
    log_tables.add(session, HEAD)
    log_tables.add(session, msgspec.structs.replace(HEAD, size=99))
    log_tables.add(session, msgspec.structs.replace(HEAD, no=OWN, source="own"))

    assert log_tables.head(session, 3, lock=True) == log_tables.head_of(session, "0123abcd") == HEAD
    assert log_tables.followed(session) == [HEAD]
    assert log_tables.head_of(session, "own") is None
    changed = msgspec.structs.replace(HEAD, size=5, problem="away")
    log_tables.update(session, changed)
    assert log_tables.head(session, 3) == changed
    assert log_tables.head(session, 4) is None


def test_the_newest_entry_of_each_revision_is_found(session: StoreSession) -> None:
    log_tables.append(session, 3, 0, [NewEntry("e", 1, b"x"), NewEntry("e", 2, b"y"), NewEntry("f", 1, b"z")])
    log_tables.append(session, 3, 3, [NewEntry("e", 1, b"w")])

    assert log_tables.entry_indices(session, 3, "e") == {1: 3, 2: 1}
    assert log_tables.entry_indices(session, OWN, "e") == {}
    assert log_tables.entries(session, 3, 1, 2) == [b"y", b"z"]


async def test_no_revision_is_two_entries_of_the_own_log(store: Store) -> None:
    """The database itself refuses the second one."""
    await store.write(lambda session: log_tables.append(session, OWN, 0, [NewEntry("e", 1, b"x", 17)]))

    with pytest.raises(ConstraintError):
        await store.write(lambda session: log_tables.append(session, OWN, 1, [NewEntry("e", 1, b"x", 17)]))


async def test_the_log_goes_on_in_a_moved_database_and_an_older_copy_is_refused(store_url: str, tmp_path: Path) -> None:
    """From a file to either engine: the same key, the same entries, and nothing that contradicts what was published."""
    here, older, memory = str(tmp_path / "here.db"), str(tmp_path / "older.db"), tmp_path / "memory"
    for count, first, copy in ((300, 0, older), (5, 300, store_url)):
        store = open_store(here)
        collector = Collector(store, Clock(MAY), "http://collector.test", b"")
        await publish_many(collector, count, first)
        await OwnLog(collector, memory).append_all()
        key, root = await store.read(stored_key), unverified(await OwnLog(collector, memory).checkpoint()).root
        await store.close()
        await prepare(copy, create=True)
        await asyncio.to_thread(copy_database, here, copy, lambda *_: None)

    moved = open_store(store_url, create=False)
    collector = Collector(moved, Clock(MAY), "http://collector.test", b"")
    assert await moved.read(stored_key) == key
    assert await moved.read(lambda session: root_at(session, OWN, 305)) == root
    await publish_many(collector, 5, 305)
    await OwnLog(collector, memory).append_all()
    head = await moved.read(log_tables.head)
    await moved.close()
    behind = open_store(older, create=False)
    with pytest.raises(StateError, match="has 300 entries, and 310 were published"):
        await OwnLog(Collector(behind, Clock(MAY), "http://collector.test", b""), memory).checkpoint()
    await behind.close()

    assert head is not None
    assert head.size == unverified(memory.read_bytes()).size == 310


async def test_several_collectors_append_each_revision_once(store_url: str) -> None:
    """Each with its own connections; the tree that they made together is that of the entries."""
    stores = [open_store(store_url) for _ in range(3)]
    collectors = [Collector(each, Clock(MAY), "http://collector.test", b"") for each in stores]
    try:
        for turn in range(4):
            writing = [publish_many(each, 7, first=turn * 100 + at * 10) for at, each in enumerate(collectors)]
            await asyncio.gather(*writing, *(OwnLog(each, None).append_all() for each in collectors))
        await asyncio.gather(*(OwnLog(each, None).append_all() for each in collectors))
        rows = await stores[0].read(
            lambda session: session.rows("SELECT idx, revision_no, body FROM tlog_entry ORDER BY idx")
        )
        head = await stores[0].read(log_tables.head)
    finally:
        for each in stores:
            await each.close()

    assert [(row[0], row[1]) for row in rows] == [(number, number + 1) for number in range(84)]
    assert head is not None
    assert unverified(head.checkpoint).root == root_of(leaf_hash(bytes(row[2])) for row in rows)


def test_a_tile_is_replaced_by_the_longer_one_and_read_in_every_width(session: StoreSession) -> None:
    log_tables.store_tiles(session, 3, {TileId(0, 0, 1): b"a" * 32})
    log_tables.store_tiles(session, 3, {TileId(0, 0, 2): b"a" * 32 + b"b" * 32})

    found = log_tables.tiles(session, 3, [TileId(0, 0, 1), TileId(0, 0, 2), TileId(0, 0, 3), TileId(1, 0, 1)])

    assert found == {TileId(0, 0, 1): b"a" * 32, TileId(0, 0, 2): b"a" * 32 + b"b" * 32}


def test_removing_a_log_leaves_the_others(session: StoreSession) -> None:
    for no in (3, 4):
        log_tables.add(session, msgspec.structs.replace(HEAD, no=no, source=str(no)))
        log_tables.append(session, no, 0, [NewEntry("e", 1, b"x")])
        log_tables.store_tiles(session, no, {TileId(0, 0, 1): b"a" * 32})

    log_tables.remove(session, 3)

    assert [each.no for each in log_tables.followed(session)] == [4]
    assert log_tables.entries(session, 3, 0, 9) == []
    assert log_tables.tiles(session, 3, [TileId(0, 0, 1)]) == {}
    assert log_tables.entries(session, 4, 0, 9) == [b"x"]
