"""Transactions that copy a database on PostgreSQL. Whole copies are in test_transfer.py."""

from __future__ import annotations

import pytest

from probe.collector.store.postgres.postgres_tables import check_tables, connection_string
from probe.collector.store.postgres.postgres_transfer import snapshot, write_alone
from probe.errors import StorageError

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def test_a_snapshot_does_not_see_what_is_committed_after_its_first_query(postgres_url: str) -> None:
    """It cannot write."""
    check_tables(connection_string(postgres_url), "test", create=True)
    with snapshot(postgres_url, "test") as reading:
        assert reading.rows("SELECT key FROM meta") == []
        write_alone(postgres_url, "test", lambda session: session.run("INSERT INTO meta VALUES ('a', '')"))
        assert reading.rows("SELECT key FROM meta") == []
        with pytest.raises(StorageError):
            reading.run("DELETE FROM meta")
    with snapshot(postgres_url, "test") as reading:
        assert reading.rows("SELECT key FROM meta") == [("a",)]


def test_a_server_that_does_not_answer_is_a_storage_error() -> None:
    """In one line."""
    with pytest.raises(StorageError, match="cannot be read") as caught, snapshot(NOWHERE, "test"):
        pass
    assert "\n" not in str(caught.value)
