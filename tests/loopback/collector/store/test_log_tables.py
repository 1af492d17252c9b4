"""SQL of transparency logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from probe.collector.store import log_tables
from probe.collector.store.log_tables import OWN, LogHead, NewEntry
from probe.collector.store.sqlite.sqlite_file import open_file
from probe.collector.store.sqlite.sqlite_store import SqliteSession
from probe.formats.tiles import TileId

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


@pytest.fixture
def session() -> Iterator[SqliteSession]:
    """An empty database in memory."""
    connection = open_file(Path(":memory:"), create=True)
    yield SqliteSession(connection)
    connection.close()


def test_a_row_is_read_as_it_was_stored_and_stored_once(session: SqliteSession) -> None:
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


def test_the_newest_entry_of_each_revision_is_found(session: SqliteSession) -> None:
    log_tables.append(session, 3, 0, [NewEntry("e", 1, b"x"), NewEntry("e", 2, b"y"), NewEntry("f", 1, b"z")])
    log_tables.append(session, 3, 3, [NewEntry("e", 1, b"w")])

    assert log_tables.entry_indices(session, 3, "e") == {1: 3, 2: 1}
    assert log_tables.entry_indices(session, OWN, "e") == {}
    assert log_tables.entries(session, 3, 1, 2) == [b"y", b"z"]


def test_no_revision_is_two_entries_of_the_own_log(session: SqliteSession) -> None:
    """The database itself refuses the second one."""
    log_tables.append(session, OWN, 0, [NewEntry("e", 1, b"x", 17)])

    with pytest.raises(Exception, match="UNIQUE"):
        log_tables.append(session, OWN, 1, [NewEntry("e", 1, b"x", 17)])


def test_a_tile_is_replaced_by_the_longer_one_and_read_in_every_width(session: SqliteSession) -> None:
    log_tables.store_tiles(session, 3, {TileId(0, 0, 1): b"a" * 32})
    log_tables.store_tiles(session, 3, {TileId(0, 0, 2): b"a" * 32 + b"b" * 32})

    found = log_tables.tiles(session, 3, [TileId(0, 0, 1), TileId(0, 0, 2), TileId(0, 0, 3), TileId(1, 0, 1)])

    assert found == {TileId(0, 0, 1): b"a" * 32, TileId(0, 0, 2): b"a" * 32 + b"b" * 32}


def test_removing_a_log_leaves_the_others(session: SqliteSession) -> None:
    for no in (3, 4):
        log_tables.add(session, msgspec.structs.replace(HEAD, no=no, source=str(no)))
        log_tables.append(session, no, 0, [NewEntry("e", 1, b"x")])
        log_tables.store_tiles(session, no, {TileId(0, 0, 1): b"a" * 32})

    log_tables.remove(session, 3)

    assert [each.no for each in log_tables.followed(session)] == [4]
    assert log_tables.entries(session, 3, 0, 9) == []
    assert log_tables.tiles(session, 3, [TileId(0, 0, 1)]) == {}
    assert log_tables.entries(session, 4, 0, 9) == [b"x"]
