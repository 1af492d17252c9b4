"""The table of rounds that the state file holds for further collectors until their own outboxes have them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence


class CopyTable:
    """Rows in the order they were written. Their numbers are never used again, so that each row is taken once.

    Args:
        connection: to the state file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, copies: Sequence[tuple[str, bytes]]) -> None:
        """Add rows, each with the origin of its collector; call it inside a transaction."""
        self._db.executemany("INSERT INTO round_copy (origin, body) VALUES (?, ?)", copies)

    def of(self, origin: str) -> Iterator[tuple[int, bytes]]:
        """Number and content of the rows for a collector, in order; read one at a time."""
        numbers = self._db.execute("SELECT n FROM round_copy WHERE origin = ? ORDER BY n", (origin,)).fetchall()
        for (number,) in numbers:
            yield number, self._db.execute("SELECT body FROM round_copy WHERE n = ?", (number,)).fetchone()[0]

    def delete(self, number: int) -> None:
        """Delete a row that its collector's outbox has."""
        self._db.execute("DELETE FROM round_copy WHERE n = ?", (number,))

    def keep_only(self, origins: Collection[str]) -> None:
        """Delete the rows for collectors that are no longer in the settings."""
        found = self._db.execute("SELECT DISTINCT origin FROM round_copy").fetchall()
        self._db.executemany("DELETE FROM round_copy WHERE origin = ?", [row for row in found if row[0] not in origins])
