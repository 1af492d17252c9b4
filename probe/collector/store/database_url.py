"""Opens a collector's database by its address: a path, `sqlite:///path` or `postgresql://host/name`."""

from __future__ import annotations

import re
from pathlib import Path

from probe.collector.store import Store
from probe.collector.store.sqlite.sqlite_store import open_sqlite
from probe.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
POSTGRES_SCHEMES = frozenset({"postgresql", "postgres"})
"""The schemes of PostgreSQL's own connection strings."""
_DRIVE = re.compile(r"/[A-Za-z]:")


def open_store(url: Path | str, *, create: bool = True) -> Store:
    """Open a collector's database; create it or apply missing migrations first.

    Args:
        url: a path, `sqlite:///path`, or a connection string of PostgreSQL, which may name several hosts.
        create: whether a file that is not there is made, and missing tables of PostgreSQL.

    Raises:
        UsageError: the address is of another kind of database.
        StateError: the database is of a newer version, is not a collector's, is not there, or cannot be opened.
    """
    path = sqlite_path(url)
    if path is None:
        try:
            from probe.collector.store.postgres.postgres_store import open_postgres  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise postgres_is_missing(error) from error
        return open_postgres(str(url), shown(url), create=create)
    return open_sqlite(path, create=create)


def postgres_is_missing(error: ImportError) -> UsageError:
    """What to say where the optional package for PostgreSQL cannot be imported."""
    return UsageError(
        f"PostgreSQL needs the package psycopg ({error})",
        where="--db",
        mend="pip install 'reachability-probe[postgres]'",
    )


def sqlite_path(url: Path | str) -> Path | None:
    """The database file that an address names; None for PostgreSQL.

    Raises:
        UsageError: the address is of another kind of database.
    """
    if isinstance(url, Path):
        return url
    found = _SCHEME.match(url)
    if found is None:
        return Path(url)
    scheme, rest = found[1].lower(), url[found.end() :]
    if scheme in POSTGRES_SCHEMES:
        return None
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return Path(rest[1:] if _DRIVE.match(rest) else rest)
    raise UsageError(
        f"{shown(url)} is no database that this program knows",
        where="--db",
        mend="write a path, sqlite:///path or postgresql://host/name",
    )


def shown(url: Path | str) -> str:
    """The address as messages show it: without a password."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", re.sub(r"(password=)[^&\s]*", r"\1***", str(url)))
