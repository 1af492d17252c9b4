"""The table of batches in the state file: rows in the order of their sequence numbers, with the size of all of them."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from enum import IntEnum

import msgspec

from probe.formats import batch as batches
from probe.formats.batch import Batch


class Dropped(IntEnum):
    """What was dropped from an unsent batch to keep the outbox within its bound. The numbers are stored."""

    NOTHING = 0
    EVIDENCE = 1
    """Verdicts: of changes, and those of a control."""
    ALL_BUT_TRANSITIONS = 2


class BatchRow(msgspec.Struct, frozen=True):
    """A batch in the table, decoded."""

    batch: Batch
    dropped: Dropped


class BatchTable:
    """Reads and writes rows inside the caller's transaction.

    Args:
        connection: to the state file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def total_bytes(self) -> int:
        """The size of all batches. Triggers keep the sum, so that no row is read for it."""
        return int(self._db.execute("SELECT bytes FROM outbox").fetchone()[0])

    def insert(self, batch: Batch, dropped: Dropped = Dropped.NOTHING) -> None:
        """Add an unsent batch."""
        body = gzip.compress(batches.encode(batch), 6, mtime=0)
        self._db.execute(
            "INSERT INTO batch (seq, agent, body, dropped) VALUES (?, ?, ?, ?)",
            (batch.seq, batch.agent, body, dropped),
        )

    def replace(self, seq: int, batch: Batch, dropped: Dropped) -> None:
        """Put an unsent batch in the place of another; its number may differ, and must be free then."""
        self.delete(seq)
        self.insert(batch, dropped)

    def delete(self, seq: int) -> None:
        """Delete a batch."""
        self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))

    def get(self, seq: int) -> BatchRow:
        """The batch of this number, which must exist."""
        return _decoded(self._db.execute("SELECT body, dropped FROM batch WHERE seq = ?", (seq,)).fetchone())

    def unsent(self) -> Iterator[BatchRow]:
        """The unsent batches in order, read one at a time; the caller may replace or delete each."""
        numbers = self._db.execute("SELECT seq FROM batch WHERE acked IS NULL ORDER BY seq").fetchall()
        for (seq,) in numbers:
            yield self.get(seq)

    def oldest_unsent(self, dropped: Dropped) -> BatchRow | None:
        """The oldest unsent batch from which just this was dropped."""
        row = self._db.execute(
            "SELECT body, dropped FROM batch WHERE acked IS NULL AND dropped = ? ORDER BY seq LIMIT 1", (dropped,)
        ).fetchone()
        return None if row is None else _decoded(row)

    def delete_oldest_acknowledged(self) -> bool:
        """Delete one batch; False when none is acknowledged. Acknowledged batches precede all unsent ones."""
        row = self._db.execute("SELECT seq, acked FROM batch ORDER BY seq LIMIT 1").fetchone()
        if row is None or row[1] is None:
            return False
        self.delete(row[0])
        return True


def _decoded(row: tuple[bytes, int]) -> BatchRow:
    return BatchRow(batches.decode(gzip.decompress(row[0])), Dropped(row[1]))
