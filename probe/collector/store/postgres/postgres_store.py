"""The PostgreSQL engine: several writer connections, each with its own transactions, and connections for queries.

A write is a function, so it is run again after a deadlock, a serialisation failure or a lost connection. It is not run
again when the connection is lost during the commit: then nobody knows whether it was kept, and the caller is told so.
Transactions are `READ COMMITTED`: the queries lock the rows that they read before they write (`probe.collector.store`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic

import psycopg
from psycopg.errors import ReadOnlySqlTransaction

from probe.clock import Clock
from probe.collector.store import Result, StoreSession
from probe.collector.store.announcements import Announcements, Listener
from probe.collector.store.postgres.postgres_listener import PostgresListener
from probe.collector.store.postgres.postgres_session import PostgresReadSession, unreadable
from probe.collector.store.postgres.postgres_tables import check_tables, connect, connection_string
from probe.collector.store.postgres.postgres_writer import RETRY_SECONDS, PostgresWriter, is_lost
from probe.collector.store.write_queue import WriteQueue
from probe.errors import StorageError

WRITERS = 8
"""Connections that write; each commits alone, and PostgreSQL syncs its log once for commits that wait together."""
ANNOUNCE_SECONDS = 0.1
"""How long other processes wait for an announcement, so that they are told of many batches at once."""
READERS = 4
"""Connections that query."""
MAX_WAITING_WRITES = 4000
"""Writes in the queue; more are refused, so that memory stays bounded and agents back off."""


class _PoolWrite(Generic[Result]):
    """A write that waits for a connection, and the future that gets its result."""

    __slots__ = ("call", "promise")

    def __init__(self, call: Callable[[StoreSession], Result]) -> None:
        self.call = call
        self.promise: Future[Result] = Future()


class PostgresStore:
    """The engine for several processes and machines. `open_postgres` makes it."""

    def __init__(self, conninfo: str, where: str) -> None:
        self.where = where
        self.retries = 0
        self.closed = False
        self._closing = threading.Event()
        self._announcements = Announcements()
        self._listener = PostgresListener(conninfo, self._announcements)
        self._announced: set[str] = set()
        self._conninfo = conninfo
        self._clock = Clock()
        self._jobs: WriteQueue[_PoolWrite[Any]] = WriteQueue()
        self._local = threading.local()
        self._reading: set[psycopg.Connection[Any]] = set()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._writers = [
            threading.Thread(target=self._write_all, name=f"store-write-{number}", daemon=True)
            for number in range(WRITERS)
        ]
        for writer in self._writers:
            writer.start()

    async def write(self, job: Callable[[StoreSession], Result], *, large: bool = False) -> Result:
        """Run a write in a transaction and return its result after the commit.

        Raises:
            StorageError: no host can be written, too many writes wait, or the commit is uncertain.
            ConstraintError: the write breaks a constraint of the tables. Nothing of it is kept.
        """
        if self.closed:
            raise StorageError("the database is closed", where=self.where)
        if self._jobs.qsize() >= MAX_WAITING_WRITES:
            raise StorageError("too many writes wait", where=self.where)
        waiting = _PoolWrite(job)
        self._jobs.put(waiting, large=large)
        return await asyncio.wrap_future(waiting.promise)

    async def read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Run a query on a consistent view of the committed data.

        Raises:
            StorageError: the database is closed or cannot be read.
        """
        if self.closed:
            raise StorageError("the database is closed", where=self.where)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)

    def announce(self, topic: str) -> None:
        """Tell the listeners of a topic, here and in every process on this database; many calls at once tell once."""
        self._announcements.deliver(topic)
        if topic in self._announced or self.closed:
            return
        self._announced.add(topic)
        asyncio.get_running_loop().call_later(ANNOUNCE_SECONDS, self._tell_others, topic)

    def _tell_others(self, topic: str) -> None:
        self._announced.discard(topic)
        if not self.closed:
            self._jobs.put(_PoolWrite(lambda session: self._listener.announce(session, topic)))

    def listen(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Have a listener called in this event loop when something is announced; gives a function that ends this."""
        self._listener.start()
        return self._announcements.listen(topic, listener)

    async def erase_remains(self) -> bool:
        """Free the space of deleted rows, so that it is used again; PostgreSQL overwrites no page at once.

        Returns:
            False when the server could not do it.
        """
        return await asyncio.to_thread(self._vacuum)

    def waiting(self) -> int:
        """The number of writes that wait for their turn."""
        return self._jobs.qsize()

    async def close(self) -> None:
        """Finish the queued writes, then close."""
        if self.closed:
            return
        self.closed = True
        self._closing.set()
        await asyncio.to_thread(self._listener.stop)
        for _ in self._writers:
            self._jobs.put(None)
        for writer in self._writers:
            await asyncio.to_thread(writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._reading:
            connection.close()

    def _vacuum(self) -> bool:
        try:
            with connect(self._conninfo) as connection:
                connection.execute("VACUUM")
        except psycopg.Error:
            return False
        return True

    def _write_all(self) -> None:
        """A writer thread: one transaction after another until the queue holds None."""
        writer = PostgresWriter(self._conninfo, self.where, self._closing)
        counted = 0
        while (job := self._jobs.get()) is not None:
            if not job.promise.set_running_or_notify_cancel():
                continue
            try:
                job.promise.set_result(writer.write(job.call))
            except Exception as error:  # noqa: BLE001 the caller gets it; the thread goes on
                job.promise.set_exception(error)
            self.retries += writer.retries - counted
            counted = writer.retries
        writer.close()

    def _read(self, query: Callable[[StoreSession], Result]) -> Result:
        """Do a query on this thread's connection; once more on a new one when that was lost."""
        ends = self._clock.monotonic() + RETRY_SECONDS
        while True:
            connection: psycopg.Connection[Any] | None = None
            session: PostgresReadSession | None = None
            try:
                connection = self._reading_connection()
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                session = PostgresReadSession(connection, self.where)
                try:
                    return query(session)
                finally:
                    with contextlib.suppress(psycopg.Error):
                        connection.execute("ROLLBACK")
            except (psycopg.Error, StorageError) as error:
                lost = error if isinstance(error, psycopg.Error) else session.lost if session else None
                if connection is not None and lost is not None:
                    self._drop(connection)
                if isinstance(lost, ReadOnlySqlTransaction):  # a query that writes
                    lost = None
                if lost is None or not is_lost(lost) or self.closed or self._clock.monotonic() > ends:
                    raise error if isinstance(error, StorageError) else unreadable(error, self.where) from error
                self.retries += 1
                self._closing.wait(random.uniform(0.01, 0.2))  # noqa: S311 - so that readers do not come back at once

    def _reading_connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self._conninfo)
            self._reading.add(connection)
        return connection

    def _drop(self, connection: psycopg.Connection[Any]) -> None:
        self._local.connection = None
        self._reading.discard(connection)
        connection.close()


def open_postgres(url: str, where: str, *, create: bool = True) -> PostgresStore:
    """Open a collector's database on PostgreSQL; make its tables or bring them to this version first.

    Args:
        url: a connection string of PostgreSQL; with several hosts the one that can be written is used.
        where: the address as messages show it.
        create: whether tables are made where there are none.

    Raises:
        UsageError: the address cannot be understood.
        StateError: the database cannot be reached, is another program's, is of a newer version or has no tables.
    """
    conninfo = connection_string(url)
    check_tables(conninfo, where, create=create)
    return PostgresStore(conninfo, where)
