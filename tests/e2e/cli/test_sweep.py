"""`probe sweep` as a process: its streams and exit statuses, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.processes import NOTHING, command, environment, probe

KILLS = int(os.environ.get("PROBE_KILLS", "5"))
OPTIONS = NOTHING
TARGETS = 400


@contextmanager
def answering(count: int) -> Iterator[list[str]]:
    """Targets on as many loopback addresses that accept connections."""
    with socket.create_server(("", 0), backlog=512) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield [f"tcp://127.0.{20 + number // 250}.{1 + number % 250}:{port}" for number in range(count)]


def _accept(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[list[str]]:
    with answering(TARGETS) as texts:
        (tmp_path / "list").write_text("".join(f"{text}\n" for text in texts))
        yield texts


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_every_target_has_a_line_that_judge_and_replay_read(targets: list[str], tmp_path: Path) -> None:
    done = probe("sweep", str(tmp_path / "list"), *OPTIONS)
    (tmp_path / "out").write_bytes(done.stdout)

    assert done.returncode == 0
    assert sorted(str(one["target"]) for one in lines(tmp_path / "out")) == sorted(targets)
    again = probe("judge", str(tmp_path / "out"))
    assert (again.returncode, sorted(again.stdout.splitlines())) == (0, sorted(done.stdout.splitlines()))
    assert probe("replay", str(tmp_path / "out")).returncode == 0


def test_what_it_contacts_is_said_before_and_a_dry_run_contacts_nothing(targets: list[str], tmp_path: Path) -> None:
    done = probe("sweep", str(tmp_path / "list"), "--dry-run", "--output", str(tmp_path / "out"), *NOTHING)

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"contacts 400 targets" in done.stderr
    assert b"no limit for all together" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list"]


def test_bad_rows_are_named_and_skipped_unless_strict(tmp_path: Path) -> None:
    with answering(2) as texts:
        listed = f'url,category_code\n{texts[0]},NEWS\nno target,X\n"a,b\n{texts[1]},NEWS\n{texts[1]},NEWS\n'.encode()
        done = probe("sweep", "-", *OPTIONS, stdin=listed + b"\xff\xfe,X\n")
        strict = probe("sweep", "-", "--strict", *OPTIONS, stdin=listed)

    assert sorted(json.loads(line)["target"] for line in done.stdout.splitlines()) == sorted(texts)
    assert done.returncode == 1
    assert [line.partition(b":")[2].partition(b":")[0] for line in done.stderr.splitlines() if b"-:" in line] == [
        b" -"
    ] * 3
    assert (strict.returncode, strict.stdout) == (2, b"")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_verdicts_are_compared_with_a_control_of_the_same_list(tmp_path: Path, jobs: str) -> None:
    closed = "tcp://127.0.0.1:1"
    control = tmp_path / "control"
    control.write_bytes(probe("check", closed, "--json", *NOTHING).stdout)

    done = probe("sweep", "-", "--control", str(control), "--jobs", jobs, *OPTIONS, stdin=f"{closed}\n")

    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["down"]


@pytest.mark.parametrize("listed", [b"", b"# nothing\n", b"\n\n", b"\0\0\0"])
def test_a_list_without_targets_is_bad_usage(listed: bytes) -> None:
    done = probe("sweep", "-", *OPTIONS, stdin=listed)

    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--jobs", "65"], ["--every", "0"], ["--every", "nan"], ["second"]])
def test_options_out_of_bounds_are_bad_usage(words: list[str], tmp_path: Path) -> None:
    done = probe("sweep", "-", *words, *OPTIONS, stdin="tcp://127.0.0.1:1\n")

    assert (done.returncode, done.stdout) == (2, b"")


def test_a_target_that_is_not_reachable_gives_exit_status_1(tmp_path: Path) -> None:
    assert probe("sweep", "-", *OPTIONS, stdin="tcp://127.0.0.1:1\n").returncode == 1


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_sweep_that_is_killed_again_and_again_loses_and_doubles_nothing(
    targets: list[str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    words = command("sweep", str(tmp_path / "list"), "--output", str(tmp_path / "out"), *OPTIONS, "--concurrency", "4")
    for _ in range(4):
        size = _size(tmp_path / "out")
        with subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) as process:
            while _size(tmp_path / "out") == size and process.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
        with (tmp_path / "out").open("ab") as file:
            file.write(b'{"time":"2026-01-01T00:00:00Z","targ'[: chance.randrange(30)])
    done = probe(*words[3:])
    last = probe(*words[3:])

    found = Counter(str(one["target"]) for one in lines(tmp_path / "out"))
    assert set(found) == set(targets)
    assert (done.returncode, last.returncode) == (0, 0)
    assert len(set(found.values())) == 1, "each pass has each target once"
    assert min(found.values()) >= 2, "a finished sweep begins anew"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_an_interrupted_sweep_says_how_to_go_on(targets: list[str], tmp_path: Path) -> None:
    words = command("sweep", str(tmp_path / "list"), "--output", str(tmp_path / "out"), *OPTIONS, "--concurrency", "1")
    with subprocess.Popen(words, env=environment(), stderr=subprocess.PIPE) as process:
        while not _size(tmp_path / "out"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    done = probe(*words[3:])

    assert process.returncode == 130
    assert b"run the same command again to go on" in said
    assert b"goes on:" in done.stderr
    assert Counter(str(one["target"]) for one in lines(tmp_path / "out")) == Counter(targets)


def test_two_sweeps_cannot_share_their_state(targets: list[str], tmp_path: Path) -> None:
    words = command("sweep", str(tmp_path / "list"), "--output", str(tmp_path / "out"), *OPTIONS, "--every", "3600")
    with subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) as process:
        while not _size(tmp_path / "out"):
            time.sleep(0.01)
        second = probe(*words[3:])
        process.kill()

    assert second.returncode == 2
    assert b"another sweep is at work" in second.stderr


def test_two_processes_measure_together_and_one_that_is_killed_is_replaced(targets: list[str], tmp_path: Path) -> None:
    words = command("sweep", str(tmp_path / "list"), "--output", str(tmp_path / "out"), *OPTIONS, "--jobs", "2")
    with subprocess.Popen([*words, "--concurrency", "2"], env=environment(), stderr=subprocess.PIPE) as process:
        while not _size(tmp_path / "out"):
            time.sleep(0.01)
        worker = _children(process.pid)[0]
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate()

    assert process.returncode == 0
    assert b"a worker process ended with status -9" in said
    assert Counter(str(one["target"]) for one in lines(tmp_path / "out")) == Counter(targets)


def test_workers_end_when_the_sweep_is_killed(targets: list[str], tmp_path: Path) -> None:
    words = command("sweep", str(tmp_path / "list"), "--output", str(tmp_path / "out"), *OPTIONS, "--jobs", "2")
    with subprocess.Popen([*words, "--concurrency", "2"], env=environment(), stderr=subprocess.DEVNULL) as process:
        while not _size(tmp_path / "out"):
            time.sleep(0.01)
        workers = _children(process.pid)
        process.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert workers
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("this system does not list the children of a process")
    return [int(word) for word in path.read_text().split()]
