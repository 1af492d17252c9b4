"""The tables on PostgreSQL: versions, refusals, addresses."""

from __future__ import annotations

import psycopg
import pytest

from probe.collector.store.postgres.postgres_tables import VERSION, check_tables, connection_string
from probe.errors import ExitStatus, StateError, UsageError


def test_a_database_of_a_newer_version_is_refused_in_one_line(postgres_url: str) -> None:
    """A rolling upgrade ends with the newest program."""
    check_tables(connection_string(postgres_url), "test", create=True)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE probe_collector SET version = version + 1")

    with pytest.raises(StateError, match=f"is of version {VERSION + 1}, this program knows {VERSION}") as caught:
        check_tables(connection_string(postgres_url), "test", create=True)
    assert caught.value.status is ExitStatus.USAGE
    assert "\n" not in str(caught.value)


def test_another_program_s_database_is_refused_and_not_changed(postgres_url: str) -> None:
    """Its tables stay alone."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")

    with pytest.raises(StateError, match="is not a collector's database"):
        check_tables(connection_string(postgres_url), "test", create=True)
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("theirs",)]


def test_tables_may_be_in_a_schema_of_their_own(postgres_url: str) -> None:
    """A server's database may hold other programs' tables in other schemas."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")
        connection.execute("CREATE SCHEMA ours")
    url = f"{postgres_url}?options=-csearch_path%3Dours"

    check_tables(connection_string(url), "test", create=True)
    check_tables(connection_string(url), "test", create=False)


def test_a_server_that_does_not_answer_is_reported_in_one_line() -> None:
    """Without a traceback."""
    with pytest.raises(StateError, match="cannot be opened") as caught:
        check_tables(connection_string("postgresql://nobody@127.0.0.1:1/none"), "test", create=True)
    assert "\n" not in str(caught.value)


def test_an_address_that_cannot_be_understood_is_a_usage_error() -> None:
    """It says how an address is written."""
    with pytest.raises(UsageError, match="write postgresql://"):
        connection_string("postgresql://host:port:port/x?nonsense")


def test_what_the_address_says_goes_before_the_defaults() -> None:
    """With several hosts the one that can be written is used, unless the operator wants another."""
    given = connection_string("postgresql://a,b/x?connect_timeout=60")
    assert "connect_timeout=60" in given
    assert "target_session_attrs=read-write" in given
    assert "target_session_attrs=any" in connection_string("postgresql://a,b/x?target_session_attrs=any")
