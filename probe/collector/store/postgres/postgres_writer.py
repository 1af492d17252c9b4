"""One connection that writes: transactions, what is tried again, and what a commit must have said to count.

A commit that waits for standbys may be cancelled: the rows are then on the primary alone, which says so in a warning,
and are lost with it. So a commit with a warning is none.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from probe.clock import Clock
from probe.collector.store import ConstraintError, Result, StoreSession
from probe.collector.store.postgres.postgres_session import PostgresSession, first_line
from probe.collector.store.postgres.postgres_tables import connect
from probe.errors import StorageError

RETRY_SECONDS = 5.0
"""How long a write or a query is tried again after a lost connection; then agents are told to come again."""
MAX_CONFLICTS = 20
"""How often a write is run again because another transaction was in its way."""
MAX_REPEATED_KEYS = 3
"""How often a write is run again because a key is stored already: another transaction may have stored it just now."""
COMMIT_SECONDS = 15.0
"""How long a commit waits for the standbys. Then the wait is cancelled, and the write is not acknowledged."""
RETRY_LOCK = 0x70726F63
"""The advisory lock of transactions that run again."""
MAX_DELAY_SECONDS = 0.5
"""Between two attempts. The delay doubles, and is random so that two transactions do not meet again."""
SETTINGS = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '60s'"
"""A process that is stopped in a transaction holds up the others for a minute at most."""
LOST_STATES = frozenset({"25006", "25P03", "53300", "57P01", "57P02", "57P03", "57P05"})
"""SQLSTATEs after which another connection may work: the server shuts down, is a standby, or has too many connections.
Those of class 08 (connection exceptions) are so, too."""


class UncertainCommitError(StorageError):
    """The commit was cut off or not replicated: the write may have been kept, or not."""


class PostgresWriter:
    """A connection for writes, opened when it is needed and again after it was lost.

    Args:
        conninfo: of the database.
        where: the address as messages show it.
        closing: ends the delays between attempts.

    Attributes:
        retries: how often a write was run again.
    """

    def __init__(self, conninfo: str, where: str, closing: threading.Event) -> None:
        self.retries = 0
        self._conninfo = conninfo
        self._where = where
        self._closing = closing
        self._clock = Clock()
        self._connection: psycopg.Connection[Any] | None = None
        self._selector: BaseSelector | None = None
        self._warnings: list[str] = []

    def write(self, job: Callable[[StoreSession], Result]) -> Result:
        """Run a write in a transaction until it is committed.

        Raises:
            StorageError: the server cannot write, or the commit is uncertain.
            ConstraintError: the write breaks a constraint of the tables.
        """
        ends = self._clock.monotonic() + RETRY_SECONDS
        attempts = conflicts = 0
        while True:
            try:
                return self._attempt(job, alone=conflicts > 0)
            except psycopg.Error as error:
                lost = is_lost(error)
                if lost:
                    self.close()
                attempts += 1
                conflicts += is_conflict(error)
                if isinstance(error, errors.UniqueViolation) and attempts <= MAX_REPEATED_KEYS:
                    pass
                elif isinstance(error, psycopg.IntegrityError):
                    raise ConstraintError(first_line(error)) from error
                elif not (
                    (is_conflict(error) and attempts <= MAX_CONFLICTS) or (lost and self._clock.monotonic() < ends)
                ):
                    raise self._unwritable(error) from error
            self.retries += 1
            self._closing.wait(random.uniform(0.0, min(MAX_DELAY_SECONDS, 0.004 * 2**attempts)))  # noqa: S311

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._selector is not None:
            self._selector.close()
            self._selector = None

    def _attempt(self, job: Callable[[StoreSession], Result], *, alone: bool) -> Result:
        """Run a write once; with `alone` one at a time among those that met a conflict, lest they meet again."""
        connection = self._open()
        try:
            connection.execute("BEGIN")
            if alone:
                connection.execute(f"SELECT pg_advisory_xact_lock({RETRY_LOCK})")
            result = job(PostgresSession(connection))
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            raise
        self._commit(connection)
        return result

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = connect(self._conninfo)
            connection.add_notice_handler(self._heed)
            connection.execute(SETTINGS)
            self._selector = DefaultSelector()
            self._selector.register(connection.pgconn.socket, EVENT_READ)
            self._connection = connection
        return self._connection

    def _heed(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "")

    def _commit(self, connection: psycopg.Connection[Any]) -> None:
        """Commit; return once the transaction is stored where the server was told to store it.

        Raises:
            psycopg.Error: the server refused; nothing was stored.
            StorageError: the commit is uncertain, or was none.
        """
        self._warnings.clear()
        try:
            answer = self._answer_to_commit(connection)
        except psycopg.Error as error:
            self.close()
            raise UncertainCommitError("the connection was lost during the commit", where=self._where) from error
        if answer.status != ExecStatus.COMMAND_OK:
            refusal = errors.error_from_result(answer)
            if is_lost(refusal):
                self.close()
                raise UncertainCommitError("the connection was lost during the commit", where=self._where) from refusal
            raise refusal
        if self._warnings:
            raise UncertainCommitError(f"the commit is not replicated ({self._warnings[0]})", where=self._where)
        if answer.command_status != b"COMMIT":
            raise StorageError("nothing was committed: an error in the transaction was passed over", where=self._where)

    def _answer_to_commit(self, connection: psycopg.Connection[Any]) -> PGresult:
        """Send COMMIT; its answer. After `COMMIT_SECONDS` the server is asked to give up waiting for its standbys.

        No setting of the server bounds this wait: its time-outs end before it begins.

        Raises:
            psycopg.Error: the connection was lost.
        """
        assert self._selector is not None  # noqa: S101 - `_open` made it with the connection
        raw = connection.pgconn
        raw.send_query(b"COMMIT")
        raw.flush()
        given_up = False
        while raw.is_busy():
            if not self._selector.select(COMMIT_SECONDS):
                if given_up:
                    raise psycopg.OperationalError("the server does not answer")
                given_up = True
                connection.cancel_safe(timeout=COMMIT_SECONDS)
                continue
            raw.consume_input()
        answer = raw.get_result()
        while raw.get_result() is not None:
            pass
        if answer is None:
            raise psycopg.OperationalError("the connection is closed")
        return answer

    def _unwritable(self, error: psycopg.Error) -> StorageError:
        return StorageError(f"cannot be written ({first_line(error)})", where=self._where, mend="see PostgreSQL's log")


def is_conflict(error: psycopg.Error) -> bool:
    """Whether another transaction was in the way, so that the same write may succeed now."""
    return isinstance(error, errors.SerializationFailure | errors.DeadlockDetected)


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection, or its use for writing, was lost."""
    if isinstance(error, psycopg.InterfaceError):
        return True
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state in LOST_STATES or state.startswith("08")
