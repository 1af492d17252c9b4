"""`probe` itself: its table of commands, its one-line errors and its exit statuses."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from probe import __version__, cli
from probe.cli.program import COMMANDS
from probe.errors import ExitStatus, StateError, StorageError, TargetError


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "probe", *words], capture_output=True, text=True, check=False)


def test_the_version_is_printed_without_importing_any_library() -> None:
    """Package tests and cron jobs call it often."""
    script = (
        "import sys; sys.argv[1:] = ['--version']; from probe.cli import main; main();"
        "heavy = {'asyncio', 'aiohttp', 'msgspec', 'click', 'rich', 'ssl', 'sqlite3', 'dns', 'cryptography'};"
        "print(*sorted(heavy & set(sys.modules)), end='')"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (0, f"probe {__version__}\n", "") == (done.returncode, done.stdout, done.stderr)


def test_help_lists_every_command_without_importing_any() -> None:
    script = (
        "import sys; from probe.cli import main; main(['--help']);"
        "print([m for m in sys.modules if m.startswith('probe.cli.') or m == 'click'])"
    )

    environ = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environ)

    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("words", [["chek"], ["check", "--no-such-option"], ["judge"], ["check", "--timeout", "soon"]])
def test_a_bad_command_line_is_one_line_and_exit_2(words: list[str]) -> None:
    done = run(*words)

    assert done.returncode == ExitStatus.USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("probe: ")
    assert "--help)" in done.stderr


@pytest.mark.parametrize(("columns", "is_shipped"), [("60", False), ("80", True), ("200", True)])
def test_the_help_is_no_wider_than_the_terminal(columns: str, is_shipped: bool) -> None:
    """The shipped text is 80 columns wide; click writes any other."""
    words = [sys.executable, "-m", "probe", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": columns})

    assert (done.stdout == Path(cli.__file__).with_name("help.txt").read_text()) == is_shipped
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_no_arguments_show_the_help_and_exit_2() -> None:
    done = run()

    assert done.returncode == ExitStatus.USAGE
    assert "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (TargetError("'x y' is not a target", mend="write a URL"), 2, "probe: 'x y' is not a target (write a URL)\n"),
        (StateError("locked", where="/state"), 2, "probe: /state: locked\n"),
        (StorageError("the disk is full", where="f"), 1, "probe: f: the disk is full\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1,
         "probe: No space left on device (free some space and run it again)\n"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), 1, "probe: a.csv: No such file\n"),
        (BrokenPipeError(), 1, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)  # fmt: skip
def test_what_a_command_raises_becomes_one_line_and_a_status(
    raised: BaseException, status: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(words: list[str]) -> int:
        raise raised

    monkeypatch.setattr("probe.cli.program.run_program", fail)
    monkeypatch.setattr(cli, "abandon_stdout", lambda: None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    assert status == cli.main(["judge"])
    assert line == capsys.readouterr().err


def test_an_unexpected_exception_is_printed_in_one_line() -> None:
    """The place is in the line, a traceback only on request."""
    script = (
        "import probe.cli.program as p, sys\n"
        "def fail(words): raise ValueError('a fault')\n"
        "p.run_program = fail\n"
        "from probe.cli import main; sys.exit(main(['judge']))"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("probe: fault in the program: ValueError: a fault at __main__:2")


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "cp866"])
def test_a_console_of_any_encoding_shows_any_target(encoding: str) -> None:
    """Letters that it lacks are shown as escapes."""
    program = "from probe import cli; cli.show_any_text(); print('\u0131\u0301.example')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )

    assert done.stdout.strip() == b"\\u0131\\u0301.example"


def test_a_message_of_several_lines_is_printed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    cli.say("first\n  second")

    assert capsys.readouterr().err == "probe: first second\n"


def test_garbage_is_collected_less_often_but_still_collected() -> None:
    """Collection stays enabled."""
    before = gc.get_threshold()
    try:
        cli.relax_garbage_collection()

        assert gc.get_threshold() == cli.GC_THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)


def test_what_a_stranger_wrote_reaches_the_terminal_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.say("the collector says \x1b[2J\x9b31m\x07 no\n  more")

    assert capsys.readouterr().err == "probe: the collector says ?[2J?31m? no more\n"
