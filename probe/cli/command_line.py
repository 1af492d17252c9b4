"""The options of a command as a table, and a parser of the plain command lines that cron jobs and harnesses use.

click costs more time than a whole check of one address. `probe.cli.program` builds the click command of the same table;
it parses what is not plain here, prints the help and says what is wrong with a command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Values = dict[str, Any]
"""Parameter of the command's function -> value."""


class CommandOption:
    """One option of a command.

    Args:
        flag: as it is written: `--timeout`.
        about: one sentence for the help.
        kind: `flag`, `text`, `number`, `integer` or `path`.
        metavar: stands for the value in the help; empty for a flag.
        parameter: of the command's function; the flag's words when empty.
        short: a second spelling, `-v`.
        repeatable: every occurrence counts, and the value is a tuple; otherwise the last one.
    """

    __slots__ = ("about", "flag", "kind", "metavar", "parameter", "repeatable", "short")

    def __init__(
        self,
        flag: str,
        about: str,
        *,
        kind: str = "text",
        metavar: str = "",
        parameter: str = "",
        short: str = "",
        repeatable: bool = False,
    ) -> None:
        self.flag = flag
        self.about = about
        self.kind = kind
        self.metavar = metavar
        self.parameter = parameter or flag.removeprefix("--").replace("-", "_")
        self.short = short
        self.repeatable = repeatable

    @property
    def default(self) -> object:
        """The value where the option is not given."""
        return () if self.repeatable else False if self.kind == "flag" else None


class CommandLine:
    """A command: its function, its options and its arguments.

    Args:
        name: the word after `probe`.
        function: takes every parameter by keyword and returns the exit status. Its docstring is the command's help.
        options: in the order of the help.
        arguments: parameter for the words that are no options; empty where there are none.
        arguments_metavar: stands for them in the help.
        examples: command lines for the end of the help.
    """

    __slots__ = ("arguments", "arguments_metavar", "examples", "function", "name", "options")

    def __init__(
        self,
        name: str,
        function: Callable[..., int],
        options: tuple[CommandOption, ...],
        *,
        arguments: str = "",
        arguments_metavar: str = "",
        examples: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.function = function
        self.options = options
        self.arguments = arguments
        self.arguments_metavar = arguments_metavar
        self.examples = examples

    @property
    def epilog(self) -> str:
        """The end of the help: the examples, which click must not wrap; empty without any."""
        return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in self.examples) if self.examples else ""

    def parse_plain(self, words: Sequence[str]) -> Values | None:
        """The values of a plain command line; None for one that click is to read.

        Plain are options that this command has, written in full, with values that do not begin with a dash.
        """
        spellings = {spelling: one for one in self.options for spelling in (one.flag, one.short) if spelling}
        values: Values = {one.parameter: one.default for one in self.options}
        others: list[str] = []
        rest = iter(words)
        for word in rest:
            if not word.startswith("-") or word == "-":
                others.append(word)
                continue
            flag, has_value, text = word.partition("=")
            option = spellings.get(flag)
            if option is None or (has_value and (option.kind == "flag" or flag == option.short)):
                return None
            if option.kind == "flag":
                values[option.parameter] = True
                continue
            given = text if has_value else next(rest, "--")
            if not has_value and given.startswith("-") and given != "-":
                return None
            value = _converted(given, option.kind)
            if value is None:
                return None
            values[option.parameter] = (*values[option.parameter], value) if option.repeatable else value
        if others and not self.arguments:
            return None
        return values | {self.arguments: tuple(others)} if self.arguments else values


def _converted(text: str, kind: str) -> str | float | Path | None:
    """The value of an option as its kind; None where the text is no such value."""
    try:
        if kind == "number":
            return float(text)
        if kind == "integer":
            return int(text)
    except ValueError:
        return None
    if kind == "path":
        from pathlib import Path  # noqa: PLC0415 - few command lines name a file

        return Path(text)
    return text
