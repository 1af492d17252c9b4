"""The state file: created, migrated, refused."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from probe.agent.outbox import Outbox
from probe.agent.state_file import MAX_IDLE_WAL_BYTES, MIGRATIONS, StateFile
from probe.errors import ExitStatus, StateError, StorageError
from probe.formats import batch as batches
from tests.unit.agent.batches import draft


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


def first_version(path: Path, *agents: str) -> int:
    """Write a state file of version 0.1.0.

    It has one acknowledged batch for each of these ids; returns their size in bytes.
    """
    size = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1;")
        db.execute("INSERT INTO kept VALUES (1, 'e', ?, x'00', 'online', '{}')", (len(agents) + 1,))
        db.execute("INSERT INTO told VALUES ('a.example', 5, '1 reachable')")
        for seq, agent in enumerate(agents, 1):
            body = gzip.compress(batches.encode(draft("a.example")))
            size += len(body)
            db.execute("INSERT INTO batch VALUES (?, ?, ?, 1)", (seq, agent, body))
    return size


def test_a_file_of_the_first_version_is_migrated_with_its_content(path: Path) -> None:
    size = first_version(path, "a1", "a1")

    with Outbox(path) as outbox:
        assert outbox.agent_state().detector == b"\0"
        assert outbox.last_reports()["a.example"].facts == "1 reachable"
        assert outbox.total_bytes() == size
        assert outbox._db.execute("SELECT agent FROM outbox").fetchone() == ("a1",)


@pytest.mark.parametrize("agents", [(), ("a1", "a2"), ("", "a1")])
def test_batches_of_several_ids_are_assigned_anew_at_the_next_delivery(path: Path, agents: tuple[str, ...]) -> None:
    first_version(path, *agents)

    with Outbox(path) as outbox:
        assert outbox._db.execute("SELECT agent FROM outbox").fetchone() == ("",)


def test_a_state_of_a_newer_version_is_refused_and_kept(path: Path) -> None:
    StateFile(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    content = path.read_bytes()

    with pytest.raises(StateError, match=rf"state of version 99, and this program knows {len(MIGRATIONS)} \(run") as e:
        StateFile(path)

    assert e.value.status == ExitStatus.USAGE
    assert path.read_bytes() == content


def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 1000)

    with pytest.raises(StateError, match=r"broken: .* \(move it away to begin anew\)"):
        StateFile(path)

    assert path.read_bytes().startswith(b"dear diary")


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"cannot be written: .* \(name another folder"):
        StateFile(tmp_path / "file" / "state.sqlite")


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    with closing(StateFile(path)):
        assert path.stat().st_mode & 0o077 == 0


def test_the_write_ahead_log_shrinks_after_a_large_transaction(path: Path) -> None:
    """Without a limit the log would keep the size of the largest transaction."""
    with closing(StateFile(path)) as file:
        with file.transaction():
            file.connection.execute("CREATE TABLE large AS SELECT randomblob(12000000) AS x")
        file.connection.execute("PRAGMA wal_checkpoint")
        file.write_notes({"x": 1})

        assert path.with_name("state.sqlite-wal").stat().st_size <= MAX_IDLE_WAL_BYTES


def test_a_transaction_that_fails_changes_nothing(path: Path) -> None:
    def fail(file: StateFile) -> None:
        with file.transaction():
            file.write_notes({"x": 1})
            raise ZeroDivisionError

    with closing(StateFile(path)) as file:
        with pytest.raises(ZeroDivisionError):
            fail(file)

        assert file.notes() == {}
