"""Queries for sets of keys."""

from __future__ import annotations

import pytest

from probe.collector.store.key_sets import MAX_KEYS, rows_in
from probe.collector.store.sqlite.sqlite_store import SqliteSession, open_sqlite


@pytest.mark.parametrize("count", [0, 1, 2, 5, 17, 65, MAX_KEYS, MAX_KEYS + 1, 3 * MAX_KEYS])
def test_every_key_is_found_once_whatever_the_size_of_the_set(count: int) -> None:
    """The key that fills a slice up gives no second row."""
    store = open_sqlite(":memory:")
    session = SqliteSession(store._connection)
    texts = [f"t{number:04}" for number in range(count)]
    session.many("INSERT INTO target (text, service) VALUES (?, ?)", [(text, "S") for text in texts])
    session.many("INSERT INTO target (text, service) VALUES (?, ?)", [("other", "S"), ("t0000x", "Z")])

    found = rows_in(session, "SELECT text FROM target WHERE service = ? AND text IN", texts, ("S",))

    assert sorted(row[0] for row in found) == texts
    store._jobs.put(None)
    store._writer.join()
    store._connection.close()
