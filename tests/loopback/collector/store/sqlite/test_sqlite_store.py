"""The database file: commits, refusals, versions."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from probe.collector.store import ConstraintError, StoreSession
from probe.collector.store.sqlite import sqlite_store
from probe.collector.store.sqlite.sqlite_store import open_sqlite
from probe.errors import StorageError


def keep(key: str, value: bytes = b"v"):  # noqa: ANN201
    """A write of one row."""
    return lambda session: session.run("INSERT INTO meta (key, value) VALUES (?, ?)", key, value)


def keys(session: StoreSession) -> list[str]:
    """The stored keys."""
    return [row[0] for row in session.rows("SELECT key FROM meta ORDER BY key")]


async def test_many_writes_share_commits_and_all_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit costs one sync, however many writes are in it."""
    monkeypatch.setattr(sqlite_store, "GROUP_SECONDS", 60.0)  # a group does not end early on a slow machine
    store = open_sqlite(tmp_path / "c.db")
    busy, free = threading.Event(), threading.Event()
    first = asyncio.create_task(store.write(lambda _: (busy.set(), free.wait(60))))
    await asyncio.to_thread(busy.wait, 60)
    rest = [asyncio.create_task(store.write(keep(f"{n:04}"))) for n in range(999)]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(first, *rest)

    assert len(await store.read(keys)) == 999
    assert store.commits == 1000 / sqlite_store.MAX_GROUP_WRITES
    await store.close()


async def test_a_write_that_fails_does_not_affect_the_others(tmp_path: Path) -> None:
    """Its own changes are undone, and only its caller gets the error."""

    def fails(session: StoreSession) -> None:
        keep("half")(session)
        raise ValueError("by design")

    store = open_sqlite(tmp_path / "c.db")
    results = await asyncio.gather(
        store.write(keep("a")),
        store.write(fails),
        store.write(keep("a")),
        store.write(keep("b")),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [int, ValueError, ConstraintError, int]
    assert await store.read(keys) == ["a", "b"]
    await store.close()


async def test_a_full_disk_fails_every_write_of_the_group_and_stores_none(tmp_path: Path) -> None:
    """Once there is room again, the next write is stored."""
    store = open_sqlite(tmp_path / "c.db")
    await store.write(lambda session: session.row("PRAGMA max_page_count=1"))

    with pytest.raises(StorageError, match="full"):
        await store.write(keep("large", bytes(300_000)))
    await store.write(lambda session: session.row("PRAGMA max_page_count=100000"))
    await store.write(keep("small"))

    assert await store.read(keys) == ["small"]
    await store.close()


async def test_the_writer_goes_on_after_a_fault_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write of that group ends with an error, and the next group is stored."""
    store = open_sqlite(tmp_path / "c.db")

    def out_of_memory() -> float:
        monkeypatch.undo()
        raise MemoryError

    monkeypatch.setattr(store._clock, "monotonic", out_of_memory)
    with pytest.raises(StorageError):
        await store.write(keep("lost"))
    await store.write(keep("kept"))

    assert await store.read(keys) == ["kept"]
    await store.close()


async def test_closing_finishes_the_writes_that_wait_and_refuses_new_ones(tmp_path: Path) -> None:
    """Nothing that was accepted is lost."""
    store = open_sqlite(tmp_path / "c.db")
    pending = [asyncio.ensure_future(store.write(keep(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)

    with pytest.raises(StorageError):
        await store.write(keep("late"))
    again = open_sqlite(tmp_path / "c.db")
    assert len(await again.read(keys)) == 50
    await again.close()


async def test_a_query_cannot_write(tmp_path: Path) -> None:
    """The connections for queries are read-only."""
    store = open_sqlite(tmp_path / "c.db")

    with pytest.raises(StorageError, match="readonly"):
        await store.read(keep("x"))
    await store.close()


async def test_the_read_after_a_failed_one_gets_a_new_connection(tmp_path: Path) -> None:
    """Whatever the engine reports is a `StorageError`."""
    store = open_sqlite(tmp_path / "c.db")
    await store.write(keep("a"))

    def breaks(session: StoreSession) -> None:
        session._connection.close()  # type: ignore[attr-defined]
        session.rows("SELECT key FROM meta")

    for _ in range(5):  # more often than there are reading threads
        with pytest.raises(StorageError, match="cannot be read"):
            await store.read(breaks)
    assert await asyncio.gather(*(store.read(keys) for _ in range(5))) == [["a"]] * 5
    await store.close()


async def test_an_exception_of_a_query_is_raised_as_it_is(tmp_path: Path) -> None:
    """The connection is still used afterwards."""
    store = open_sqlite(tmp_path / "c.db")

    with pytest.raises(ZeroDivisionError):
        await store.read(lambda _: 1 / 0)
    assert await store.read(keys) == []
    await store.close()


async def test_two_processes_may_open_one_file(tmp_path: Path) -> None:
    """`probe collector token` runs beside `serve`."""
    one, other = open_sqlite(tmp_path / "c.db"), open_sqlite(tmp_path / "c.db")
    await asyncio.gather(*(store.write(keep(f"{n}{m}")) for n in range(20) for m, store in enumerate((one, other))))

    assert len(await one.read(keys)) == 40
    await one.close()
    await other.close()


async def test_a_statement_is_executed_for_many_rows_at_once(tmp_path: Path) -> None:
    """The rows it changed are counted together."""
    store = open_sqlite(tmp_path / "c.db")
    added = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"

    assert await store.write(lambda session: session.many(added, [("a", b"1"), ("b", b"2"), ("a", b"3")])) == 2
    assert await store.write(lambda session: session.many(added, [])) == 0
    assert await store.read(keys) == ["a", "b"]
    with pytest.raises(StorageError, match="readonly"):
        await store.read(lambda session: session.many(added, [("c", b"4")]))
    await store.close()


async def test_commits_survive_a_power_cut(tmp_path: Path) -> None:
    """The write-ahead log is synced at every commit, and the tables are strict."""
    store = open_sqlite(tmp_path / "c.db")
    settings = await store.write(lambda s: (s.row("PRAGMA journal_mode"), s.row("PRAGMA synchronous")))

    assert settings == (("wal",), (2,))
    with pytest.raises(ConstraintError):
        await store.write(lambda s: s.run("INSERT INTO meta (key, value) VALUES ('k', 1)"))
    await store.close()
