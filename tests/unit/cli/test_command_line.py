"""Plain command lines are read as click reads them, and every other is left to click."""

from __future__ import annotations

from typing import Any

import click
import pytest

from probe.cli.check import COMMAND as CHECK
from probe.cli.command_line import CommandLine
from probe.cli.program import click_command
from probe.cli.run import COMMAND as RUN

PLAIN = [
    ["tcp://192.0.2.1:443"],
    ["--json", "a.example", "b.example", "--strict"],
    ["a.example", "--anchor=", "--trusted-resolver="],
    ["--anchor", "https://a.example/", "--anchor=https://b.example/", "c.example"],
    ["--targets", "-", "--targets", "list.csv"],
    ["-", "--timeout", "2.5", "--concurrency=7", "--pace", "0"],
    ["--timeout=1", "--timeout=2", "a.example"],
    ["--control=a=b", "--config", "probe.toml", "a.example"],
    ["--control", "", "", "a.example"],
    ["--localise", "--send", "--packets", "--pcap", "--domestic-anchor=https://d.example/"],
    [],
]
OTHERS = [
    ["--help"],
    ["-h"],
    ["--"],
    ["--no-such-option", "a.example"],
    ["--js", "a.example"],
    ["--json=1"],
    ["--timeout"],
    ["--timeout", "soon"],
    ["--timeout", "-1"],
    ["--concurrency", "1.5"],
    ["--anchor", "--json"],
    ["-x"],
]


def by_click(line: CommandLine, words: list[str]) -> dict[str, Any]:
    """The values that click gives to the command's function."""
    with click_command(line).make_context("probe", list(words)) as context:
        return dict(context.params)


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_a_plain_command_line_has_the_values_that_click_reads(words: list[str]) -> None:
    """Types included: an option given twice, an empty value, a path."""
    values = CHECK.parse_plain(words)

    assert values == by_click(CHECK, words)
    assert values is not None
    assert [type(value) for _, value in sorted(values.items())] == [
        type(value) for _, value in sorted(by_click(CHECK, words).items())
    ]


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_what_is_not_plain_is_left_to_click(words: list[str]) -> None:
    assert CHECK.parse_plain([*words]) is None


@pytest.mark.parametrize(
    "words", [[], ["--once"], ["--once", "-v", "--config", "a.toml"], ["--verbose", "--dry-run", "--i-understand"]]
)
def test_flags_and_their_short_spellings_are_read(words: list[str]) -> None:
    assert RUN.parse_plain(words) == by_click(RUN, words)


@pytest.mark.parametrize("words", [["a.example"], ["-vv"], ["-v=1"], ["--once", "x"]])
def test_words_that_a_command_does_not_take_are_left_to_click(words: list[str]) -> None:
    assert RUN.parse_plain(words) is None
    with pytest.raises(click.UsageError):
        by_click(RUN, [*words, "a.example"])
