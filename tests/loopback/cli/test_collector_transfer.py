"""`probe collector migrate`, `backup`, `restore` and `move`, as a shell sees them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from probe.cli.collector import command
from probe.collector.store import agents
from probe.collector.store.agents import AgentRow
from probe.collector.store.database_url import open_store
from probe.errors import StateError, UsageError
from tests.servers.postgres import running_postgres


@pytest.fixture(scope="module")
def postgres_urls() -> Iterator[list[str]]:
    """Addresses of empty databases of PostgreSQL."""
    with running_postgres() as server, server.database() as one, server.database() as other:
        yield [one, other]


def run(*words: str) -> str:
    """What a command prints; its exception, if it ends in one."""
    result = CliRunner().invoke(command, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def ids(url: str) -> list[str]:
    """The agents that are enrolled."""

    async def read() -> list[str]:
        store = open_store(url, create=False)
        found = await store.read(agents.agents)
        await store.close()
        return [agent.id for agent in found]

    return asyncio.run(read())


@pytest.fixture
def db(tmp_path: Path) -> str:
    """A database with one agent."""

    async def make() -> None:
        store = open_store(tmp_path / "c.db")
        row = AgentRow(0, "a1", b"k" * 32, "vantage", "", 1, "RU", "active", "", 0, 1)
        await store.write(lambda session: agents.add_agent(session, row))
        await store.close()

    asyncio.run(make())
    return str(tmp_path / "c.db")


def test_a_backup_can_be_restored(db: str, tmp_path: Path) -> None:
    """It is one file, for its owner alone."""
    copy, again = tmp_path / "backup.sqlite", tmp_path / "again.db"

    printed = run("backup", "--db", db, str(copy))
    assert "agent                           1 rows\n" in printed
    assert f"{copy}: 1 rows, as many as in the source" in printed
    if os.name != "nt":
        assert copy.stat().st_mode & 0o777 == 0o600
    assert "deliver again" in run("restore", "--db", str(again), str(copy))

    assert ids(str(again)) == ["a1"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again.db", "backup.sqlite", "c.db"]


def test_a_database_moves_to_postgresql_and_back(db: str, tmp_path: Path, postgres_urls: list[str]) -> None:
    """In one command each; a second move finds data and refuses."""
    one, other = postgres_urls
    assert "1 rows" in run("move", "--db", db, one)
    assert ids(one) == ["a1"]
    with pytest.raises(StateError, match="has a collector's data already"):
        run("move", "--db", db, one)

    run("backup", "--db", one, str(tmp_path / "b.sqlite"))
    assert "has the tables of this version" in run("migrate", "--db", other)
    run("restore", "--db", other, str(tmp_path / "b.sqlite"))
    assert ids(other) == ["a1"]


def test_a_file_that_is_there_is_not_written_over(db: str, tmp_path: Path) -> None:
    """Neither by a backup nor by a restore."""
    (tmp_path / "b.sqlite").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        run("backup", "--db", db, str(tmp_path / "b.sqlite"))
    run("backup", "--db", db, str(tmp_path / "c.sqlite"))
    with pytest.raises(UsageError, match="is there already"):
        run("restore", "--db", db, str(tmp_path / "c.sqlite"))

    assert (tmp_path / "b.sqlite").read_text() == "precious"
    assert ids(db) == ["a1"]


@pytest.mark.parametrize("words", [("backup", "b.sqlite"), ("move", "b.sqlite")])
def test_a_database_that_is_not_there_is_said_and_not_made(
    words: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is left behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StateError, match="there is no such database"):
        run(words[0], "--db", "typo.db", words[1])
    with pytest.raises(StateError, match="there is no such database"):
        run("restore", "--db", "new.db", "typo.sqlite")

    assert list(tmp_path.iterdir()) == []


def test_migrating_makes_a_database_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    """`serve` does the same when it starts."""
    for _ in range(2):
        run("migrate", "--db", str(tmp_path / "c.db"))
    assert ids(str(tmp_path / "c.db")) == []


def test_a_folder_that_is_not_there_is_reported_in_one_line(db: str, tmp_path: Path) -> None:
    """No traceback is printed."""
    with pytest.raises(StateError, match="cannot be opened") as caught:
        run("backup", "--db", db, str(tmp_path / "no" / "b.sqlite"))
    assert "\n" not in str(caught.value)
