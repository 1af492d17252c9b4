"""The SQLite engine: one file, one writer thread with group commit, read-only connections for queries.

A commit costs one sync of the disk, however many writes are in it: hence the groups.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic

from probe.clock import Clock
from probe.collector.store import ConstraintError, Result, Row, StoreSession, Value
from probe.collector.store.announcements import Announcements, Listener
from probe.collector.store.sqlite.sqlite_file import connect, open_file
from probe.collector.store.write_queue import WriteQueue
from probe.errors import StorageError

MAX_GROUP_WRITES = 200
"""Writes in one commit."""
GROUP_SECONDS = 0.02
"""How long a group that has writes waiting for it accepts more before it commits."""
MAX_WAITING_WRITES = 4000
"""Writes in the queue; more are refused, so that memory stays bounded and agents back off."""
READER_THREADS = 2
"""Threads that run queries."""


class SqliteSession:
    """A `StoreSession` on one connection. The file has one writer, so rows need no locks."""

    for_update = ""
    skip_locked = ""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values and return how many rows all of them changed."""
        return self._connection.executemany(sql, rows).rowcount

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()


class _ReadSession(SqliteSession):
    """A session for one query, whose engine errors are `StorageError`, so that a query can tell them from its own."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(connection)
        self._path = path

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""
        with _reading(self._path):
            return super().run(sql, *values)

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> int:
        """Execute a statement once for each row of values and return how many rows all of them changed."""
        with _reading(self._path):
            return super().many(sql, rows)

    def row(self, sql: str, *values: Value) -> Row | None:
        """The first row of a query, None when there is none."""
        with _reading(self._path):
            return super().row(sql, *values)

    def rows(self, sql: str, *values: Value) -> list[Row]:
        """All rows of a query."""
        with _reading(self._path):
            return super().rows(sql, *values)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise a `StorageError` where the engine fails."""
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"cannot be read ({error})", where=str(path), mend="check the disk") from error


class _Write(Generic[Result]):
    """A write that waits for its commit, with its result or error and the future that gets it."""

    __slots__ = ("call", "error", "promise", "result")

    def __init__(self, call: Callable[[StoreSession], Result]) -> None:
        self.call = call
        self.promise: Future[Result] = Future()
        self.result: Result | None = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        with contextlib.suppress(InvalidStateError):  # the waiter was cancelled; the write is committed all the same
            if self.error is not None:
                self.promise.set_exception(self.error)
            else:
                self.promise.set_result(self.result)  # type: ignore[arg-type]


class SqliteStore:
    """The engine for one machine. `open_sqlite` makes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._clock = Clock()
        self._connection = connection
        self._session = SqliteSession(connection)
        self._jobs: WriteQueue[_Write[Any]] = WriteQueue()
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="store-read")
        self._writer = threading.Thread(target=self._write_all, name="store-write", daemon=True)
        self._writer.start()
        self._announcements = Announcements()
        self.commits = 0
        self.closed = False

    async def write(self, job: Callable[[StoreSession], Result], *, large: bool = False) -> Result:
        """Run a write in a transaction and return its result after the commit.

        Raises:
            StorageError: the database is closed, the disk is full or broken, or too many writes wait. Nothing is kept.
            ConstraintError: the write breaks a constraint of the tables. Nothing of it is kept.
        """
        if self.closed or not self._writer.is_alive():
            raise StorageError("the database is closed", where=str(self.path))
        if self._jobs.qsize() >= MAX_WAITING_WRITES:
            raise StorageError("too many writes wait", where=str(self.path))
        waiting = _Write(job)
        self._jobs.put(waiting, large=large)
        return await asyncio.wrap_future(waiting.promise)

    async def read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Run a query on a consistent view of the committed data.

        Raises:
            StorageError: the database is closed or cannot be read.
        """
        if self.closed:
            raise StorageError("the database is closed", where=str(self.path))
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    def announce(self, topic: str) -> None:
        """Tell the listeners of a topic in this process."""
        self._announcements.deliver(topic)

    def listen(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Have a listener called in this event loop when something is announced; gives a function that ends this."""
        return self._announcements.listen(topic, listener)

    async def erase_remains(self) -> bool:
        """Write the log into the database and empty it; deleted content is overwritten there (`secure_delete`).

        Returns:
            False when a reader held the log for longer than `BUSY_SECONDS`.
        """
        return await asyncio.to_thread(self._empty_log)

    def _empty_log(self) -> bool:
        try:
            with contextlib.closing(connect(self.path)) as connection:
                return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error:
            return False

    def waiting(self) -> int:
        """The number of writes that wait for their turn."""
        return self._jobs.qsize()

    async def close(self) -> None:
        """Finish the queued writes, then close."""
        if self.closed:
            return
        self.closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in (*self._reading, self._connection):
            connection.close()

    def _read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Do a query on this thread's connection, which is opened anew after a failure of the engine."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        try:
            with _reading(self.path):
                if connection is None:
                    connection = self._local.connection = connect(self.path, read_only=True)
                    self._reading.append(connection)
                connection.execute("BEGIN")
                try:
                    return query(_ReadSession(connection, self.path))
                finally:
                    connection.execute("ROLLBACK")
        except StorageError:
            self._local.connection = None
            if connection is not None:
                self._reading.remove(connection)
                connection.close()
            raise

    def _write_all(self) -> None:
        """The writer thread: commit one group after another until the queue is closed."""
        while (first := self._jobs.get()) is not None:
            group = [first]
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._do(first)
                ends = self._clock.monotonic() + GROUP_SECONDS
                while len(group) < MAX_GROUP_WRITES and self._clock.monotonic() < ends:
                    following = self._jobs.get_nowait()
                    if following is None:
                        break
                    group.append(following)
                    self._do(following)
                self._connection.execute("COMMIT")
                self.commits += 1
            except Exception as error:  # noqa: BLE001 the only writer must go on; nothing of this group is kept
                self._give_up(group, error)
            for job in group:
                job.resolve()

    def _do(self, job: _Write[Any]) -> None:
        """Run one write inside the group's transaction; an exception of the write undoes only this write.

        Raises:
            sqlite3.Error: the engine failed, so the whole group fails.
        """
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.call(self._session)
        except sqlite3.IntegrityError as error:
            job.error = ConstraintError(str(error))
            job.error.__cause__ = error
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 a fault in one write must not affect the others
            job.error = error
        if job.error is not None:
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def _give_up(self, group: list[_Write[Any]], error: Exception) -> None:
        """Roll the group back and give every write in it the error."""
        with contextlib.suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        for job in group:
            job.error = StorageError(
                f"cannot be written ({error})", where=str(self.path), mend="see that the disk has room"
            )


def open_sqlite(path: Path | str, *, create: bool = True) -> SqliteStore:
    """Open a collector's database file; create it or apply missing migrations first.

    Args:
        path: of the file.
        create: whether a file that is not there is made.

    Raises:
        StateError: the file is of a newer version, is not a collector's database, is not there, or cannot be opened.
    """
    path = Path(path)
    return SqliteStore(path, open_file(path, create=create))
