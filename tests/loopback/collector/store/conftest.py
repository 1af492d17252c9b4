"""The engines that every test of the store runs on: SQLite, one PostgreSQL, and a cluster of three where one is given.

`PROBE_TEST_CLUSTER=postgresql://host1,host2,host3/postgres` names a running cluster whose user may create databases.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from probe.collector.store import Store, StoreSession
from probe.collector.store.database_url import open_store
from probe.collector.store.postgres.postgres_session import PostgresSession
from probe.collector.store.postgres.postgres_tables import check_tables, connect, connection_string
from probe.collector.store.sqlite import sqlite_file
from probe.collector.store.sqlite.sqlite_store import SqliteSession

CLUSTER = os.environ.get("PROBE_TEST_CLUSTER", "")
ENGINES = ("sqlite", "postgres", "cluster") if CLUSTER else ("sqlite", "postgres")
NUMBERED = ("agent", "target", "network")
"""The tables whose rows the engine numbers."""


@contextmanager
def database_of_cluster() -> Iterator[str]:
    """The address of a new database of the cluster."""
    conninfo = connection_string(CLUSTER)
    name = f"test_{uuid4().hex}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield urlsplit(CLUSTER)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine."""
    return str(request.param)


@pytest.fixture
def store_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without tables, or of a file that is not there."""
    if engine == "sqlite":
        yield str(tmp_path / "c.db")
    elif engine == "postgres":
        yield request.getfixturevalue("postgres_url")
    else:
        with database_of_cluster() as url:
            yield url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An empty database."""
    opened = open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def postgres_tables(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """A function that gives the connection string of one database with tables, for tests that roll back."""
    with ExitStack() as stack:

        @cache
        def make() -> str:
            if CLUSTER:
                conninfo = connection_string(stack.enter_context(database_of_cluster()))
            else:
                server = request.getfixturevalue("postgres_server")
                conninfo = connection_string(stack.enter_context(server.database()))
            check_tables(conninfo, "test", create=True)
            return conninfo

        yield make


@pytest.fixture
def session(engine: str, request: pytest.FixtureRequest) -> Iterator[StoreSession]:
    """A transaction in an empty database."""
    if engine == "sqlite":
        with closing(sqlite_file.connect(Path(":memory:"))) as memory:
            sqlite_file.migrate(memory, Path(":memory:"))
            yield SqliteSession(memory)
        return
    if engine == "postgres" and CLUSTER:
        pytest.skip("the cluster takes the place of the one server")
    with connect(request.getfixturevalue("postgres_tables")()) as connection:
        connection.execute("BEGIN")
        for table in NUMBERED:
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN no RESTART")
        yield PostgresSession(connection)
        connection.execute("ROLLBACK")
