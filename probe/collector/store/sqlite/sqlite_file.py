"""The database file of the SQLite engine: its mode, settings and version.

An acknowledged batch must survive a power cut. Therefore `synchronous=FULL`: NORMAL does not sync the log at commit
(SQLite's documentation of PRAGMA synchronous).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

from probe.clock import Clock
from probe.collector.store.migrations import migrations_in, statements
from probe.errors import StateError

MIGRATIONS = migrations_in("probe.collector.store.sqlite")
VERSION = MIGRATIONS[-1][0]
"""Version of the tables: the number of the last migration."""
FIRST_OVERWRITING_VERSION = 5
"""The first version that overwrites what is deleted."""
APPLICATION_ID = 0x70726F62
"""`prob`: distinguishes a collector's database from other SQLite files."""
BUSY_SECONDS = 5.0
"""How long a connection waits for a lock that another process holds."""
CHECK_SECONDS = 5.0
"""How long a start looks for damage: some gigabytes on an ordinary disk."""
CHECK_STEPS = 100_000
"""Steps of SQLite's machine between two looks at the clock."""
MODE = 0o600
"""Of the file: the key behind the vantages' public names is in it."""


def open_file(path: Path, *, create: bool) -> sqlite3.Connection:
    """Open a collector's database for writing, with the tables of this version.

    Raises:
        StateError: the file is of a newer version, is not a collector's database, is not there, or cannot be opened.
    """
    in_memory = str(path) == ":memory:"
    try:
        if not in_memory:
            os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), MODE))
        connection = connect(path)
        try:
            check_soundness(connection, path)
            migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, FileNotFoundError) and not create:
            raise StateError("there is no such database", where=str(path), mend="name the collector's") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise StateError(
            f"cannot be opened as a collector's database ({reason})",
            where=str(path),
            mend="name another file with --db",
        ) from error
    if not in_memory:
        _close_to_others(path)
    return connection


def check_soundness(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage, for at most `CHECK_SECONDS`: a large file is not read whole at every start.

    Raises:
        StateError: the file is damaged.
    """
    clock = Clock()
    ends = clock.monotonic() + CHECK_SECONDS
    connection.set_progress_handler(lambda: clock.monotonic() > ends, CHECK_STEPS)
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if "interrupt" not in str(error):
            raise
        found = "ok"
    finally:
        connection.set_progress_handler(None, CHECK_STEPS)
    if found != "ok":
        reason = " ".join(found.split())[:120]
        raise StateError(f"is damaged ({reason})", where=str(path), mend="restore a backup")


def _close_to_others(path: Path) -> None:
    """Take a file that everybody may read from all but its owner; older versions made such.

    SQLite gives its log the mode of the file. A file that its operator opened to a group alone keeps its mode.
    """
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with contextlib.suppress(OSError):  # another user's file, or none
            if each.stat().st_mode & stat.S_IROTH:
                each.chmod(MODE)


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the file with the settings of this program; what a read-only one writes is refused."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS)
    if read_only:
        connection.execute("PRAGMA query_only=ON")
        return connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # NORMAL does not sync the log at commit
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten: agents may have themselves erased
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply the missing migrations in one transaction. There is no way back to an older version."""
    connection.execute("BEGIN IMMEDIATE")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if tables and owner != APPLICATION_ID:
        raise StateError("is not a collector's database", where=str(path), mend="name another file with --db")
    if version > VERSION:
        raise StateError(
            f"is of version {version}, this program knows {VERSION}", where=str(path), mend="install a newer probe"
        )
    for number, text in MIGRATIONS:
        if number > version:
            for statement in statements(text, sqlite3.complete_statement):
                connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
    if tables and version < FIRST_OVERWRITING_VERSION:
        # Deleted rows of older versions are still in the file.
        with contextlib.suppress(sqlite3.Error):  # no room for a copy: old remains stay until the next VACUUM
            connection.execute("VACUUM")
