"""Queries for a set of keys, in few statements whatever its size."""

from __future__ import annotations

from collections.abc import Collection

from probe.collector.store import Row, StoreSession, Value

MAX_KEYS = 512
"""Keys in one statement; a set that is larger is read in slices."""
_SIZES = (1, 4, 16, 64, MAX_KEYS)
"""Numbers of placeholders. A slice is filled up with its last key, so that an engine prepares only these statements."""


def rows_in(
    session: StoreSession, sql: str, keys: Collection[Value], values: tuple[Value, ...] = (), *, end: str = ""
) -> list[Row]:
    """All rows of a query whose condition ends with `IN` and these keys.

    Args:
        session: the transaction.
        sql: the query up to `IN`.
        keys: in any order; none gives no rows.
        values: of the placeholders before the keys.
        end: follows the keys.
    """
    found: list[Row] = []
    ordered = list(keys)
    for start in range(0, len(ordered), MAX_KEYS):
        part = ordered[start : start + MAX_KEYS]
        size = next(size for size in _SIZES if size >= len(part))
        part += [part[-1]] * (size - len(part))
        marks = ", ".join("?" * size)
        found += session.rows(f"{sql} ({marks}) {end}", *values, *part)
    return found
