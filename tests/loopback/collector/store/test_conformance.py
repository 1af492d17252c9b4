"""What every engine promises: commits, isolation, refusals, concurrency, announcements, closing, versions."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from probe.collector.intake.enrolment import EnrolmentRequest, enrol, make_token
from probe.collector.store import ConstraintError, Store, StoreSession, agents, batches, events, history, next_number
from probe.collector.store.announcements import MARKS
from probe.collector.store.database_url import open_store
from probe.errors import StateError, StorageError
from tests.loopback.collector.store.engines import columns

NOW = datetime(2017, 5, 4, tzinfo=UTC)


def keep(key: str, value: bytes = b"v") -> Callable[[StoreSession], int]:
    """A write of one row."""
    return lambda session: session.run("INSERT INTO meta (key, value) VALUES (?, ?)", key, value)


def keys(session: StoreSession) -> list[str]:
    """The stored keys."""
    return [row[0] for row in session.rows("SELECT key FROM meta ORDER BY key")]


async def test_a_write_that_fails_does_not_affect_the_others(store: Store) -> None:
    """Its own changes are undone, and only its caller gets the error."""

    def fails(session: StoreSession) -> None:
        keep("half")(session)
        raise ValueError("by design")

    await store.write(keep("a"))
    results = await asyncio.gather(*(store.write(job) for job in (fails, keep("a"), keep("b"))), return_exceptions=True)

    assert [type(result) for result in results] == [ValueError, ConstraintError, int]
    assert await store.read(keys) == ["a", "b"]


async def test_values_are_read_as_they_were_written(store: Store) -> None:
    """Numbers have 64 bits, bytes are `bytes`, text may be any of Unicode, and nothing is padded or cut."""
    text = "".join(map(chr, (*range(1, 300), 0x1F600, 0xFFFD))) + "'\"%s%?\\"
    values = (bytes(range(256)) * 50, 2**62, -(2**62), text, "", None)

    def write(session: StoreSession) -> None:
        session.run(
            "INSERT INTO token (hash, created, expires, role, sponsor, agent) VALUES (?, ?, ?, ?, ?, ?)", *values
        )

    await store.write(write)
    (row,) = await store.read(
        lambda session: session.rows(
            "SELECT hash, created, expires, role, sponsor, agent FROM token WHERE role = ? AND created = ?", text, 2**62
        )
    )

    assert row == values
    assert [type(value) for value in row] == [bytes, int, int, str, str, type(None)]


async def test_text_is_ordered_by_code_points_and_sums_are_whole_numbers(store: Store) -> None:
    """An answer does not depend on the engine or on the language of its host."""
    names = ["Z", "a", "é", "ж", "Я", "中", "_", "0"]
    await store.write(
        lambda session: session.many("INSERT INTO meta (key, value) VALUES (?, ?)", [(n, b"") for n in names])
    )

    assert await store.read(keys) == sorted(names)
    total = await store.read(lambda session: session.row("SELECT sum(length(key)), count(*) FROM meta"))
    assert total == (8, 8)
    assert [type(each) for each in total] == [int, int]


async def test_a_statement_is_executed_for_many_rows_at_once(store: Store) -> None:
    """The rows it changed are counted together."""
    added = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"

    assert await store.write(lambda session: session.many(added, [("a", b"1"), ("b", b"2"), ("a", b"3")])) == 2
    assert await store.write(lambda session: session.many(added, [])) == 0
    assert await store.read(keys) == ["a", "b"]


async def test_any_number_of_rows_is_written_in_the_order_given(store: Store) -> None:
    """A key that comes twice is written twice, and the last one stays."""
    upsert = (
        "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET"
        " value = counter.value + excluded.value"
    )
    rows = [(f"{number:04}", number) for number in range(1343)]

    assert await store.write(lambda session: session.many(upsert, rows)) == 1343
    assert await store.write(lambda session: session.many(upsert, [("0001", 1), ("0001", 5)])) == 2
    assert await store.write(lambda session: session.many("DELETE FROM counter WHERE name = ?", [("0000",)])) == 1

    expected = [("0001", 7), *rows[2:]]
    assert await store.read(lambda session: session.rows("SELECT name, value FROM counter ORDER BY name")) == expected


async def test_a_query_cannot_write(store: Store) -> None:
    """It is refused, and nothing is kept."""
    for job in (keep("x"), lambda session: session.many("DELETE FROM meta WHERE key = ?", [("x",)])):
        with pytest.raises(StorageError, match="cannot be read"):
            await store.read(job)
    assert await store.read(keys) == []


async def test_a_query_that_is_wrong_is_a_storage_error_and_the_next_one_is_answered(store: Store) -> None:
    """So is one that a query catches and passes over: the store is asked again afterwards."""

    def wrong(session: StoreSession) -> None:
        with suppress(KeyError):
            session.rows("SELECT nothing FROM nowhere")

    for _ in range(6):  # more often than there are reading threads
        with pytest.raises(StorageError, match="cannot be read"):
            await store.read(wrong)
    assert await asyncio.gather(*(store.read(keys) for _ in range(6))) == [[]] * 6


async def test_an_exception_of_a_query_is_raised_as_it_is(store: Store) -> None:
    """The connection is still used afterwards."""
    with pytest.raises(ZeroDivisionError):
        await store.read(lambda _: 1 / 0)
    assert await store.read(keys) == []


async def test_a_query_sees_one_state_of_the_database(store: Store) -> None:
    """What is committed between two of its statements is not in it."""
    looked, written = threading.Event(), threading.Event()

    def twice(session: StoreSession) -> tuple[list[str], list[str]]:
        before = keys(session)
        looked.set()
        written.wait(60)
        return before, keys(session)

    reading = asyncio.create_task(store.read(twice))
    await asyncio.to_thread(looked.wait, 60)
    await store.write(keep("new"))
    written.set()

    assert await reading == ([], [])
    assert await store.read(keys) == ["new"]


async def test_a_read_after_a_write_sees_it(store: Store) -> None:
    """Whichever connection answers."""
    for number in range(20):
        await store.write(keep(f"{number:02}"))
        assert len(await store.read(keys)) == number + 1


async def test_no_increment_is_lost_and_no_number_is_given_twice(store: Store, store_url: str) -> None:
    """Two processes count at once."""
    other = open_store(store_url)
    numbers = await asyncio.gather(
        *(each.write(lambda session: next_number(session, "n")) for _ in range(50) for each in (store, other))
    )
    await other.close()

    assert sorted(numbers) == list(range(1, 101))


async def test_new_targets_and_networks_get_one_number_each_from_all_writers(store: Store, store_url: str) -> None:
    """Two processes store the same new names at once."""
    other = open_store(store_url)

    def number(session: StoreSession) -> list[int]:
        found = [batches.target_number(session, f"https://{name}.example/") for name in range(20)]
        return [*found, *(batches.network_number(session, asn, "RU") for asn in range(20))]

    results = await asyncio.gather(*(each.write(number) for _ in range(10) for each in (store, other)))
    await other.close()

    assert len({tuple(result) for result in results}) == 1
    assert len(set(results[0][:20])) == len(set(results[0][20:])) == 20


async def test_locks_taken_in_opposite_orders_end_in_two_commits(store: Store) -> None:
    """A deadlock is the engine's to resolve: the write that was its victim runs again."""
    await store.write(lambda session: [next_number(session, name) for name in ("a", "b")])
    both = threading.Barrier(2)

    def count(first: str, second: str) -> Callable[[StoreSession], None]:
        def job(session: StoreSession) -> None:
            next_number(session, first)
            with suppress(threading.BrokenBarrierError):  # one writer: the other cannot come
                both.wait(0.5)
            next_number(session, second)

        return job

    await asyncio.gather(store.write(count("a", "b")), store.write(count("b", "a")))

    assert await store.read(lambda session: session.rows("SELECT name, value FROM counter ORDER BY name")) == [
        ("a", 3),
        ("b", 3),
    ]


