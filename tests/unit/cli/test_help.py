"""`probe help`."""

from __future__ import annotations

import pytest

from probe.cli.program import run_program
from probe.errors import UsageError


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_program([*words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("words", [("check",), ("collector", "token"), ("targets",), ("run",)])
def test_help_prints_what_the_option_prints(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "help", *words) == printed(capsys, *words, "--help")


def test_without_a_command_it_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "help") == printed(capsys, "--help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chekc",), "no command 'chekc': did you mean check?"),
        (("status", "more"), "probe status has no commands of its own"),
    ],
)
def test_a_word_that_is_no_command_is_one_line(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_program(["help", *words])

    assert said in str(caught.value)
