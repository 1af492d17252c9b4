"""`probe check` as other programs use it: options, streams, exit statuses."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import required
from tests.e2e.processes import NOTHING, command, environment, probe, web_server

CLOSED = "tcp://127.0.0.1:1"


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


def verdicts(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_reachable_targets_give_a_line_each_and_exit_status_0(page: str) -> None:
    done = probe("check", page, page.replace("http", "tcp").rstrip("/"), page, "--json", *NOTHING)

    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(str(verdict["target"]) for verdict in verdicts(done)) == sorted(
        [page, page, page.replace("http", "tcp").rstrip("/")]
    )
    assert set(verdicts(done)[0]) == {"time", "target", "status", "causes", "rule", "evidence", "vantage"}
    assert {verdict["status"] for verdict in verdicts(done)} == {"reachable"}


def test_a_target_that_is_not_reachable_gives_exit_status_1(page: str) -> None:
    done = probe("check", page, CLOSED, "--json", *NOTHING)

    assert done.returncode == 1
    assert {str(v["target"]): v["status"] for v in verdicts(done)} == {page: "reachable", CLOSED: "unreachable"}


def test_a_refused_port_that_is_refused_everywhere_is_down(page: str, tmp_path: Path) -> None:
    """The control is a file that `probe check --json` wrote elsewhere."""
    control = tmp_path / "control.jsonl"
    control.write_bytes(probe("check", page, CLOSED, "--json", *NOTHING).stdout)

    done = probe("check", page, CLOSED, "--json", "--control", str(control), *NOTHING)

    assert {v["target"]: (v["status"], v["causes"]) for v in verdicts(done)}[CLOSED] == ("down", [])


def test_targets_come_from_lists_and_standard_input(page: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"url,category_code,category_description\n{page},NEWS,News\n")

    done = probe(
        "check",
        "--targets",
        str(tmp_path / "a.csv"),
        "--targets",
        "-",
        "--json",
        *NOTHING,
        stdin=f"{CLOSED} # closed\n",
    )

    assert sorted(str(v["target"]) for v in verdicts(done)) == sorted([page, CLOSED])


@pytest.mark.parametrize(("strict", "status", "verdicts"), [([], 1, 2), (["--strict"], 2, 0)])
def test_one_bad_line_among_good_ones_is_named_and_skipped_unless_strict(
    page: str, tmp_path: Path, strict: list[str], status: int, verdicts: int
) -> None:
    """The contract: Lists."""
    path = tmp_path / "a.txt"
    path.write_text(f"{page}\nhttps://\n{page}\n")

    done = probe("check", "--targets", str(path), "--json", *strict, *NOTHING)

    assert (done.returncode, done.stdout.count(b"\n")) == (status, verdicts)
    assert done.stderr.decode().startswith(f"probe: {path}:2: 'https://' has no valid host name")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["gopher://a.example"], "'gopher://a.example' has the unknown scheme 'gopher' (write a"),
        ([], "no targets (name some"),
        (["--targets", "/nonexistent/list"], "/nonexistent/list: cannot be read: No such file or directory (name"),
        (
            ["a.example", "--control", "/nonexistent/c"],
            "/nonexistent/c: cannot be read: No such file or directory (give",
        ),
        (["a.example", "--timeout", "-1"], "command line: measure.timeout cannot be -1.0 (write a number of seconds"),
        (["a.example", "--concurrency", "0"], "command line: measure.concurrency cannot be 0 (write a whole number"),
        (["a.example", "--anchor", "a.example"], "command line: measure.anchors cannot be ['a.example'] (write a list"),
        (["a.example", "--trusted-resolver", "1.1.1.1"], "command line: measure.trusted_resolvers cannot be"),
        (["a.example", "--config", "/nonexistent/p.toml"], "/nonexistent/p.toml: cannot be read: No such file"),
        (["a.example", "--colour"], "No such option '--colour'"),
    ],
)
def test_bad_usage_gives_one_line_and_exit_status_2(words: list[str], line: str) -> None:
    done = probe("check", *words)

    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert done.stderr.decode().startswith(f"probe: {line}")


def test_a_list_without_a_line_of_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("тест.example\n".encode("windows-1251"))

    done = probe("check", "--targets", str(path))

    first, last = done.stderr.decode().splitlines()
    assert (done.returncode, first) == (2, f"probe: {path}:1: not UTF-8; save the list as UTF-8")
    assert last.startswith(f"probe: {path}: no targets")


def test_a_control_with_a_bad_line_is_refused_in_one_line(page: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text("{}\n")

    done = probe("check", page, "--control", str(tmp_path / "c.jsonl"), *NOTHING)

    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{tmp_path}/c.jsonl:1: not a verdict".encode() in done.stderr


def test_the_table_has_the_order_given_and_no_colour_in_a_file(page: str) -> None:
    done = probe("check", CLOSED, page, *NOTHING)

    lines = done.stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["target", "status"],
        [CLOSED, "unreachable"],
        [page, "reachable"],
    ]
    assert lines[-1] == "1 reachable, 1 unreachable."
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_the_environment_forbids_it(
    page: str, environ: dict[str, str], coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("check", page, *NOTHING),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(TERM="xterm-256color", **environ),
    )
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:
        pass  # Linux says EIO where the other end is closed
    process.wait()
    os.close(ours)

    assert b"reachable" in text
    assert (b"\x1b[32m" in text) is coloured


def on_a_terminal(*words: str, **environ: str) -> str:
    """What a command prints on standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, env=environment(**environ)
    )
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 65536):
            text += piece
    except OSError:
        pass  # Linux says EIO where the other end is closed
    process.wait()
    os.close(ours)
    return text.decode()


