"""The database file: who may read it, versions, refusals."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from probe.collector.store.sqlite.sqlite_file import APPLICATION_ID, MIGRATIONS, VERSION
from probe.collector.store.sqlite.sqlite_store import open_sqlite
from probe.errors import ExitStatus, StateError


def test_a_database_of_a_newer_version_is_refused_in_one_line(tmp_path: Path) -> None:
    """The exit status is 2 and the file is not changed."""
    path = tmp_path / "c.db"
    asyncio.run(open_sqlite(path).close())
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()

    with pytest.raises(StateError, match=f"is of version {VERSION + 1}, this program knows {VERSION}") as caught:
        open_sqlite(path)
    assert caught.value.status is ExitStatus.USAGE
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"this is no database" * 99, None])
def test_a_file_that_is_not_a_collector_s_database_is_refused_unchanged(tmp_path: Path, content: bytes | None) -> None:
    """It may be any file or another program's database."""
    path = tmp_path / "c.db"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()

    with pytest.raises(StateError):
        open_sqlite(path)
    if content is not None:
        assert path.read_bytes() == before


def test_a_missing_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    """No traceback is printed."""
    with pytest.raises(StateError, match="cannot be opened"):
        open_sqlite(tmp_path / "no" / "c.db")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
async def test_the_file_and_its_log_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The key behind the vantages' public names is in it; an older version's file is closed to others."""
    path = tmp_path / "c.db"
    old = os.umask(0o022)
    try:
        store = open_sqlite(path)
    finally:
        os.umask(old)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("c.db", "c.db-wal", "c.db-shm")]
    assert modes == [0o600] * 3
    await store.close()

    for given, kept in ((0o644, 0o600), (0o640, 0o640)):
        path.chmod(given)
        await open_sqlite(path).close()
        assert path.stat().st_mode & 0o777 == kept


def test_the_mode_of_another_program_s_file_is_not_changed(tmp_path: Path) -> None:
    """A wrong `--db` may name any file of the system."""
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 99)
    path.chmod(0o644)

    with pytest.raises(StateError):
        open_sqlite(path)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_is_not_there_is_only_made_when_asked_for(tmp_path: Path) -> None:
    """A command that reads must not leave an empty database behind where the name had a mistake."""
    with pytest.raises(StateError, match="there is no such database"):
        open_sqlite(tmp_path / "c.db", create=False)
    assert not list(tmp_path.iterdir())


def test_counters_continue_where_an_older_version_s_numbers_ended(tmp_path: Path) -> None:
    """Revisions are numbered on, and the revision of the controls' verdicts never falls."""
    path = tmp_path / "c.db"
    with sqlite3.connect(path) as old:
        old.executescript("".join(text for number, text in MIGRATIONS if number < 6))
        old.execute(f"PRAGMA application_id={APPLICATION_ID}")
        old.execute(
            "INSERT INTO revision (no, id, revision, kind, published, body) VALUES (7, 'e', 1, 'began', 1, x'')"
        )
        old.execute("INSERT INTO control (target, agent, time, revision, body) VALUES (1, 1, 1, 3, x'')")
        old.execute("INSERT INTO meta (key, value) VALUES ('control revision', x'3131')")
        old.execute("PRAGMA user_version=5")
    old.close()
    asyncio.run(open_sqlite(path).close())

    with sqlite3.connect(path) as new:
        counters = new.execute("SELECT name, value FROM counter ORDER BY name").fetchall()
    new.close()
    assert counters == [("control", 11), ("control erased", 11), ("revision", 7)]


def test_each_migration_has_a_number_of_its_own() -> None:
    """Two of one number would both count as done once one of them is."""
    assert [number for number, _ in MIGRATIONS] == list(range(1, VERSION + 1))


def test_a_damaged_database_is_refused_in_one_line(tmp_path: Path) -> None:
    """The start looks for damage; the advice is a backup."""
    path = tmp_path / "c.db"
    asyncio.run(open_sqlite(path).close())
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO network (asn, cc) VALUES (?, 'RU')", [(n,) for n in range(20_000)])
    connection.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size - 5 * 4096)
        file.write(b"\xa5" * 4096 * 3)

    with pytest.raises(StateError, match=r"is damaged|malformed") as caught:
        open_sqlite(path)
    assert "\n" not in str(caught.value)


def test_migrations_are_numbered_without_gaps_or_repetition() -> None:
    """A database keeps the number of its last one only, so each number stands for one."""
    assert [number for number, _ in MIGRATIONS] == list(range(1, VERSION + 1))
