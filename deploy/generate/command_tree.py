"""The commands of the program as plain records, for manual pages and shell completion."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import click

from probe.cli.program import program

HELP_WIDTH = 100
FILE_METAVARS = {"FILE", "FOLDER", "DIRECTORY", "PATH"}


@dataclass(frozen=True)
class DocumentedOption:
    """One option of a command.

    Attributes:
        spellings: as they are written, the short one first.
        value: what stands for the value in the help; empty for a flag.
        about: one sentence.
        takes_file: whether the value is the name of a file.
        choices: the values that it can have; empty where it can have any.
    """

    spellings: tuple[str, ...]
    value: str
    about: str
    takes_file: bool
    choices: tuple[str, ...]


@dataclass(frozen=True)
class DocumentedCommand:
    r"""One command.

    Attributes:
        words: as they are typed: `("probe", "targets", "list")`.
        usage: its usage line, without the words.
        about: the help, whose paragraphs are separated by empty lines; one that begins with `\b` keeps its lines.
        epilog: what stands below the options, likewise.
        options: in the order of the help.
        commands: the commands below it.
        takes_files: whether its arguments can be files.
    """

    words: tuple[str, ...]
    usage: str
    about: str
    epilog: str
    options: tuple[DocumentedOption, ...]
    commands: tuple[DocumentedCommand, ...]
    takes_files: bool

    @property
    def summary(self) -> str:
        """The first sentence of the help, without its full stop."""
        first = " ".join(self.about.partition("\n\n")[0].split())
        return first.partition(". ")[0].rstrip(".")

    def below(self) -> Iterator[DocumentedCommand]:
        """This command, then each one below it."""
        yield self
        for one in self.commands:
            yield from one.below()


def command_tree() -> DocumentedCommand:
    """The whole program."""
    return _read(program, ("probe",), None)


def _read(command: click.Command, words: tuple[str, ...], parent: click.Context | None) -> DocumentedCommand:
    context = click.Context(command, info_name=words[-1], parent=parent, **command.context_settings)
    children: list[DocumentedCommand] = []
    if isinstance(command, click.Group):
        named = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        children += [_read(one, (*words, name), context) for name, one in named if one is not None and not one.hidden]
    parameters = command.get_params(context)
    arguments = [one for one in parameters if isinstance(one, click.Argument)]
    return DocumentedCommand(
        words=words,
        usage=" ".join(command.collect_usage_pieces(context)),
        about=inspect.cleandoc(command.help or "").partition("\f")[0],
        epilog=inspect.cleandoc(command.epilog or ""),
        options=tuple(_option(one, context) for one in parameters if isinstance(one, click.Option) and not one.hidden),
        commands=tuple(children),
        takes_files=any(_takes_file(one) or one.metavar == "[TARGET]..." for one in arguments),
    )


def _takes_file(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, click.Path | click.File) or parameter.metavar in FILE_METAVARS


def _option(option: click.Option, context: click.Context) -> DocumentedOption:
    value = "" if option.is_flag or option.count else option.make_metavar(context)
    return DocumentedOption(
        spellings=tuple(sorted((*option.opts, *option.secondary_opts), key=len)),
        value=value,
        about=" ".join((option.help or "").split()),
        takes_file=bool(value) and _takes_file(option),
        choices=tuple(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else (),
    )
