"""Copy a collector's whole database into an empty one, of the same or the other engine, and verify the copy.

The source is read in one snapshot, so the collector may run meanwhile; what it stores after that is not in the copy.
The copy is written in one transaction: after a failure the target is as empty as before.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import ModuleType

import msgspec

from probe.collector.store import Result, Row, StoreSession, Value
from probe.collector.store.database_url import open_store, postgres_is_missing, shown, sqlite_path
from probe.collector.store.sqlite import sqlite_file
from probe.collector.store.sqlite.sqlite_store import SqliteSession
from probe.errors import StateError, StorageError

ROWS_AT_ONCE = 2000
"""Rows in memory at a time."""
NOT_COPIED = frozenset({"probe_collector", "lease"})
"""Tables of one database alone: the version of its tables, and what its processes work on."""
Progress = Callable[[str, int], None]
"""Told table and rows so far."""


class Table(msgspec.Struct, frozen=True):
    """A table: its columns, and those of its primary key, which order its rows."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


class CopiedTable(msgspec.Struct, frozen=True):
    """How many rows of a table were copied."""

    name: str
    rows: int


async def prepare(url: str, *, create: bool) -> None:
    """Bring a database to this version's tables; make them where there are none if `create`.

    Raises:
        StateError: it is not there, of a newer version, or cannot be opened.
    """
    await open_store(url, create=create).close()


def copy_database(source: str, target: str, progress: Progress) -> list[CopiedTable]:
    """Copy everything; tables of both must be of this version (`prepare`), those of the target empty.

    Raises:
        StateError: the target has rows.
        StorageError: one of the two cannot be read or written, or the copy differs from the source.
    """
    with _snapshot(source) as reading:
        return _write(target, lambda writing: _copy(reading, writing, shown(target), progress))


def _copy(reading: StoreSession, writing: StoreSession, target: str, progress: Progress) -> list[CopiedTable]:
    tables = [table for table in tables_of(reading) if table.name not in NOT_COPIED]
    for table in tables:
        if writing.row(f"SELECT 1 FROM {table.name} LIMIT 1"):  # noqa: S608 - a table of ours
            raise StateError("has a collector's data already", where=target, mend="name an empty database")
    copied = []
    for table in tables:
        rows, digest = _copy_table(reading, writing, table, progress)
        if _content(writing, table) != (rows, digest):
            raise StorageError(f"the copy of table {table.name} differs", where=target, mend="try again")
        copied.append(CopiedTable(table.name, rows))
    _continue_numbers(writing)
    return copied


def tables_of(session: StoreSession) -> list[Table]:
    """The tables of a database, by name, with the columns in one order for both engines."""
    if isinstance(session, SqliteSession):
        names = [
            str(row[0]) for row in session.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        described = {name: session.rows(f"PRAGMA table_info({name})") for name in names}
        return [
            Table(
                name,
                tuple(sorted(str(row[1]) for row in rows)),
                tuple(str(row[1]) for row in sorted(rows, key=lambda row: int(row[5])) if row[5]),
            )
            for name, rows in described.items()
            if not name.startswith("sqlite_")
        ]
    columns: dict[str, list[str]] = {}
    for name, column in session.rows(
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns"
        " WHERE table_schema = current_schema()"
    ):
        columns.setdefault(str(name), []).append(str(column))
    keys: dict[str, list[str]] = {}
    for name, column in session.rows(
        "SELECT CAST(used.table_name AS TEXT), CAST(used.column_name AS TEXT)"
        " FROM information_schema.key_column_usage AS used JOIN information_schema.table_constraints AS kind"
        " ON kind.constraint_name = used.constraint_name AND kind.table_schema = used.table_schema"
        " WHERE kind.constraint_type = 'PRIMARY KEY' AND used.table_schema = current_schema()"
        " ORDER BY used.table_name, used.ordinal_position"
    ):
        keys.setdefault(str(name), []).append(str(column))
    return [Table(name, tuple(sorted(columns[name])), tuple(keys.get(name, ()))) for name in sorted(columns)]


def _copy_table(reading: StoreSession, writing: StoreSession, table: Table, progress: Progress) -> tuple[int, bytes]:
    """Copy a table; the number of its rows and a digest of them."""
    marks = ", ".join("?" for _ in table.columns)
    insert = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"  # noqa: S608 - a table of ours
    digest, count = sha256(), 0
    for part in _parts(reading, table):
        writing.many(insert, part)
        count += len(part)
        digest.update(repr(part).encode())
        progress(table.name, count)
    return count, digest.digest()


def _content(session: StoreSession, table: Table) -> tuple[int, bytes]:
    """The number of rows of a table and a digest of them."""
    digest, count = sha256(), 0
    for part in _parts(session, table):
        count += len(part)
        digest.update(repr(part).encode())
    return count, digest.digest()


def _parts(session: StoreSession, table: Table) -> Iterator[list[Row]]:
    """The rows of a table in the order of its key, `ROWS_AT_ONCE` at a time."""
    key = ", ".join(table.key)
    query = f"SELECT {', '.join(table.columns)} FROM {table.name}"  # noqa: S608 - a table of ours
    marks = ", ".join("?" for _ in table.key)
    places = [table.columns.index(column) for column in table.key]
    last: tuple[Value, ...] | None = None
    while True:
        after = f"WHERE ({key}) > ({marks}) " if last is not None else ""
        part = session.rows(f"{query} {after}ORDER BY {key} LIMIT ?", *(last or ()), ROWS_AT_ONCE)
        if part:
            yield part
        if len(part) < ROWS_AT_ONCE:
            return
        last = tuple(part[-1][place] for place in places)


def _continue_numbers(session: StoreSession) -> None:
    """Have the rows that are stored next numbered after those that were copied."""
    if isinstance(session, SqliteSession):
        return
    for name, column in session.rows(
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND is_identity = 'YES'"
    ):
        session.row(
            f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), max({column})) FROM {name}"  # noqa: S608
            f" HAVING max({column}) IS NOT NULL"
        )


@contextlib.contextmanager
def _snapshot(url: str) -> Iterator[StoreSession]:
    """One state of a database, to read."""
    path = sqlite_path(url)
    if path is None:
        with _postgres().snapshot(url, shown(url)) as session:
            yield session
        return
    try:
        with contextlib.closing(sqlite_file.connect(path, read_only=True)) as connection:
            connection.execute("BEGIN")
            yield SqliteSession(connection)
    except sqlite3.Error as error:
        raise StorageError(f"cannot be read ({error})", where=str(path), mend="check the disk") from error


def _write(url: str, job: Callable[[StoreSession], Result]) -> Result:
    """The result of a write in one transaction of its own connection."""
    path = sqlite_path(url)
    if path is None:
        written: Result = _postgres().write_alone(url, shown(url), job)
        return written
    try:
        with contextlib.closing(sqlite_file.connect(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            result = job(SqliteSession(connection))
            connection.execute("COMMIT")
            return result
    except sqlite3.Error as error:
        raise StorageError(
            f"cannot be written ({error})", where=str(path), mend="see that the disk has room"
        ) from error


def _postgres() -> ModuleType:
    try:
        from probe.collector.store.postgres import postgres_transfer  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise postgres_is_missing(error) from error
    return postgres_transfer
