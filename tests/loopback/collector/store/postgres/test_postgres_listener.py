"""Announcements between processes on one PostgreSQL."""

from __future__ import annotations

import asyncio

import psycopg

from probe.collector.store.announcements import MARKS, REVISIONS
from probe.collector.store.postgres.postgres_store import PostgresStore, open_postgres


async def heard_from(store: PostgresStore, topic: str, heard: asyncio.Event) -> None:
    """Announce a topic until somebody hears it: a listener may still be connecting."""
    async with asyncio.timeout(60):
        while not heard.is_set():
            store.announce(topic)
            await asyncio.sleep(0.02)


async def test_another_process_hears_what_is_announced_after_a_lost_connection_too(postgres_url: str) -> None:
    """Each topic by itself; it hears of everything once it is connected again."""
    here, there = open_postgres(postgres_url, "test"), open_postgres(postgres_url, "test")
    marks, revisions = asyncio.Event(), asyncio.Event()
    there.listen(MARKS, marks.set)
    there.listen(REVISIONS, revisions.set)
    await heard_from(here, MARKS, marks)
    await heard_from(here, REVISIONS, revisions)
    marks.clear()

    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            " AND pid <> pg_backend_pid() AND datname = current_database()"
        )
    await asyncio.wait_for(marks.wait(), 60)
    marks.clear()
    await heard_from(here, MARKS, marks)
    for each in (here, there):
        await each.close()


async def test_many_announcements_at_once_are_one(postgres_url: str) -> None:
    """Intake announces after every batch; another process is woken once."""
    here, there = open_postgres(postgres_url, "test"), open_postgres(postgres_url, "test")
    heard = asyncio.Event()
    calls = []
    there.listen(MARKS, lambda: (calls.append(1), heard.set()))
    await heard_from(here, MARKS, heard)
    await here.write(lambda _: None)
    before = len(calls)
    for _ in range(1000):
        here.announce(MARKS)
    heard.clear()
    await asyncio.wait_for(heard.wait(), 60)
    for each in (here, there):
        await each.close()

    assert len(calls) - before < 100
