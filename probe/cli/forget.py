"""`probe forget`: delete this agent, here and at its collectors."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from probe.agent.forgetting import (
    PENDING_FILE,
    PendingRequest,
    erase_folder,
    keep_pending,
    known_enrolment,
    remove_folder,
    send_request,
)
from probe.cli import examples, printable
from probe.cli.localisation import translate as _
from probe.errors import ExitStatus, UsageError
from probe.settings import Settings, load
from probe.settings.paths import state_folder


@click.command("forget", epilog=examples("probe forget", "probe forget --yes", "probe forget --local-only"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--local-only", is_flag=True, help="Delete the files of this host alone, and tell no collector.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(yes: bool, local_only: bool, config: Path | None) -> int:
    """Delete the key, the state and the history of this agent, and have each collector erase what it sent.

    A collector erases the agent's records, reports, evidence and public name. Events that others report as well stay;
    those that this agent alone reported are withdrawn. When a collector does not answer, only the signed request is
    kept here: run the command again later. Stop the agent first. The settings file and the program stay.

    Exit status: 0 nothing is left; 1 a collector did not answer, and the request waits; 2 the agent is running.
    """
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    if not folder.is_dir():
        click.echo(_("There is no state in {folder}: nothing to forget.").format(folder=folder))
        return ExitStatus.OK
    if not yes:
        _ask(folder)
    enrolment = known_enrolment(folder)
    requests = erase_folder(folder, settings, tell=not local_only)
    click.echo(_("Deleted: key, state and history in {folder}.").format(folder=folder))
    unanswered = asyncio.run(_tell(requests, settings))
    if requests:
        keep_pending(folder, unanswered)
    if unanswered:
        if enrolment is not None:
            said = _("The operator of {collector} can erase it, too: its id there is {agent}.")
            click.echo(said.format(collector=enrolment.origin, agent=enrolment.agent))
        click.echo(
            _("Kept until every collector has answered: {file}. Run `probe forget` again.").format(
                file=folder / PENDING_FILE
            )
        )
        return ExitStatus.NOT_ALL_WELL
    remove_folder(folder)
    if settings.source:
        click.echo(_("The settings in {file} stay; delete them by hand.").format(file=settings.source))
    return ExitStatus.OK


async def _tell(requests: Sequence[PendingRequest], settings: Settings) -> list[PendingRequest]:
    """Send the requests, print what came of each, and return those that must be sent again."""
    unanswered = []
    for request in requests:
        problem = await send_request(request, settings)
        if problem:
            unanswered.append(request)
            said = _("{collector}: not erased: {problem}").format(collector=request.origin, problem=problem)
            click.echo(printable(said))
        else:
            click.echo(_("{collector}: everything of this agent is erased.").format(collector=request.origin))
    return unanswered


def _ask(folder: Path) -> None:
    """Ask whether to go on.

    Raises:
        UsageError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError("this deletes the agent's key and state for good", where=str(folder), mend="say --yes")
    question = _("Delete key, state and history in {folder}, and have the collectors erase what they hold?")
    click.confirm(question.format(folder=folder), abort=True)