async def test_a_token_enrols_one_agent_however_many_use_it_at_once(store: Store, store_url: str) -> None:
    """The others are told that it has been used."""
    other = open_store(store_url)
    token = await store.write(
        lambda session: make_token(session, role="vantage", sponsor="", now=NOW, ttl=timedelta(hours=1))
    )

    def use(number: int) -> Callable[[StoreSession], str]:
        request = EnrolmentRequest(token=token, public_key=base64.b64encode(bytes([number]) * 32).decode())
        return lambda session: enrol(session, request, NOW)

    uses = [each.write(use(2 * n + m)) for n in range(5) for m, each in enumerate((store, other))]
    results = await asyncio.gather(*uses, return_exceptions=True)
    await other.close()

    assert sorted(type(result).__name__ for result in results) == ["ApiError"] * 9 + ["str"]
    assert len(await store.read(agents.agents)) == 1


async def test_every_vote_on_a_service_counts_when_all_come_at_once(store: Store, store_url: str) -> None:
    """The votes are counted as if they had come one after another."""
    other = open_store(store_url)
    target = await store.write(lambda session: batches.target_number(session, "https://a.example/"))

    def vote(agent: int) -> Callable[[StoreSession], object]:
        return lambda session: batches.vote(session, target, agent, "few" if agent < 4 else "many")

    await asyncio.gather(*((store, other)[agent % 2].write(vote(agent)) for agent in range(12)))
    await other.close()

    assert await store.read(lambda session: batches.service_of(session, target)) == "many"


