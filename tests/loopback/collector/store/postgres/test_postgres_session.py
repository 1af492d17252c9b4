"""Statements and values as PostgreSQL gets them."""

from __future__ import annotations

import pytest

from probe.collector.store.postgres.postgres_session import PostgresSession, adapt_values, numbered
from probe.collector.store.postgres.postgres_tables import connect, connection_string
from probe.model.verdict import Status


@pytest.mark.parametrize(
    ("sql", "rewritten"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT ?", "SELECT $1"),
        ("INSERT INTO t VALUES (?, ?, '%')", "INSERT INTO t VALUES ($1, $2, '%')"),
    ],
)
def test_question_marks_become_numbered_parameters(sql: str, rewritten: str) -> None:
    """A per cent sign means itself."""
    assert numbered(sql) == rewritten


def test_values_of_every_type_are_sent_and_read(postgres_url: str) -> None:
    """Small numbers are BIGINT as large ones are, flags are numbers, and a word of a closed vocabulary is text."""
    with connect(connection_string(postgres_url)) as connection:
        adapt_values(connection)
        session = PostgresSession(connection)

        assert session.row("SELECT CAST(pg_typeof(?) AS TEXT), CAST(pg_typeof(?) AS TEXT)", 1, True) == (
            "bigint",
            "bigint",
        )
        assert session.row("SELECT CAST(? AS TEXT), ?, ?", Status.BLOCKED, b"\0\xff", None) == (
            "blocked",
            b"\0\xff",
            None,
        )
        assert session.row("SELECT sum(n), avg(n), count(*) FROM unnest(ARRAY[1, 2]) AS n") == (3, 1.5, 2)
        assert session.row("SELECT 1 WHERE ? = ''", "x") is None
