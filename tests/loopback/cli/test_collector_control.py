"""`probe collector serve --control`, as a process: consent, what it would contact, a round, the end."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import command, environment, probe
from tests.loopback.agent.made import port


def write_settings(folder: Path, *targets: str, consent: bool = False) -> Path:
    """Settings under which the control contacts its targets alone."""
    (folder / "targets.txt").write_text("".join(f"{target}\n" for target in targets))
    path = folder / "control.toml"
    path.write_text(
        f"[agent]\nconsent = {json.dumps(consent)}\nretests = 0\ninterval = 1.0\n"
        f"[targets]\nservices = []\nfiles = [{json.dumps(str(folder / 'targets.txt'))}]\n"
        "[measure]\nanchors = []\ntrusted_resolvers = []\npace = 0\n"
    )
    return path


@contextmanager
def served(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A collector; gives its process and the URL of its board."""
    listening = () if "--listen" in words else ("--listen", "127.0.0.1:0")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command("collector", "serve", "--db", str(folder / "c.db"), *listening, *words),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix("probe collector: ").strip()
    finally:
        process.kill()
        process.communicate()


def fetch(url: str) -> str:
    """The text of a page."""
    with urllib.request.urlopen(url, timeout=30) as reply:  # noqa: S310 - our own collector
        return str(reply.read().decode())


def fetch_until(url: str, wanted: str) -> str:
    """The text of a page, once it contains what is wanted."""
    deadline = time.monotonic() + 120
    while wanted not in (text := fetch(url)):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_nothing_is_contacted_or_written_without_consent(tmp_path: Path) -> None:
    """The risks are printed, and the database is not made."""
    done = probe(
        *("collector", "serve", "--db", str(tmp_path / "c.db"), "--control"),
        *("--config", str(write_settings(tmp_path, "tcp://127.0.0.1:1"))),
    )

    assert done.returncode == 2
    assert b"contacts the same services as the agents" in done.stderr
    assert b"no consent" in done.stderr
    assert not (tmp_path / "c.db").exists()


def test_a_dry_run_prints_what_the_control_would_contact(tmp_path: Path) -> None:
    done = probe(
        *("collector", "serve", "--db", str(tmp_path / "c.db"), "--control", "--dry-run"),
        *("--config", str(write_settings(tmp_path, "tcp://192.0.2.7:443"))),
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"target\t192.0.2.7:443\t" in done.stdout
    assert b"a day" in done.stdout
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize("words", [["--dry-run"], ["--accept-risks"], ["--config", "x.toml"]])
def test_options_of_the_control_without_it_are_refused(words: list[str], tmp_path: Path) -> None:
    done = probe("collector", "serve", "--db", str(tmp_path / "c.db"), *words)

    assert done.returncode == 2
    assert b"give --control as well" in done.stderr


def test_the_collector_serves_its_own_control_and_ends_with_0_at_sigterm(tmp_path: Path) -> None:
    with (
        port() as target,
        served(tmp_path, "--control", "--accept-risks", "--config", str(write_settings(tmp_path, target))) as (
            process,
            page,
        ),
    ):
        lines = fetch_until(f"{page}api/v1/control", target)
        ready = json.loads(fetch(f"{page}readyz"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0

    assert json.loads(lines)["status"] == "reachable"
    assert ready["tasks"]["control"] == "running"
    with closing(sqlite3.connect(tmp_path / "c.db")) as db:
        assert db.execute("SELECT role, state FROM agent").fetchall() == [("control", "active")]


def test_a_control_whose_rounds_fail_leaves_the_collector_ready(tmp_path: Path) -> None:
    """Its list disappears, its disk fills: agents must still be able to deliver. The failure shows in the metrics."""
    with (
        port() as target,
        served(tmp_path, "--control", "--config", str(write_settings(tmp_path, target, consent=True))) as (_, page),
    ):
        fetch_until(f"{page}api/v1/control", target)
        with closing(sqlite3.connect(tmp_path / "c.db.control" / "state.sqlite")) as state:
            state.execute("DROP TABLE last_report")
        fetch_until(f"{page}metrics", 'task_failing{task="control"} 1')
        ready = json.loads(fetch(f"{page}readyz"))

    assert (ready["status"], ready["tasks"]["control"]) == ("ready", "failing")
    assert "control failed 1 times in a row" in (tmp_path / "log").read_text()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_collector_takes_over_the_control_of_another(tmp_path: Path) -> None:
    """The first serves under the URL that its listing is signed for."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    listen = f"127.0.0.1:{free_port()}"
    with port() as target, served(
        *(folders[0], "--control", "--accept-risks", "--listen", listen),
        *("--config", str(write_settings(tmp_path, target))),
    ) as (_, first):  # fmt: skip
        fetch_until(f"{first}api/v1/control", target)
        with served(folders[1], "--trust-control", f"http://{listen}") as (_, second):
            assert json.loads(fetch_until(f"{second}api/v1/control", target))["target"] == target
            assert json.loads(fetch(f"{second}readyz"))["tasks"][f"control of http://{listen}"] == "running"
