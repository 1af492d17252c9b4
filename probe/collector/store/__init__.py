"""The database of a collector: one set of queries for every engine.

All SQL of the collector is in the modules of this package (`agents`, `batches`, `history`, `events`), as plain
functions over a `StoreSession`. They use what SQLite and PostgreSQL have in common (ON CONFLICT, RETURNING, partial
indexes, `?` for values, which an engine may rewrite), so that a second engine needs one class and no second set of
queries.
Times are whole milliseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

Value = int | str | bytes | None
Row = tuple[Any, ...]
Result = TypeVar("Result")

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class StoreSession(Protocol):
    """One transaction, or one consistent view for reading."""

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""


class Store(Protocol):
    """A database engine.

    A write is a function that is called with a session inside a transaction. Its result is returned after the commit,
    which survives a power cut. Several writes may share one commit; a write that fails does not affect the others.
    """

    async def write(self, job: Callable[[StoreSession], Result]) -> Result:
        """Run a write in a transaction.

        Raises:
            StorageError: the engine cannot write (disk full, too many writes wait); nothing of the write is kept.
        """

    async def read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Run a query on a consistent view of the committed data.

        Raises:
            StorageError: the engine cannot read.
        """

    def waiting(self) -> int:
        """The number of writes that wait for their turn."""

    async def erase_remains(self) -> bool:
        """Erase what was deleted from every file of the database, also from logs; whether nothing of it is left."""

    async def close(self) -> None:
        """Finish the writes that wait, then close the database."""


def to_ms(moment: datetime) -> int:
    """The moment in whole milliseconds since the Unix epoch, rounded down."""
    return (moment - _UNIX_EPOCH) // _MILLISECOND


def from_ms(value: int) -> datetime:
    """The moment in UTC of a number of milliseconds since the Unix epoch."""
    return _UNIX_EPOCH + timedelta(milliseconds=value)
