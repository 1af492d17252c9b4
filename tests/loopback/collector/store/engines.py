"""What tests of the store ask either engine alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from probe.collector.store import StoreSession
from probe.collector.store.sqlite.sqlite_store import SqliteSession


@contextmanager
def refused(session: StoreSession) -> Iterator[None]:
    """The block breaks a constraint of the tables; the transaction goes on without it."""
    session.run("SAVEPOINT refused")
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
        yield
    session.run("ROLLBACK TO refused")


def columns(session: StoreSession) -> dict[str, list[str]]:
    """Table -> the names of its columns, in order of their names; without the table that PostgreSQL's version is in."""
    if isinstance(session, SqliteSession):
        tables = [row[0] for row in session.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {each: sorted(row[1] for row in session.rows(f"PRAGMA table_info({each})")) for each in tables}
    found: dict[str, list[str]] = {}
    for table, column in session.rows(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND table_name <> 'probe_collector' ORDER BY table_name, column_name"
    ):
        found.setdefault(table, []).append(column)
    return {table: sorted(names) for table, names in found.items()}
