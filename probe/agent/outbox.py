"""The agent's state and what waits to be sent: one SQLite file, one transaction a round.

What a round learned (the detector's state) and what it has to say (batches) are written together or not at all. A crash
before that repeats a round; a crash after it loses nothing. Batches are numbered 1, 2, .. without gaps within an epoch,
a random name of this outbox's history. They are kept for a week after they were acknowledged, so that a collector
that lost its last hours can ask for them again (`rewind`). Where the two histories no longer fit, a new epoch
begins (`restart`).
"""

from __future__ import annotations

import gzip
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from types import TracebackType

import msgspec

from probe.errors import StateError, StorageError
from probe.formats import batch as batches
from probe.formats.batch import Batch

STATE_FILE = "state.sqlite"
ACKNOWLEDGED_RETENTION_SECONDS = 7 * 86400
"""How long acknowledged batches are kept for a rewind."""

MIGRATIONS = (
    """
    CREATE TABLE kept (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch TEXT NOT NULL, next INTEGER NOT NULL,  -- the number the next batch gets
        detector BLOB, vantage TEXT NOT NULL,        -- the vantage's state as last reported
        measured TEXT NOT NULL                       -- JSON: range -> end of its last measurement
    ) STRICT;
    CREATE TABLE batch (
        seq INTEGER PRIMARY KEY,
        agent TEXT NOT NULL,                         -- empty until the agent is enrolled
        body BLOB NOT NULL,                          -- gzip of the JSON that is signed
        acked INTEGER                                -- Unix seconds; NULL while it waits
    ) STRICT;
    CREATE INDEX batch_waiting ON batch (seq) WHERE acked IS NULL;
    CREATE TABLE told (target TEXT PRIMARY KEY, time INTEGER NOT NULL, facts TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
)
"""Scripts, each run once, in order; how many have been run is in the file's `user_version`."""


class UnsentBatch(msgspec.Struct, frozen=True):
    """A batch to send: the number and the bytes of its JSON, compressed."""

    seq: int
    compressed: bytes

    @property
    def body(self) -> bytes:
        """The JSON that is signed."""
        return gzip.decompress(self.compressed)


class LastReport(msgspec.Struct, frozen=True):
    """What was said of a target in this epoch, and when (Unix seconds)."""

    time: int
    facts: str


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """What one round hands to the next.

    Attributes:
        detector: its dump; None before the first round.
        vantage: the vantage's state as last reported.
        measured: range -> end of its last measurement.
    """

    detector: bytes | None = None
    vantage: str = ""
    measured: dict[str, datetime] = {}


class Outbox:
    """An open state file. Close it, or use it in `with`.

    Args:
        path: of the file; made when it is not there.
        max_pages: for tests: a disk of so many pages.

    Raises:
        StateError: the file is of a newer version, locked or broken.
        StorageError: it cannot be written.
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
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        try:
            with self._clear_errors():
                self._prepare(max_pages)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, max_pages: int) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StateError(
                f"state of version {version}, and this program knows {len(MIGRATIONS)}",
                where=str(self._path),
                mend="run the newer program, or move the file away to begin anew",
            )
        if max_pages:
            self._db.execute(f"PRAGMA max_page_count = {max_pages:d}")
        # An acknowledgement or a transition must outlive a power cut: NORMAL would not do in WAL mode.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        for number in range(version, len(MIGRATIONS)):
            self._db.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1:d}; COMMIT;"
            )
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO kept (id, epoch, next, vantage, measured) VALUES (1, ?, 1, '', '{}')",
                (token_hex(8),),
            )

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # What rounds read and write

    def agent_state(self) -> AgentState:
        """What the last round left."""
        with self._clear_errors():
            detector, vantage, measured = self._db.execute("SELECT detector, vantage, measured FROM kept").fetchone()
        return AgentState(
            detector=detector, vantage=vantage, measured=msgspec.json.decode(measured, type=dict[str, datetime])
        )

    def last_reports(self) -> dict[str, LastReport]:
        """Target -> what was said of it in this epoch."""
        with self._clear_errors():
            return {
                row[0]: LastReport(row[1], row[2]) for row in self._db.execute("SELECT target, time, facts FROM told")
            }

    def commit(
        self,
        state: AgentState,
        drafts: Sequence[Batch],
        *,
        agent: str,
        reports: Mapping[str, LastReport],
        now: datetime,
        notes: Mapping[str, object] | None = None,
    ) -> None:
        """Write a round, whole or not at all.

        Args:
            state: for the next round.
            drafts: batches without agent, epoch and number, in order.
            agent: id given at enrolment; empty when there was none yet.
            reports: what the drafts say of targets.
            now: to forget what was acknowledged a week before.
            notes: for `probe doctor`.

        Raises:
            StorageError: the disk is full or cannot be written; nothing has changed.
        """
        with self._clear_errors(), self._transaction():
            epoch, seq = self._db.execute("SELECT epoch, next FROM kept").fetchone()
            for draft in drafts:
                self._insert(msgspec.structs.replace(draft, agent=agent, epoch=epoch, seq=seq))
                seq += 1
            measured = msgspec.json.encode(state.measured).decode()
            self._db.execute(
                "UPDATE kept SET next = ?, detector = ?, vantage = ?, measured = ?",
                (seq, state.detector, state.vantage, measured),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO told (target, time, facts) VALUES (?, ?, ?)",
                [(target, said.time, said.facts) for target, said in reports.items()],
            )
            self._db.execute(
                "DELETE FROM batch WHERE acked < ?", (int(now.timestamp()) - ACKNOWLEDGED_RETENTION_SECONDS,)
            )
            self._note(notes or {})

    def _insert(self, batch: Batch) -> None:
        body = gzip.compress(batches.encode(batch), 6, mtime=0)
        self._db.execute("INSERT INTO batch (seq, agent, body) VALUES (?, ?, ?)", (batch.seq, batch.agent, body))

    # What the uplink reads and writes

    def unsent_count(self) -> int:
        """How many batches wait."""
        with self._clear_errors():
            return int(self._db.execute("SELECT count(*) FROM batch WHERE acked IS NULL").fetchone()[0])

    def next_unsent(self) -> UnsentBatch | None:
        """The batch to send next; None when none waits."""
        with self._clear_errors():
            row = self._db.execute("SELECT seq, body FROM batch WHERE acked IS NULL ORDER BY seq LIMIT 1").fetchone()
        return None if row is None else UnsentBatch(*row)

    def acknowledge(self, seq: int, now: datetime) -> None:
        """The collector keeps everything up to this number."""
        with self._clear_errors(), self._transaction():
            self._db.execute("UPDATE batch SET acked = ? WHERE acked IS NULL AND seq <= ?", (int(now.timestamp()), seq))

    def rewind(self, expected: int, now: datetime) -> bool:
        """Send again from this number; False when it is not ours to send, and only a new epoch helps."""
        with self._clear_errors(), self._transaction():
            held = self._db.execute("SELECT count(*) FROM batch WHERE seq >= ?", (expected,)).fetchone()[0]
            following = self._db.execute("SELECT next FROM kept").fetchone()[0]
            if not 1 <= expected <= following or held != following - expected:
                return False
            self._db.execute("UPDATE batch SET acked = NULL WHERE seq >= ?", (expected,))
            self._db.execute(
                "UPDATE batch SET acked = ? WHERE seq < ? AND acked IS NULL", (int(now.timestamp()), expected)
            )
        return True

    def start_new_epoch(self) -> None:
        """Begin a new epoch: what waits is numbered from 1 again, and everything settled will be told anew."""
        with self._clear_errors(), self._transaction():
            epoch = token_hex(8)
            rows = self._db.execute("SELECT body FROM batch WHERE acked IS NULL ORDER BY seq").fetchall()
            self._db.execute("DELETE FROM batch")
            self._db.execute("DELETE FROM told")
            self._db.execute("UPDATE kept SET epoch = ?, next = ?", (epoch, len(rows) + 1))
            for seq, (body,) in enumerate(rows, 1):
                batch = batches.decode(gzip.decompress(body))
                self._insert(msgspec.structs.replace(batch, epoch=epoch, seq=seq))

    def drop_content(self, seq: int) -> None:
        """Keep the number and the round of a batch, and drop what else it says."""
        with self._clear_errors(), self._transaction():
            (body,) = self._db.execute("SELECT body FROM batch WHERE seq = ?", (seq,)).fetchone()
            batch = batches.decode(gzip.decompress(body))
            bare = msgspec.structs.replace(batch, settled=(), changes=(), services={}, control=())
            self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))
            self._insert(bare)

    def assign_agent(self, agent: str) -> None:
        """Put the id given at enrolment into batches that were made before it, or under another; none was ever sent.

        Batches made under another id belong to a history the new one does not continue: a new epoch begins for them.
        """
        with self._clear_errors():
            others = self._db.execute("SELECT DISTINCT agent FROM batch WHERE agent <> ?", (agent,)).fetchall()
        if any(name for (name,) in others):
            self.start_new_epoch()
        with self._clear_errors(), self._transaction():
            rows = self._db.execute("SELECT seq, body FROM batch WHERE agent <> ?", (agent,)).fetchall()
            for seq, body in rows:
                batch = batches.decode(gzip.decompress(body))
                self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))
                self._insert(msgspec.structs.replace(batch, agent=agent))

    # What people read

    def write_notes(self, **values: object) -> None:
        """Write down something for `probe doctor`."""
        with self._clear_errors(), self._transaction():
            self._note(values)

    def notes(self) -> dict[str, object]:
        """Everything written down."""
        with self._clear_errors():
            return {name: msgspec.json.decode(text) for name, text in self._db.execute("SELECT name, value FROM note")}

    def _note(self, values: Mapping[str, object]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)",
            [(name, msgspec.json.encode(value).decode()) for name, value in values.items()],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into one clear line each."""
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


def read_notes(path: Path) -> dict[str, object]:
    """What is written down in a state file that another process may be using, and how many batches wait (`waiting`).

    Raises:
        StateError: there is no state, or it cannot be read.
    """
    if not path.is_file():
        raise StateError("no state yet", where=str(path), mend="start `probe run`")
    with closing(Outbox(path)) as outbox:
        return outbox.notes() | {"waiting": outbox.unsent_count()}