def test_the_first_check_on_a_terminal_says_who_can_see_it_and_the_second_does_not(tmp_path: Path) -> None:
    words = ("check", CLOSED, "--anchor=", "--timeout", "1")

    first = on_a_terminal(*words, XDG_STATE_HOME=str(tmp_path))
    second = on_a_terminal(*words, XDG_STATE_HOME=str(tmp_path))

    assert "Your provider, and whoever watches the line" in first
    assert "Cloudflare, Quad9, Google are asked" in first
    assert "provider" not in second


def test_a_check_with_json_says_nothing_beside_its_verdicts(page: str, tmp_path: Path) -> None:
    """Neither does it remember that it was said."""
    text = on_a_terminal("check", page, "--json", *NOTHING, XDG_STATE_HOME=str(tmp_path))

    assert "provider" not in text
    assert not list(tmp_path.iterdir())


def test_verdicts_are_printed_as_they_are_made(page: str) -> None:
    """A target that takes its whole time-out does not delay the others."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = subprocess.Popen(
            command(
                "check", f"http://127.0.0.1:{silent.getsockname()[1]}/", page, "--json", "--timeout", "30", *NOTHING
            ),
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["target"] == page
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def test_a_closed_pipe_ends_the_command_without_a_message(page: str, tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text(f"{page}\n" * 300)
    process = subprocess.Popen(
        command("check", "--targets", str(tmp_path / "many.txt"), "--json", "--concurrency", "4", *NOTHING),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"{")
    process.stdout.close()

    assert process.wait(60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_under_the_output_is_named_in_one_line(page: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("check", page, "--json", *NOTHING),
            stdout=full, stderr=subprocess.PIPE, env=environment(), check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == b"probe: No space left on device (free some space and run it again)\n"


def test_where_all_anchors_fail_nothing_is_measured_and_the_exit_status_is_3(page: str) -> None:
    done = probe("check", page, CLOSED, "--json", "--anchor", "http://127.0.0.1:1/", "--trusted-resolver", "")

    assert done.returncode == 3
    assert {v["status"] for v in verdicts(done)} == {"unknown"}
    assert {v["vantage"]["state"] for v in verdicts(done)} == {"offline"}  # type: ignore[index]
    assert all("observations" not in v["evidence"] for v in verdicts(done))  # type: ignore[operator]


def test_without_a_network_five_hundred_targets_are_unknown_within_seconds(tmp_path: Path) -> None:
    """No block is reported because the network is missing."""
    required.root()
    unshare = required.command("unshare")
    (tmp_path / "many.txt").write_text("".join(f"https://host{n}.example/\n" for n in range(500)))
    begin = time.monotonic()

    done = subprocess.run(
        [unshare, "--net", *command("check", "--targets", str(tmp_path / "many.txt"), "--json")],
        capture_output=True, env=environment(), check=False, timeout=60,
    )  # fmt: skip

    assert time.monotonic() - begin < 30
    assert done.returncode == 3
    assert len(verdicts(done)) == 500
    assert {(v["status"], v["vantage"]["state"]) for v in verdicts(done)} == {("unknown", "offline")}  # type: ignore[index]


def test_judging_its_output_again_changes_nothing(page: str) -> None:
    made = probe("check", page, CLOSED, "--json", *NOTHING)

    again = probe("judge", "-", stdin=made.stdout)

    assert (again.stdout, again.returncode) == (made.stdout, made.returncode)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_an_interrupt_prints_what_was_measured_until_then(words: tuple[str, ...]) -> None:
    """One target answers at once; the other accepts connections and stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as silent, web_server() as url:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = subprocess.Popen(
            command("check", *NOTHING, "--concurrency", "1", "--timeout", "60", *words, url, hanging),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
        )  # fmt: skip
        silent.settimeout(60)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        connection.close()

    assert process.returncode == 130
    assert (url in out.decode(), hanging in out.decode()) == (True, False)
    assert err.decode() == "probe: interrupted: 1 of 2 targets measured\n"
