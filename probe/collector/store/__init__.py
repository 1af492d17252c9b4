"""The database of a collector: one set of queries for two engines, SQLite and PostgreSQL.

All SQL of the collector is in the modules of this package (`agents`, `batches`, `history`, `events` and others), as
plain functions over a `StoreSession`. They use what both engines have in common: ON CONFLICT, RETURNING, partial
indexes, `?` for values (and for nothing else), complete GROUP BY, flags as 0 and 1, `CAST(? AS BIGINT)` where no column
gives a value its type. Each engine has its own numbered files that make the tables.

Several processes may write at once. So nothing is read and then written without a lock on what was read: one ON
CONFLICT statement, a row that the transaction has updated before, or `session.for_update`. Transactions lock rows in
one order, and within a table in the order of the keys: agent, target, network, evidence, span, counter, dirty.
Times are whole milliseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

Value = int | str | bytes | None
Row = tuple[Any, ...]
Result = TypeVar("Result")

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class ConstraintError(Exception):
    """A write breaks a constraint of the tables, such as a key that is stored already."""


class StoreSession(Protocol):
    """One transaction, or one consistent view for reading.

    Attributes:
        for_update: ends a SELECT whose rows no other transaction may change until this one ends. Empty where an engine
            has one writer.
        skip_locked: the same, but rows that another transaction has locked are left out instead of waited for.
    """

    for_update: str
    skip_locked: str

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values and return how many rows all of them changed."""

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""


class Store(Protocol):
    """A database engine.

    A write is a function that is called with a session inside a transaction. Its result is returned after the commit,
    which survives a power cut. Several writes may share one commit; a write that fails does not affect the others.
    """

    async def write(self, job: Callable[[StoreSession], Result], *, large: bool = False) -> Result:
        """Run a write in a transaction. It may run several times, so it changes nothing but the database.

        A large write, of more than some dozens of rows, waits in a lane of its own: small ones go first.

        Raises:
            StorageError: the engine cannot write (disk full, too many writes wait), or the connection was lost during
                the commit. Nothing of the write has been acknowledged; only in the last case it may have been kept.
            ConstraintError: the write breaks a constraint of the tables.
        """

    async def read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Run a query on a consistent view of the committed data.

        Raises:
            StorageError: the engine cannot read.
        """

    def waiting(self) -> int:
        """The number of writes that wait for their turn."""

    def announce(self, topic: str) -> None:
        """Tell whoever listens to a topic (`store.announcements`) that something of it was committed."""

    def listen(self, topic: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a listener called in this event loop when something is announced; gives a function that ends this."""

    async def erase_remains(self) -> bool:
        """Erase what was deleted from every file of the database, also from logs; whether nothing of it is left."""

    async def close(self) -> None:
        """Finish the writes that wait, then close the database."""


def next_number(session: StoreSession, counter: str) -> int:
    """The next number of a counter, from 1.

    Other transactions that count wait until this one ends, so numbers become visible in their order and without gaps.
    """
    row = session.row(
        "INSERT INTO counter (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = counter.value + 1"
        " RETURNING value",
        counter,
    )
    assert row is not None  # noqa: S101 RETURNING of an upsert gives a row
    return int(row[0])


def to_ms(moment: datetime) -> int:
    """The moment in whole milliseconds since the Unix epoch, rounded down."""
    return (moment - _UNIX_EPOCH) // _MILLISECOND


def from_ms(value: int) -> datetime:
    """The moment in UTC of a number of milliseconds since the Unix epoch."""
    return _UNIX_EPOCH + timedelta(milliseconds=value)