async def test_listeners_hear_what_was_announced_and_nothing_after_they_ended(store: Store) -> None:
    """In the event loop that they were added in."""
    heard = asyncio.Event()
    end = store.listen(MARKS, heard.set)
    store.announce(MARKS)
    await asyncio.wait_for(heard.wait(), 60)
    end()
    heard.clear()
    store.announce(MARKS)
    await store.write(keep("a"))

    assert not heard.is_set()


async def test_closing_finishes_the_writes_that_wait_and_refuses_new_ones(store: Store, store_url: str) -> None:
    """Nothing that was accepted is lost; closing twice is no error."""
    pending = [asyncio.ensure_future(store.write(keep(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)
    await store.close()

    with pytest.raises(StorageError, match="closed"):
        await store.write(keep("late"))
    with pytest.raises(StorageError, match="closed"):
        await store.read(keys)
    again = open_store(store_url, create=False)
    assert len(await again.read(keys)) == 50
    await again.close()


async def test_a_cancelled_waiter_does_not_stop_the_writer(store: Store) -> None:
    """Its write may be kept or not; those after it are."""
    waiting = [asyncio.create_task(store.write(keep(f"cancelled {n}"))) for n in range(50)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await store.write(keep("kept"))

    assert "kept" in await store.read(keys)
    assert store.waiting() == 0


async def test_remains_of_what_was_deleted_are_erased_on_demand(store: Store) -> None:
    """The engine says whether it could."""
    await store.write(keep("a"))
    await store.write(lambda session: session.run("DELETE FROM meta"))

    assert await store.erase_remains()


def test_a_database_that_is_not_there_is_only_made_when_asked_for(store_url: str) -> None:
    """A command that reads leaves nothing behind where the address has a mistake."""
    for _ in range(2):
        with pytest.raises(StateError, match="there is no"):
            open_store(store_url, create=False)


async def test_collectors_that_start_at_once_make_the_tables_once(store_url: str) -> None:
    """Each of them can be used."""
    stores = await asyncio.gather(*(asyncio.to_thread(open_store, store_url) for _ in range(4)))
    for number, each in enumerate(stores):
        await each.write(keep(str(number)))
    assert len(await stores[0].read(keys)) == 4
    for each in stores:
        await each.close()


async def test_both_engines_have_the_same_tables_and_columns(store: Store) -> None:
    """One set of queries serves both."""
    memory = open_store(":memory:")
    expected = await memory.write(columns)
    await memory.close()

    assert await store.read(columns) == expected


async def test_dirty_marks_of_all_writers_are_kept(store: Store) -> None:
    """A mark grows each time it is made, whoever makes it."""

    def mark(session: StoreSession) -> None:
        for service in ("a", "b"):
            history.mark_dirty(session, service, "RU", 1)

    await asyncio.gather(*(store.write(mark) for _ in range(20)))

    marks = await store.read(lambda session: events.dirty_marks(session, 10))
    assert [(each.service, each.mark) for each in marks] == [("a", 20), ("b", 20)]
