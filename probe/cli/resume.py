"""`probe resume`: let a paused agent go on."""

from __future__ import annotations

from pathlib import Path

import click

from probe.agent.pause_file import end_pause, read_pause
from probe.cli import examples
from probe.cli.localisation import translate as _
from probe.cli.pause import CONFIG, folder_and_now
from probe.errors import ExitStatus


@click.command("resume", epilog=examples("probe resume"))
@CONFIG
def command(config: Path | None) -> int:
    """End a pause: a running agent goes on within a second, and rounds started by cron measure again."""
    folder, now = folder_and_now(config)
    paused = read_pause(folder, now) is not None
    end_pause(folder)
    click.echo(_("The pause has ended.") if paused else _("There was no pause."))
    return ExitStatus.OK
