"""Connections to a collector's database on PostgreSQL, and the version of its tables."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from probe.collector.store.migrations import migrations_in, statements
from probe.collector.store.postgres.postgres_session import adapt_values, first_line
from probe.errors import StateError, UsageError

MIGRATIONS = migrations_in("probe.collector.store.postgres")
VERSION = MIGRATIONS[-1][0]
"""Version of the tables: the number of the last migration."""
OLDEST_SERVER = 15
ADVISORY_LOCK = 0x70726F62
"""`prob`: held while tables are made, so that two collectors that start at once do not both make them."""
CONNECT_SECONDS = 5
DEFAULTS: dict[str, str | int] = {
    "application_name": "probe-collector",
    "connect_timeout": CONNECT_SECONDS,
    # With several hosts: the one that can be written, whichever it is after a failover.
    "target_session_attrs": "read-write",
    # A dead host is noticed within some 15 seconds instead of two hours.
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""Settings of a connection that the address leaves out."""


def connection_string(url: str) -> str:
    """The address with `DEFAULTS` for what it leaves out.

    Raises:
        UsageError: PostgreSQL's library does not understand it.
    """
    try:
        return make_conninfo("", **{**DEFAULTS, **conninfo_to_dict(url)})
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"no address of a database ({first_line(error)})",
            where="--db",
            mend="write postgresql://user@host:5432/name",
        ) from error


def connect(conninfo: str) -> psycopg.Connection[Any]:
    """A connection whose transactions begin and end by statements of ours.

    Raises:
        psycopg.Error: no host can be reached, or none can be written.
    """
    connection = psycopg.connect(conninfo, autocommit=True)
    adapt_values(connection)
    return connection


def check_tables(conninfo: str, where: str, *, create: bool) -> None:
    """Make the tables, or bring them to this version; one process at a time.

    Args:
        conninfo: of the database.
        where: the address as messages show it.
        create: whether tables are made where there are none.

    Raises:
        StateError: the database cannot be reached, is another program's, is of a newer version or has no tables.
    """
    try:
        with connect(conninfo) as connection, connection.transaction():
            if connection.info.server_version < OLDEST_SERVER * 10_000:
                raise StateError(
                    f"is PostgreSQL {connection.info.server_version // 10_000}",
                    where=where,
                    mend=f"install PostgreSQL {OLDEST_SERVER} or newer",
                )
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
            _migrate(connection, where, create=create)
    except psycopg.Error as error:
        raise StateError(
            f"cannot be opened as a collector's database ({first_line(error)})",
            where=where,
            mend="see that PostgreSQL runs and that the address is right",
        ) from error


def _migrate(connection: psycopg.Connection[Any], where: str, *, create: bool) -> None:
    version = _version(connection, where)
    if version == 0 and not create:
        raise StateError("there is no collector's database here", where=where, mend="probe collector migrate makes one")
    if version > VERSION:
        raise StateError(
            f"is of version {version}, this program knows {VERSION}", where=where, mend="install a newer probe"
        )
    for number, text in MIGRATIONS:
        if number > version:
            for statement in statements(text, lambda pending: pending.rstrip().endswith(";")):
                connection.execute(statement.encode())
    if version < VERSION:
        connection.execute("CREATE TABLE IF NOT EXISTS probe_collector (version BIGINT NOT NULL)")
        connection.execute("DELETE FROM probe_collector")
        connection.execute("INSERT INTO probe_collector (version) VALUES (%s)", (VERSION,))


def _version(connection: psycopg.Connection[Any], where: str) -> int:
    """The version of the tables in the schema that new tables are made in; 0 where there are none."""
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    if not found:
        return 0
    if ("probe_collector",) not in found:
        raise StateError("is not a collector's database", where=where, mend="name an empty one with --db")
    row = connection.execute("SELECT version FROM probe_collector").fetchone()
    return int(row[0]) if row else 0
