"""Copies of whole databases, between all engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probe.collector.store import Store, StoreSession, agents, batches, history, next_number
from probe.collector.store.agents import AgentRow
from probe.collector.store.database_url import open_store
from probe.collector.store.history import NewSpan
from probe.collector.store.transfer import copy_database, prepare, tables_of
from probe.errors import StateError, StorageError
from tests.loopback.collector.store.engines import columns
from tests.servers.postgres import PostgresServer

Place = Callable[[str], str]
ADD = "INSERT INTO meta (key, value) VALUES (?, ?)"


@pytest.fixture
def place(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Place]:
    """Makes the address of a new database of an engine."""
    with postgres_server.database() as one, postgres_server.database() as other:
        servers, files = iter((one, other)), iter((tmp_path / "one.db", tmp_path / "other.db"))
        yield lambda engine: next(servers) if engine == "postgres" else str(next(files))


def fill(session: StoreSession) -> None:
    """Agents, targets, evidence, spans and counters: more rows than are copied at a time."""
    for number in range(3):
        row = AgentRow(0, f"a{number}", bytes([number]) * 32, "vantage", "Verein «Ж»", 1, "RU", "active", "", 0, number)
        agents.add_agent(session, row)
    targets = batches.target_rows(session, [f"https://{number}.example/ж" for number in range(5000)])
    network = batches.network_number(session, 64500, "RU")
    batches.add_evidence(session, [(bytes([number]) * 32, bytes(range(256))) for number in range(9)], 1)
    history.add_spans(
        session,
        [
            NewSpan(
                target=row.no,
                agent=1,
                start=2**41,
                known=2**41,
                network=network,
                status="blocked",
                causes="",
                evidence=None,
            )
            for row in targets.values()
        ],
    )
    session.many("INSERT INTO meta (key, value) VALUES (?, ?)", [("\n", b"\0"), ("Z", b""), ("a", b"x")])
    next_number(session, "revision")


def content(session: StoreSession) -> dict[str, list[object]]:
    """Every row of every table."""
    return {
        table.name: session.rows(f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}")  # noqa: S608
        for table in tables_of(session)
        if table.name != "probe_collector"
    }


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
@pytest.mark.parametrize("source", ["sqlite", "postgres"])
async def test_a_copy_has_every_row_and_goes_on_numbering(place: Place, source: str, target: str) -> None:
    """Between the engines, too, there and back."""
    here, there = place(source), place(target)
    store = open_store(here)
    await store.write(fill)
    expected = await store.read(content)
    await store.close()
    await prepare(there, create=True)
    steps: list[tuple[str, int]] = []

    copied = await asyncio.to_thread(copy_database, here, there, lambda *step: steps.append(step))

    copy = open_store(there, create=False)
    assert await copy.read(content) == expected
    assert {table.name: table.rows for table in copied}["span"] == 5000
    assert [count for name, count in steps if name == "span"] == [2000, 4000, 5000]
    assert await copy.write(lambda session: batches.target_number(session, "new")) == 5001
    assert await copy.write(lambda session: next_number(session, "revision")) == 2
    await copy.close()


async def test_a_copy_is_one_state_although_the_collector_goes_on_writing(place: Place) -> None:
    """What is stored after the copy began is not in it, in no table."""
    here, there = place("postgres"), place("sqlite")
    store = open_store(here)
    await store.write(fill)
    await prepare(there, create=True)
    loop = asyncio.get_running_loop()

    def write_meanwhile(table: str, rows: int) -> None:
        adding = store.write(lambda s: s.run(ADD, f"{table}{rows}", b""))
        asyncio.run_coroutine_threadsafe(adding, loop).result(60)

    await asyncio.to_thread(copy_database, here, there, write_meanwhile)
    copy = open_store(there, create=False)
    assert await copy.read(meta_rows) == 3
    assert await store.read(meta_rows) > 10
    await copy.close()
    await store.close()


def meta_rows(session: StoreSession) -> int:
    """The number of rows of one table."""
    row = session.row("SELECT count(*) FROM meta")
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
async def test_a_database_with_data_is_not_written_over(place: Place, target: str) -> None:
    """Nothing of it changes."""
    here, there = place("sqlite"), place(target)
    for url in (here, there):
        store = open_store(url)
        await store.write(fill)
        await store.close()

    with pytest.raises(StateError, match="has a collector's data already"):
        await asyncio.to_thread(copy_database, here, there, lambda *_: None)


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
async def test_a_copy_that_fails_leaves_the_target_empty(place: Place, target: str) -> None:
    """It can be tried again."""
    here, there = place("sqlite"), place(target)
    store = open_store(here)
    await store.write(fill)
    await store.close()
    await prepare(there, create=True)

    def fail(table: str, _: int) -> None:
        if table == "target":
            raise StorageError("by design")

    with pytest.raises(StorageError, match="by design"):
        await asyncio.to_thread(copy_database, here, there, fail)
    copy = open_store(there)
    assert not any((await copy.read(content)).values())
    await copy.close()


async def test_every_table_has_a_key_that_orders_its_rows(store: Store) -> None:
    """A table without one could not be copied in parts."""
    tables = await store.write(tables_of)
    expected = await store.write(columns)

    assert {table.name for table in tables if table.name != "probe_collector"} == set(expected)
    assert [table.name for table in tables if not table.key and table.name != "probe_collector"] == []
