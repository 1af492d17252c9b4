"""`make run`: a collector and an agent that ask before anything is contacted."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.processes import environment, web_server
from tests.e2e.terminal import Terminal

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 120.0


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the script and a program beside it, as `deploy/setup run` leaves them."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "try", tmp_path / "deploy" / "try")
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    for name, words in (("probe", "-m probe "), ("python", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        (folder / name).chmod(0o755)
    return tmp_path


def environ(**more: str) -> dict[str, str]:
    """No anchor and no resolver is contacted."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    none = {"PROBE_MEASURE_ANCHORS": "", "PROBE_MEASURE_TRUSTED_RESOLVERS": "", "PROBE_MEASURE_PACE": "0"}
    return environment(PYTHONPATH=paths, LANG="C.UTF-8", PORT=str(free_port()), **none, **more)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_without_consent_nothing_is_started_or_written(clone: Path) -> None:
    given = environ()
    terminal = Terminal([str(clone / "deploy/try")], given)

    told = terminal.wait_for("agree that this computer")
    terminal.type("no\n")
    status, text = terminal.end()

    assert status == 1
    assert "Your provider" in told
    assert "nothing was contacted" in text
    assert "board" not in text.replace("board:", "")
    assert not (clone / "var/probe.toml").exists()
    assert not (clone / "var/agent").exists()


def test_without_a_terminal_it_names_the_answers_that_are_missing(clone: Path) -> None:
    done = subprocess.run(
        [str(clone / "deploy/try")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environ(),
        check=False,
        timeout=120,
    )

    assert done.returncode == 2
    assert b"missing: --accept-risks --asn --country --services" in done.stderr


def test_with_consent_the_board_shows_the_network_and_the_lack_of_a_control_is_told(clone: Path) -> None:
    with web_server() as page:
        (clone / "list.txt").write_text(f"{page}\n")
        given = environ(
            SETUP="--accept-risks --asn 64500 --country RU --services none", PROBE_TARGETS_FILES=str(clone / "list.txt")
        )
        process = subprocess.Popen(
            [str(clone / "deploy/try")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=given,
            start_new_session=True,
        )
        try:
            board = board_of(f"http://127.0.0.1:{given['PORT']}/api/v1/board")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            text = process.communicate(timeout=120)[0].decode()

    assert re.search(r"64500", board), text
    assert "RU" in board
    assert "No control: silence and resets cannot be told from a dead site" in text
    assert "status --config var/probe.toml" in text
    assert "Next:" not in text


def board_of(url: str) -> str:
    """The board, as soon as it shows a network."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
                text = str(answer.read().decode())
        except urllib.error.URLError:
            text = "{}"
        if json.loads(text).get("networks"):
            return text
        time.sleep(0.2)
    return text
