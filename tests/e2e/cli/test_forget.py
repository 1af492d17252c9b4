"""`probe forget` as a process, with a real collector process."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probe.agent.identity import load_or_create_key, read_enrolment
from tests.e2e.processes import command, environment, probe, settings, web_server


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def collector(db: Path, number: int) -> Iterator[str]:
    """A collector process at this port; gives its origin."""
    origin = f"http://127.0.0.1:{number}"
    process = subprocess.Popen(
        command("collector", "serve", "--db", str(db), "--listen", f"127.0.0.1:{number}", "--origin", origin),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert b"http" in process.stdout.readline()
    try:
        yield origin
    finally:
        process.terminate()
        process.communicate(timeout=60)


def enrolled_agent(folder: Path, db: Path, origin: str, page: str) -> tuple[Path, tuple[bytes, ...]]:
    """Enrol an agent and do two rounds; its settings file, and the byte strings that identify it."""
    config = settings(folder, [page], collectors=[origin])
    (folder / "token").write_bytes(probe("collector", "token", "--db", str(db)).stdout)
    assert probe("enrol", origin, "--token-file", str(folder / "token"), "--config", str(config)).returncode == 0
    for _ in range(2):
        assert probe("run", "--once", "--config", str(config)).returncode == 0
    enrolment = read_enrolment(folder / "state")
    assert enrolment is not None
    name = json.loads(probe("status", "--json", "--config", str(config)).stdout)["vantage"]["name"]
    assert len(name) == 8
    public = load_or_create_key(folder / "state").public
    return config, (enrolment.agent.encode(), name.encode(), public.encode(), base64.b64decode(public))


def found_in(folder: Path, needles: tuple[bytes, ...]) -> list[str]:
    """The files below a folder that have one of these byte strings."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [file.name for file in files if any(one in file.read_bytes() for one in needles)]


def test_nothing_of_the_agent_is_left_on_either_side(tmp_path: Path) -> None:
    """Searched for its id, its public name and its key, while the collector runs and after it has stopped."""
    (tmp_path / "collector").mkdir()
    db = tmp_path / "collector" / "c.sqlite"
    with web_server() as page, collector(db, free_port()) as origin:
        config, marks = enrolled_agent(tmp_path, db, origin, page)
        assert found_in(tmp_path / "collector", marks)

        done = probe("forget", "--yes", "--config", str(config))

        assert (done.returncode, done.stderr) == (0, b"")
        assert f"{origin}: everything of this agent is erased." in done.stdout.decode()
        assert not (tmp_path / "state").exists()
        assert found_in(tmp_path / "collector", marks) == []
        again = probe("forget", "--yes", "--config", str(config))
        assert (again.returncode, again.stdout.endswith(b": nothing to forget.\n")) == (0, True)
    assert found_in(tmp_path, marks) == []


def test_a_collector_that_is_away_is_told_by_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "collector").mkdir()
    db, number = tmp_path / "collector" / "c.sqlite", free_port()
    with web_server() as page, collector(db, number) as origin:
        config, marks = enrolled_agent(tmp_path, db, origin, page)

    first = probe("forget", "--yes", "--config", str(config))

    assert first.returncode == 1
    assert "Connection refused" in first.stdout.decode()
    assert f"Kept until every collector has answered: {tmp_path}/state/forget.json" in first.stdout.decode()
    assert sorted(file.name for file in (tmp_path / "state").iterdir()) == ["forget.json", "lock"]
    assert b"waits" in probe("status", "--config", str(config)).stdout
    with collector(db, number):
        assert probe("forget", "--yes", "--config", str(config)).returncode == 0
        assert found_in(tmp_path, marks) == []
    assert not (tmp_path / "state").exists()


def test_the_operator_can_erase_an_agent_whose_key_is_lost(tmp_path: Path) -> None:
    (tmp_path / "collector").mkdir()
    db = tmp_path / "collector" / "c.sqlite"
    with web_server() as page, collector(db, free_port()) as origin:
        _, marks = enrolled_agent(tmp_path, db, origin, page)

        assert probe("collector", "forget", "--db", str(db), marks[0].decode()).returncode == 0
        assert found_in(tmp_path / "collector", marks) == []
        unknown = probe("collector", "forget", "--db", str(db), marks[0].decode())
    assert (unknown.returncode, b"no agent" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("words", [(), ("--local-only",)])
def test_nothing_is_deleted_without_a_yes(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Standard input is no terminal, so nobody can be asked."""
    config = settings(tmp_path, [])
    load_or_create_key(tmp_path / "state")

    done = probe("forget", *words, "--config", str(config))

    assert (done.returncode, b"(say --yes)" in done.stderr) == (2, True)
    assert (tmp_path / "state" / "agent.key").exists()
