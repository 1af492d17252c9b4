"""The agent's state file: one SQLite database, its schema, its migrations, and its errors as one clear line each."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import msgspec

from probe.errors import StateError, StorageError

STATE_FILE = "state.sqlite"
MAX_IDLE_WAL_BYTES = 4 * 1024 * 1024
"""SQLite truncates the write-ahead log to this size after a checkpoint; a large transaction may need more meanwhile."""

MIGRATIONS = (
    """
    CREATE TABLE kept (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch TEXT NOT NULL, next INTEGER NOT NULL,  -- sequence number of the next batch
        detector BLOB, vantage TEXT NOT NULL,        -- state of the vantage as last reported
        measured TEXT NOT NULL                       -- JSON: range -> end of its last measurement
    ) STRICT;
    CREATE TABLE batch (
        seq INTEGER PRIMARY KEY,
        agent TEXT NOT NULL,                         -- empty until the agent is enrolled
        body BLOB NOT NULL,                          -- gzip of the JSON that is signed
        acked INTEGER                                -- Unix seconds of the acknowledgement; NULL while unsent
    ) STRICT;
    CREATE INDEX batch_waiting ON batch (seq) WHERE acked IS NULL;
    CREATE TABLE told (target TEXT PRIMARY KEY, time INTEGER NOT NULL, facts TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
    """
    ALTER TABLE kept RENAME TO agent_state;
    ALTER TABLE told RENAME TO last_report;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        agent TEXT NOT NULL,                         -- id under which batches are made; empty before enrolment
        bytes INTEGER NOT NULL                       -- size of all batches
    ) STRICT;
    INSERT INTO outbox
        SELECT 1, CASE WHEN count(DISTINCT agent) = 1 THEN min(agent) ELSE '' END, coalesce(sum(length(body)), 0)
        FROM batch;
    ALTER TABLE batch ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0; -- what was dropped from it (`batch_table.Dropped`)
    CREATE INDEX batch_droppable ON batch (dropped, seq) WHERE acked IS NULL;
    CREATE TRIGGER batch_added AFTER INSERT ON batch BEGIN
        UPDATE outbox SET bytes = bytes + length(NEW.body);
    END;
    CREATE TRIGGER batch_removed AFTER DELETE ON batch BEGIN
        UPDATE outbox SET bytes = bytes - length(OLD.body);
    END;
    """,
    """
    ALTER TABLE agent_state ADD COLUMN looks BLOB;  -- the look book (`look_book`); NULL before the first round
    """,
    """
    CREATE TABLE status_change (                     -- the local history (`verdict_history`); times in milliseconds
        target TEXT NOT NULL, kind TEXT NOT NULL, time INTEGER NOT NULL,
        status TEXT NOT NULL, causes TEXT NOT NULL,
        onset INTEGER NOT NULL, before_watch INTEGER NOT NULL,
        PRIMARY KEY (target, kind, time)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX status_change_time ON status_change (time);
    CREATE TABLE last_evidence (
        target TEXT NOT NULL PRIMARY KEY, time INTEGER NOT NULL, size INTEGER NOT NULL,
        body BLOB NOT NULL                           -- zlib of the verdict's JSON
    ) STRICT;
    CREATE INDEX last_evidence_time ON last_evidence (time, size);
    """,
    """
    CREATE TABLE round_copy (                        -- what further collectors' outboxes have not taken (`copy_table`)
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL, body BLOB NOT NULL
    ) STRICT;
    """,
)
"""Scripts, each run once, in order. The file's `user_version` is the number of scripts that have been run."""


class StateFile:
    """An open state file.

    Args:
        path: of the file; it is created when it does not exist.
        max_pages: pages that the file may have, for tests of a full disk; 0: no limit.

    Attributes:
        connection: in autocommit mode; use it inside `errors()`.

    Raises:
        StateError: a newer version wrote the file, another process has locked it, or it is damaged.
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, *, max_pages: int = 0) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StorageError(
                f"cannot be written: {error.strerror}", where=str(path), mend="name another folder: [agent] state"
            ) from error
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        try:
            with self.errors():
                self._prepare(max_pages)
        except BaseException:
            self.connection.close()
            raise

    def _prepare(self, max_pages: int) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StateError(
                f"state of version {version}, and this program knows {len(MIGRATIONS)}",
                where=str(self._path),
                mend="run the newer program, or move the file away to begin anew",
            )
        if max_pages:
            self.connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
        # FULL: in WAL mode NORMAL could lose an acknowledgement or a transition in a power cut.
        self.connection.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {MAX_IDLE_WAL_BYTES:d};"
        )
        for number in range(version, len(MIGRATIONS)):
            self.connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1:d}; COMMIT;"
            )
        with self.transaction():
            self.connection.execute(
                "INSERT OR IGNORE INTO agent_state (id, epoch, next, vantage, measured) VALUES (1, ?, 1, '', '{}')",
                (token_hex(8),),
            )

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def write_notes(self, notes: Mapping[str, object]) -> None:
        """Replace these notes; call it inside a transaction."""
        self.connection.executemany(
            "INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)",
            [(name, msgspec.json.encode(value).decode()) for name, value in notes.items()],
        )

    def notes(self) -> dict[str, object]:
        """All notes: name -> value."""
        with self.errors():
            rows = self.connection.execute("SELECT name, value FROM note").fetchall()
        return {name: msgspec.json.decode(text) for name, text in rows}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, whole or not at all."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise SQLite's errors as `StateError` or `StorageError`."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            where = str(self._path)
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StateError("in use by another process", where=where, mend="wait for it, or stop it") from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise StateError(f"broken: {error}", where=where, mend="move it away to begin anew") from error
            if code == sqlite3.SQLITE_FULL:
                raise StorageError("the disk is full", where=where, mend="free some space; nothing is lost") from error
            raise StorageError(f"cannot be written: {error}", where=where, mend="look at the disk") from error
