"""The command group of click."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from probe.cli.program import COMMANDS, program, run_program
from probe.errors import UsageError


def test_every_entry_of_the_table_names_a_module_of_the_command_line() -> None:
    for name, (where, line) in COMMANDS.items():
        module, _, attribute = where.partition(":")

        assert f"probe.cli.{name.replace('-', '_')}" == module
        assert attribute in {"command", "COMMAND"}
        assert line.endswith(".")


@pytest.mark.parametrize(
    ("word", "meant"), [("chekc", "check"), ("stauts", "status"), ("resum", "resume"), ("colector", "collector")]
)
def test_a_mistyped_command_names_the_one_that_is_meant(word: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"no command '{word}': did you mean {meant}\? \(see probe --help\)"):
        run_program([word])


def test_the_help_of_every_command_ends_with_examples() -> None:
    """Also of the commands of `probe collector` and `probe targets`."""
    without = [name for name, text in helps(program, "probe") if "Examples:\n" not in text]

    assert without == []


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of all below it."""
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from helps(found, f"{name} {child}")


def test_a_command_is_found_by_its_name() -> None:
    found = program.get_command(click.Context(program), "judge")

    assert found is not None
    assert found.name == "judge"


def test_an_unknown_command_is_not_found() -> None:
    assert program.get_command(click.Context(program), "no-such-command") is None


def test_an_error_of_click_is_a_usage_error_that_points_at_the_help() -> None:
    with pytest.raises(UsageError, match=r"no command 'nothing' \(see probe --help\)"):
        run_program(["nothing"])


@pytest.mark.parametrize("words", [["check", "--timeout", "soon"], ["run", "a.example"]])
def test_a_command_with_a_table_of_options_names_the_mistake_in_its_words(words: list[str]) -> None:
    with pytest.raises(UsageError, match=rf"\(see probe {words[0]} --help\)"):
        run_program(words)
