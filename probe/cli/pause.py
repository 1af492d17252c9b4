"""`probe pause`: let the agent of this host rest.

It writes into the state folder alone (`probe.agent.pause_file`), and needs no running agent and no consent.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import click

from probe.agent.pause_file import Pause, write_pause
from probe.cli import examples
from probe.cli.durations import parse_duration
from probe.cli.localisation import translate as _
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.settings import load
from probe.settings.paths import state_folder

CONFIG = click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")


@click.command("pause", epilog=examples("probe pause", "probe pause --for 8h"))
@click.option("--for", "length", metavar="TIME", help="How long: 90s, 30m, 8h, 7d. Until `probe resume` when left out.")
@CONFIG
def command(length: str | None, config: Path | None) -> int:
    """Let the agent of this host rest: it contacts nobody until the pause ends, neither targets nor the collector.

    A running agent obeys within a second and drops the round that is under way; rounds started by cron end at once.
    Reports that wait are kept and sent after the pause. A pause outlasts restarts of the agent and of the host.
    """
    folder, now = folder_and_now(config)
    until = None if length is None else now + parse_duration(length, "--for")
    write_pause(folder, Pause(since=now, until=until))
    click.echo(pause_sentence(Pause(since=now, until=until)))
    return ExitStatus.OK


def pause_sentence(found: Pause) -> str:
    """A pause as a sentence."""
    if found.until is None:
        return _("Paused until `probe resume`: nobody is contacted.")
    return _("Paused until {moment} UTC: nobody is contacted.").format(moment=f"{found.until:%Y-%m-%d %H:%M}")


def folder_and_now(config: Path | None) -> tuple[Path, datetime]:
    """The state folder of the settings, and the date and time."""
    settings = load(config, os.environ)
    return state_folder(settings.agent.state, os.environ), Clock.parse(os.environ.get("PROBE_CLOCK", "")).now()
