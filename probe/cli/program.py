"""The command group of click: it reads what `probe.cli.command_line` does not, prints the help and names mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click

from probe import __version__
from probe.cli.command_line import CommandLine, CommandOption
from probe.errors import ExitStatus, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("probe.cli.check:COMMAND", "Measure targets once, now, and judge them."),
    "sweep": ("probe.cli.sweep:COMMAND", "Measure a register of up to millions of targets."),
    "judge": ("probe.cli.judge:command", "Judge the evidence of verdicts again with this version's rules."),
    "replay": ("probe.cli.replay:command", "Feed verdicts to the detector and print the transitions."),
    "explain": ("probe.cli.explain:command", "Show why a change of a target was or was not reported."),
    "setup": ("probe.cli.setup:command", "Explain the risk, ask for consent, and write an agent's settings."),
    "run": ("probe.cli.run:COMMAND", "Watch the targets: as a daemon, or once for cron."),
    "status": ("probe.cli.status:command", "Show what is blocked and since when, and how the agent is."),
    "pause": ("probe.cli.pause:command", "Let the agent rest: nobody is contacted."),
    "resume": ("probe.cli.resume:command", "End a pause."),
    "forget": ("probe.cli.forget:command", "Delete this agent, here and at its collectors."),
    "enrol": ("probe.cli.enrol:command", "Register this agent at a collector with a one-time token."),
    "outbox": ("probe.cli.outbox:command", "Show the reports that wait; carry them in a file."),
    "doctor": ("probe.cli.doctor:command", "Try what the agent needs, and say how to mend what fails."),
    "bug-report": ("probe.cli.bug_report:command", "Write a report for whoever helps, without what identifies you."),
    "verify": ("probe.cli.verify:command", "Check what a collector's transparency log proves."),
    "collector": ("probe.cli.collector:command", "Run a collector and administer it."),
    "ooni": ("probe.cli.ooni:command", "Read OONI's measurements; write ours as theirs."),
    "targets": ("probe.cli.targets:command", "List, validate, import and download targets."),
    "help": ("probe.cli.help:command", "Print the help of a command."),
}
"""Name of a command -> (module:attribute of the click command or the `CommandLine`, one line for `probe --help`)."""
EPILOG = """\b
Examples:
  probe check https://example.com/    measure one target now
  probe setup                         set up an agent; it asks before it contacts anything
  probe run --dry-run                 print what the agent would contact
  probe targets list                  the services that ship with the program

Exit status: 0 all well (every target reachable); 1 not all well; 2 bad usage or unreadable input;
3 the vantage is offline."""


class _LazyGroup(click.Group):
    """A group that imports a command when it is called, not when the help lists it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(module), attribute)
        return click_command(found) if isinstance(found, CommandLine) else cast("click.Command", found)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; where it names none, the error says which is meant perhaps."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, 1)
            meant = f": did you mean {near[0]}?" if near else ""
            raise UsageError(f"no command {args[0]!r}{meant}", mend="see probe --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


_CLICK_TYPES: Mapping[str, Any] = {
    "flag": None,
    "text": None,
    "number": float,
    "integer": int,
    "path": click.Path(path_type=Path),
}
"""Kind of an option (`probe.cli.command_line`) -> its type for click."""


def click_command(line: CommandLine) -> click.Command:
    """The click command of a table of options."""
    parameters: list[click.Parameter] = [_click_option(one) for one in line.options]
    if line.arguments:
        parameters.insert(0, click.Argument([line.arguments], nargs=-1, metavar=line.arguments_metavar))
    return click.Command(
        line.name,
        params=parameters,
        callback=line.function,
        help=line.function.__doc__,
        epilog=line.epilog,
    )


def _click_option(one: CommandOption) -> click.Option:
    spellings = [spelling for spelling in (one.short, one.flag, one.parameter) if spelling]
    if one.kind == "flag":
        return click.Option(spellings, is_flag=True, help=one.about)
    kind = _CLICK_TYPES[one.kind]
    return click.Option(spellings, type=kind, multiple=one.repeatable, metavar=one.metavar, help=one.about)


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="probe %(version)s")
def program() -> None:
    """Notice when a network blocks a service, and when it stops."""


def run_program(words: list[str]) -> int:
    """Parse the words after `probe`, run the command, return its exit status.

    Raises:
        UsageError: the words are no valid command line.
    """
    try:
        status = program.main(args=words, prog_name="probe", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        click.echo(help_wanted.ctx.get_help())
        return ExitStatus.USAGE
    except click.FileError as error:
        raise UsageError(error.message, where=error.ui_filename) from error
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx is not None else "probe"
        raise UsageError(error.format_message().rstrip("."), mend=f"see {path} --help") from error
    except click.Abort:
        return ExitStatus.INTERRUPTED
    return status if isinstance(status, int) else ExitStatus.OK
