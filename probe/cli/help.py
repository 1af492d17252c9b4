"""`probe help`: the help of any command, as `COMMAND --help` prints it."""

from __future__ import annotations

import click

from probe.cli import examples
from probe.errors import ExitStatus, UsageError


@click.command("help", epilog=examples("probe help", "probe help check", "probe help collector serve"))
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> int:
    """Print the help of COMMAND, or the list of all commands."""
    root = context.find_root()
    found: click.Command = root.command
    place = root
    for word in words:
        inner = found.resolve_command(place, [word])[1] if isinstance(found, click.Group) else None
        if inner is None:
            raise UsageError(
                f"{place.command_path} has no commands of its own", mend=f"see {place.command_path} --help"
            )
        found, place = inner, click.Context(inner, info_name=word, parent=place)
    click.echo(found.get_help(place))
    return ExitStatus.OK
