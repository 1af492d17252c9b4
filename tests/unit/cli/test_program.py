"""The command group of click."""

from __future__ import annotations

import click
import pytest

from probe.cli.program import COMMANDS, program, run_program
from probe.errors import UsageError


def test_every_entry_of_the_table_names_a_module_of_the_command_line() -> None:
    for name, (where, line) in COMMANDS.items():
        module, _, attribute = where.partition(":")

        assert f"probe.cli.{name}" == module
        assert attribute in {"command", "COMMAND"}
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


@pytest.mark.parametrize("words", [["check", "--timeout", "soon"], ["run", "a.example"]])
def test_a_command_with_a_table_of_options_names_the_mistake_in_its_words(words: list[str]) -> None:
    with pytest.raises(UsageError, match=rf"\(see probe {words[0]} --help\)"):
        run_program(words)
