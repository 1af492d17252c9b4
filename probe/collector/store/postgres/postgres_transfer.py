"""Transactions on PostgreSQL that copy a whole database: one snapshot to read, one commit to write."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg

from probe.collector.store import Result, StoreSession
from probe.collector.store.postgres.postgres_session import PostgresReadSession, unreadable
from probe.collector.store.postgres.postgres_tables import connect, connection_string
from probe.collector.store.postgres.postgres_writer import PostgresWriter


@contextlib.contextmanager
def snapshot(url: str, where: str) -> Iterator[StoreSession]:
    """One state of the database, to read.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        connection = connect(connection_string(url))
    except psycopg.Error as error:
        raise unreadable(error, where) from error
    with contextlib.closing(connection):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield PostgresReadSession(connection, where)


def write_alone(url: str, where: str, job: Callable[[StoreSession], Result]) -> Result:
    """The result of a write in one transaction, committed as any other; it may run several times.

    Raises:
        StorageError: the database cannot be written.
    """
    writer = PostgresWriter(connection_string(url), where, threading.Event())
    try:
        return writer.write(job)
    finally:
        writer.close()
