"""Several processes on one PostgreSQL: four writers at once, lost connections, a server that goes and comes back."""

from __future__ import annotations

import asyncio
import random
import signal

import psycopg
import pytest

from probe.collector.store import StoreSession, history, next_number
from probe.collector.store.postgres import postgres_store, postgres_writer
from probe.collector.store.postgres.postgres_store import open_postgres
from probe.errors import StorageError
from tests.servers.postgres import PostgresServer, running_postgres

NAMES = "SELECT name FROM counter ORDER BY name"


def count(name: str):  # noqa: ANN201
    """A write of one row."""
    return lambda session: next_number(session, name)


async def terminate_all(url: str) -> None:
    """End every other connection to the database, as a server that shuts down does."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_writes_that_lock_the_same_rows_in_any_order_all_succeed(postgres_url: str) -> None:
    """Deadlocks are found after a second each, so code keeps one order; where it does not, no write fails."""
    stores = [await asyncio.to_thread(open_postgres, postgres_url, "test") for _ in range(4)]
    dice = random.Random(1)

    def mark(session: StoreSession) -> None:
        for service in dice.sample(range(20), 3):
            history.mark_dirty(session, f"s{service}", "RU", 1)

    results = await asyncio.gather(*(stores[number % 4].write(mark) for number in range(16)), return_exceptions=True)
    marks = await stores[0].read(lambda session: session.row("SELECT sum(mark) FROM dirty"))
    for each in stores:
        await each.close()

    assert [result for result in results if result is not None] == []
    assert marks == (48,)


async def test_lost_connections_are_replaced_and_every_write_is_kept(postgres_url: str) -> None:
    """The server ends all of them again and again; a write is acknowledged, or refused and asked again."""
    store = await asyncio.to_thread(open_postgres, postgres_url, "test")
    over = asyncio.Event()

    async def trouble() -> None:
        while not over.is_set():
            await terminate_all(postgres_url)
            await asyncio.sleep(0.05)

    async def write(number: int) -> None:
        while True:
            try:
                await store.write(
                    lambda session: session.run(
                        "INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO NOTHING", f"{number:03}"
                    )
                )
            except StorageError:
                continue
            await store.read(lambda session: session.rows(NAMES))
            return

    troubling = asyncio.create_task(trouble())
    await asyncio.gather(*(write(number) for number in range(200)))
    over.set()
    await troubling

    assert await store.read(lambda session: session.rows(NAMES)) == [(f"{number:03}",) for number in range(200)]
    await store.close()


async def test_a_server_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away writes and reads are storage errors."""
    monkeypatch.setattr(postgres_writer, "RETRY_SECONDS", 0.3)
    monkeypatch.setattr(postgres_store, "RETRY_SECONDS", 0.3)
    with running_postgres() as server:
        store = await asyncio.to_thread(open_postgres, server.url("postgres"), "test")
        await store.write(count("a"))
        await asyncio.to_thread(server.stop, signal.SIGINT)
        with pytest.raises(StorageError):
            await store.write(count("lost"))
        with pytest.raises(StorageError):
            await store.read(lambda session: session.rows(NAMES))

        server.start()
        async with asyncio.timeout(60):
            while not await answers(store):
                pass  # each waits until the next attempt to connect
        await store.write(count("b"))
        assert await store.read(lambda session: session.rows(NAMES)) == [("a",), ("b",)]
        await store.close()


async def answers(store: postgres_store.PostgresStore) -> bool:
    """Whether the server answers a query."""
    try:
        await store.read(lambda session: session.rows(NAMES))
    except StorageError:
        return False
    return True


async def test_more_writes_than_fit_the_queue_are_refused(
    postgres_server: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays bounded, and agents back off."""
    monkeypatch.setattr(postgres_store, "MAX_WAITING_WRITES", 20)
    store = await asyncio.to_thread(open_postgres, postgres_url, "test")

    results = await asyncio.gather(*(store.write(count("a")) for _ in range(200)), return_exceptions=True)
    stored = sum(isinstance(result, int) for result in results)

    assert 0 < stored < 200
    assert {str(result) for result in results if not isinstance(result, int)} == {"test: too many writes wait"}
    assert await store.read(lambda session: session.row("SELECT value FROM counter")) == (stored,)
    await store.close()
