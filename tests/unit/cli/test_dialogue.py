"""Questions on a terminal: help, stopping, values that are asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from probe.cli.dialogue import SetupStoppedError, ask, ask_secret, confirm, read_yes_or_no
from probe.errors import UsageError


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the lines that the person types."""

    def give(*lines: str) -> None:
        left: Iterator[str] = iter(lines)

        def read(_: str = "") -> str:
            for line in left:
                return line
            raise EOFError

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr("getpass.getpass", read)

    return give


def number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError("no number")
    return int(text)


def test_a_bad_answer_is_asked_again(typed: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    typed("x", "?", " 7 ")

    assert ask("How many?", about="  Help.", read=number) == 7
    assert capsys.readouterr().out == "  no number\n  Help.\n"


def test_an_empty_answer_is_the_suggestion(typed: Callable[..., None]) -> None:
    typed("")

    assert ask("How many?", about="", read=number, suggestion="3") == 3


@pytest.mark.parametrize("lines", [["q"], ["x", "Q"], ["?", "q"], []])
def test_q_and_the_end_of_the_input_stop(lines: list[str], typed: Callable[..., None]) -> None:
    typed(*lines)

    with pytest.raises(SetupStoppedError, match="nothing was changed"):
        ask("How many?", about="", read=number)


def test_a_secret_is_read_without_echo(typed: Callable[..., None]) -> None:
    typed("?", "s3cret")

    assert ask_secret("Token?", about="", read=str) == "s3cret"


@pytest.mark.parametrize(
    "lines, expected",
    [(["yes"], True), (["YES"], True), (["y", "", "yes"], True), (["maybe", "NO"], False), (["n"], False)],
)
def test_only_the_whole_word_agrees(lines: list[str], expected: bool, typed: Callable[..., None]) -> None:
    typed(*lines)

    assert confirm("Sure?", about="") is expected


def test_a_less_weighty_answer_may_be_a_letter() -> None:
    assert [read_yes_or_no(text) for text in ("y", "YES", "n", "No")] == [True, True, False, False]
    with pytest.raises(UsageError, match="write yes or no"):
        read_yes_or_no("")
