"""The command group, the log and the garbage collection of the process."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import click
import pytest

from probe.cli.program import COMMANDS, GC_THRESHOLDS, configure_logging, program, relax_garbage_collection, run_program
from probe.errors import UsageError


def test_every_entry_of_the_table_names_a_module_of_the_command_line() -> None:
    for name, (where, line) in COMMANDS.items():
        module, _, attribute = where.partition(":")

        assert f"probe.cli.{name}" == module
        assert attribute == "command"
        assert line.endswith(".")


def test_a_command_is_found_by_its_name() -> None:
    found = program.get_command(click.Context(program), "judge")

    assert found is not None
    assert found.name == "judge"


def test_an_unknown_command_is_not_found() -> None:
    assert program.get_command(click.Context(program), "no-such-command") is None


def test_an_error_of_click_is_a_usage_error_that_points_at_the_help() -> None:
    with pytest.raises(UsageError, match=r"No such command 'nothing' \(see probe --help\)"):
        run_program(["nothing"])


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_line_carries_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(logging.INFO, {})
    logging.getLogger("probe.agent").info("round state=%s", "online")
    logging.getLogger("probe.agent").debug("more")

    line = capsys.readouterr().err
    assert line.endswith(" INFO round state=online\n")
    assert line[:2] == "20"


@pytest.mark.parametrize(("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3)])
def test_the_journal_gets_priorities_in_place_of_times(
    level: str, priority: int, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging.DEBUG, {"JOURNAL_STREAM": "8:1"})
    getattr(logging.getLogger("probe.agent"), level)("a word")

    assert capsys.readouterr().err == f"<{priority}>a word\n"


def test_an_exception_is_logged_in_one_line_unless_tracebacks_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    for environ, lines in (({}, 1), ({"PROBE_TRACEBACK": "1"}, 5)):
        configure_logging(logging.INFO, environ)
        try:
            int("x")
        except ValueError:
            logging.getLogger("probe.agent").exception("fault in a measurement")

        text = capsys.readouterr().err
        assert text.count("\n") == lines
        assert "fault in a measurement" in text.splitlines()[0]
        assert text.rstrip().endswith("ValueError: invalid literal for int() with base 10: 'x'")


def test_garbage_is_collected_less_often_but_still_collected() -> None:
    """Collection stays enabled."""
    before = gc.get_threshold()
    try:
        relax_garbage_collection()

        assert gc.get_threshold() == GC_THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.set_threshold(*before)
