"""The click group over the table of commands."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

from probe import __version__
from probe.cli import COMMANDS, INTERRUPTED
from probe.errors import ExitStatus, UsageError

EPILOG = """Exit status: 0 all well (every target reachable); 1 not all well; 2 bad usage or unreadable input;
3 the vantage is offline."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when help lists them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="probe %(version)s")
def program() -> None:
    """Notice when a network blocks a service, and when it stops."""


def run_program(words: list[str]) -> int:
    """Parse and run; every command returns its exit status or None for 0.

    Raises:
        UsageError: click did not understand the words.
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
        return INTERRUPTED
    return status if isinstance(status, int) else ExitStatus.OK
