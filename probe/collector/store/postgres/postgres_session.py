"""A `StoreSession` on PostgreSQL: rewrites `?` to PostgreSQL's `$1`, and values to and from the types of the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from probe.collector.store import Row, Value
from probe.errors import StorageError

MAX_CACHED_STATEMENTS = 1000


_INSERT = re.compile(
    r"(?P<head>INSERT INTO \w+ \((?P<columns>[\w, ]+)\) VALUES )(?P<row>\(\?(?:, \?)*\))"
    r"(?P<tail>(?: ON CONFLICT \((?P<key>[\w, ]+)\) DO .*)?)",
    re.DOTALL,
)
"""An INSERT of one row of values, which can be one of many rows: a tenth of the work for the server."""
_SIZES = (256, 64, 16, 4, 1)
"""Numbers of rows in one statement, so that the server prepares only these."""


def _are_apart(insert: re.Match[str], rows: list[tuple[Value, ...]]) -> bool:
    """Whether no two rows have one key: a statement may change a row only once."""
    if insert["key"] is None:
        return True
    columns = insert["columns"].split(", ")
    places = [columns.index(name) for name in insert["key"].split(", ") if name in columns]
    return len({tuple(row[place] for place in places) for row in rows}) == len(rows)


class PostgresSession:
    """A session for a write. The engine sees the errors of PostgreSQL as they are, to tell which to try again."""

    for_update = " FOR UPDATE"
    skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._cursor = psycopg.RawCursor(connection)
        self._cursor.format = psycopg.pq.Format.BINARY

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._cursor.execute(numbered(sql), values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values, many rows at a time; how many rows all of them changed."""
        given = [tuple(row) for row in rows]
        insert = _INSERT.fullmatch(sql)
        if insert is None or not _are_apart(insert, given):
            if not given:
                return 0
            self._cursor.executemany(numbered(sql), given)
            return self._cursor.rowcount
        changed = 0
        while given:
            size = next(size for size in _SIZES if size <= len(given))
            part, given = given[:size], given[size:]
            statement = insert["head"] + ", ".join([insert["row"]] * size) + insert["tail"]
            changed += self._cursor.execute(numbered(statement), [value for row in part for value in row]).rowcount
        return changed

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""
        found: Row | None = self._cursor.execute(numbered(sql), values).fetchone()
        return found

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""
        found: list[Row] = self._cursor.execute(numbered(sql), values).fetchall()
        return found


class PostgresReadSession(PostgresSession):
    """A session for a query, whose engine errors are `StorageError`, so that a query can tell them from its own.

    Attributes:
        lost: the engine's error, when there was one.
    """

    for_update = ""
    skip_locked = ""
    lost: psycopg.Error | None = None

    def __init__(self, connection: psycopg.Connection[Any], where: str) -> None:
        super().__init__(connection)
        self._where = where

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""
        try:
            return super().run(sql, *values)
        except psycopg.Error as error:
            raise self._unreadable(error) from error

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values, sent without waiting in between; the rows changed."""
        try:
            return super().many(sql, rows)
        except psycopg.Error as error:
            raise self._unreadable(error) from error

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""
        try:
            return super().row(sql, *values)
        except psycopg.Error as error:
            raise self._unreadable(error) from error

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""
        try:
            return super().rows(sql, *values)
        except psycopg.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: psycopg.Error) -> StorageError:
        self.lost = error
        return unreadable(error, self._where)


def unreadable(error: psycopg.Error, where: str) -> StorageError:
    """The error of a read that PostgreSQL could not answer."""
    return StorageError(f"cannot be read ({first_line(error)})", where=where, mend="see PostgreSQL's log")


def first_line(error: psycopg.Error) -> str:
    """What PostgreSQL says, without the lines that quote the statement."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return text.strip().partition("\n")[0]


@lru_cache(MAX_CACHED_STATEMENTS)
def numbered(sql: str) -> str:
    """The statement with PostgreSQL's numbered parameters for its question marks."""
    first, *others = sql.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, start=1))


class _NumberLoader(NumericBinaryLoader):
    """Sums of whole numbers are `numeric` in PostgreSQL and `int` in SQLite."""

    def load(self, data: Any) -> Any:
        value = super().load(data)
        whole = isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else float(value)


def adapt_values(connection: psycopg.Connection[Any]) -> None:
    """Have numbers sent as BIGINT, the type of all columns of numbers, so that a statement has one plan."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(bool, Int8BinaryDumper)
    connection.adapters.register_loader("numeric", _NumberLoader)
