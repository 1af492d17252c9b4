"""Remembers the last checkpoint that a log published, in a file outside the database.

A database that is restored from a backup has forgotten what was published since. To sign another history then would be
a fork: two signed checkpoints that contradict each other, which is what the log exists to make impossible. So the file
is written before a checkpoint is served, and nothing is signed or served that does not continue what it remembers.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from probe.collector.log.tree_reader import root_at
from probe.collector.store import StoreSession
from probe.collector.store.database_url import sqlite_path
from probe.collector.store.log_tables import LogHead
from probe.errors import RecordError, StateError, StorageError
from probe.formats.checkpoint import Checkpoint, unverified
from probe.formats.signed_note import MAX_NOTE_BYTES

VARIABLE = "PROBE_COLLECTOR_CHECKPOINT"
"""The environment variable that names the file; a database file has one beside it anyway."""
MEND = "see `The log after a restore` in docs/operations.md"


class CheckpointMemory:
    """The last checkpoint that was published.

    Args:
        path: the file; None remembers for the life of the process only.

    Attributes:
        path: as given.
        known: the checkpoint; None when none was published.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: Checkpoint | None = None
        self._read = False

    def load(self) -> None:
        """Read the file, once.

        Raises:
            StateError: it cannot be read or is no checkpoint.
        """
        if self._read or self.path is None:
            return
        try:
            with self.path.open("rb") as file:
                self.known = unverified(file.read(MAX_NOTE_BYTES + 1))
        except FileNotFoundError:
            pass
        except (OSError, RecordError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StateError(f"cannot be read as a checkpoint ({reason})", where=str(self.path), mend=MEND) from error
        self._read = True

    def keep(self, note: bytes) -> None:
        """Remember a checkpoint, durably, before it is served.

        Raises:
            StorageError: the file cannot be written.
        """
        found = unverified(note)
        if self.known is not None and found.size <= self.known.size:
            return
        if self.path is not None:
            _write(self.path, note)
        self.known = found

    def check(self, session: StoreSession, head: LogHead) -> None:
        """Return if the log in the database continues what was published.

        Raises:
            StateError: it has fewer entries, others, or is another log.
        """
        if self.known is None:
            return
        where = str(self.path or "the log")
        if self.known.origin != head.origin:
            raise StateError(f"remembers a checkpoint of another log, {self.known.origin}", where=where, mend=MEND)
        if head.size < self.known.size:
            raise StateError(
                f"the log in the database has {head.size} entries, and {self.known.size} were published: the database"
                " is older than what was published, and nothing is signed",
                where=where,
                mend=MEND,
            )
        if root_at(session, head.no, self.known.size) != self.known.root:
            raise StateError(
                f"the first {self.known.size} entries of the log in the database are not those that were published:"
                " nothing is signed",
                where=where,
                mend=MEND,
            )


def memory_file_of(db: Path | str) -> Path | None:
    """The file that remembers the checkpoint of the log in a database; None where nothing names one."""
    named = os.environ.get(VARIABLE, "")
    if named:
        return Path(named)
    path = sqlite_path(db)
    return None if path is None or str(path) == ":memory:" else path.with_name(f"{path.name}.checkpoint")


def _write(path: Path, note: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with draft.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise StorageError(f"cannot be written ({error.strerror})", where=str(path), mend="make room") from error
