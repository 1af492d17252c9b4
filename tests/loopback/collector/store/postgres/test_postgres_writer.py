"""Transactions on PostgreSQL: what is tried again, and which commits count."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from probe.collector.store import ConstraintError, StoreSession
from probe.collector.store.postgres import postgres_writer
from probe.collector.store.postgres.postgres_tables import check_tables, connection_string
from probe.collector.store.postgres.postgres_writer import PostgresWriter, UncertainCommitError
from probe.errors import StorageError
from tests.servers.postgres import DURABILITY_OFF, running_postgres


@pytest.fixture
def conninfo(postgres_url: str) -> str:
    """The connection string of a database with tables."""
    conninfo = connection_string(postgres_url)
    check_tables(conninfo, "test", create=True)
    return conninfo


@pytest.fixture
def writer(conninfo: str) -> Iterator[PostgresWriter]:
    """A writer on it."""
    made = PostgresWriter(conninfo, "test", threading.Event())
    yield made
    made.close()


def keep(key: str) -> Callable[[StoreSession], int]:
    """A write of one row."""
    return lambda session: session.run("INSERT INTO meta (key, value) VALUES (?, ?)", key, b"v")


def stored(conninfo: str) -> list[str]:
    """The stored keys, as another connection sees them."""
    with psycopg.connect(conninfo) as connection:
        return [row[0] for row in connection.execute("SELECT key FROM meta ORDER BY key")]


def terminated_once() -> Callable[[StoreSession], int]:
    """A write whose connection the server ends at the first attempt, after its row."""
    attempts = []

    def job(session: StoreSession) -> int:
        keep("a")(session)
        attempts.append(1)
        if len(attempts) == 1:
            session.row("SELECT pg_terminate_backend(pg_backend_pid())")
        return len(attempts)

    return job


def test_a_write_whose_connection_is_lost_is_run_again(writer: PostgresWriter, conninfo: str) -> None:
    """Nothing of the first attempt is kept."""
    writer.write(keep("before"))

    assert writer.write(terminated_once()) == 2
    assert stored(conninfo) == ["a", "before"]
    assert writer.retries == 1


def test_a_connection_lost_during_the_commit_is_uncertain_and_not_tried_again(
    writer: PostgresWriter, conninfo: str
) -> None:
    """The row may have been stored; the caller asks again. Here the server ends before it stores it."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END'"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON meta DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            " WHEN (NEW.key = 'fatal') EXECUTE FUNCTION leave()"
        )

    with pytest.raises(UncertainCommitError, match="lost during the commit"):
        writer.write(keep("fatal"))
    assert writer.retries == 0
    writer.write(keep("next"))
    assert stored(conninfo) == ["next"]


def test_a_commit_whose_wait_for_the_standbys_was_cancelled_is_no_acknowledgement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The row is on the primary alone, and would be lost with it."""
    monkeypatch.setattr(postgres_writer, "COMMIT_SECONDS", 0.2)
    with running_postgres({**DURABILITY_OFF, "synchronous_standby_names": "ANY 1 (absent)"}) as server:
        alone = connection_string(server.url("postgres") + "?options=-csynchronous_commit%3Dlocal")
        check_tables(alone, "test", create=True)
        writer = PostgresWriter(connection_string(server.url("postgres")), "test", threading.Event())

        with pytest.raises(UncertainCommitError, match="not replicated"):
            writer.write(keep("a"))
        assert stored(alone) == ["a"]
        writer.close()
        writer = PostgresWriter(alone, "test", threading.Event())
        writer.write(keep("b"))
        writer.close()


def test_an_error_that_a_write_passes_over_is_found_at_the_commit(writer: PostgresWriter, conninfo: str) -> None:
    """PostgreSQL ends such a transaction without storing anything."""

    def careless(session: StoreSession) -> None:
        keep("a")(session)
        with suppress(psycopg.Error):
            session.run("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(StorageError):
        writer.write(careless)
    assert stored(conninfo) == []
    writer.write(keep("b"))
    assert stored(conninfo) == ["b"]


def test_a_key_that_is_stored_already_is_a_constraint_error_after_few_attempts(writer: PostgresWriter) -> None:
    """Another transaction may have stored it just now, so the write looks again."""
    writer.write(keep("a"))

    with pytest.raises(ConstraintError, match="meta_pkey"):
        writer.write(keep("a"))
    assert writer.retries == postgres_writer.MAX_REPEATED_KEYS


def test_a_full_disk_is_a_storage_error_at_once(writer: PostgresWriter) -> None:
    """Trying again does not make room; the agent keeps its batches."""

    def full(session: StoreSession) -> None:
        session.run("DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$")

    with pytest.raises(StorageError, match="could not extend file"):
        writer.write(full)
    assert writer.retries == 0


@pytest.mark.parametrize("condition", ["serialization_failure", "deadlock_detected"])
def test_a_write_that_another_one_is_in_the_way_of_is_run_again(writer: PostgresWriter, condition: str) -> None:
    """Until it succeeds."""
    attempts = []

    def job(session: StoreSession) -> int:
        attempts.append(1)
        if len(attempts) < 4:
            session.run(f"DO $$ BEGIN RAISE 'again' USING ERRCODE = '{condition}'; END $$")
        return len(attempts)

    assert writer.write(job) == 4


def test_a_server_that_cannot_be_reached_is_a_storage_error_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the reason in one line."""
    monkeypatch.setattr(postgres_writer, "RETRY_SECONDS", 0.2)
    writer = PostgresWriter(connection_string("postgresql://nobody@127.0.0.1:1/none"), "test", threading.Event())

    with pytest.raises(StorageError, match="cannot be written") as caught:
        writer.write(keep("a"))
    assert "\n" not in str(caught.value)
    assert writer.retries > 0
