"""`probe enrol`: introduce this agent to a collector."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from probe.agent.collector_client import CollectorClient
from probe.agent.enrolment import enrol, origin_of
from probe.agent.identity import Enrolment, read_enrolment
from probe.clock import Clock
from probe.errors import ExitStatus, UsageError
from probe.settings import Settings, load
from probe.settings.paths import state_folder


@click.command("enrol")
@click.argument("url", metavar="URL")
@click.option("--token-file", required=True, metavar="FILE", help="File with the one-time token; - is standard input.")
@click.option("--role", type=click.Choice(["vantage", "control"]), help="In place of [agent] role.")
@click.option("--again", is_flag=True, help="Enrol even where this agent is enrolled already.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings to read.")
def command(url: str, *, token_file: str, role: str | None, again: bool, config: Path | None) -> int:
    """Introduce this agent to the collector at URL with a one-time token, and remember what it answers.

    The agent's key is made here and never leaves this host. The token is read from a file, because arguments can be
    seen by others.
    """
    settings = load(config, os.environ, {"agent.role": role})
    folder = state_folder(settings.agent.state, os.environ)
    known = read_enrolment(folder)
    if known is not None and known.origin == origin_of(url) and not again:
        sys.stdout.write(f"already enrolled at {known.origin} as {known.agent}\n")
        return ExitStatus.OK
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    enrolment = asyncio.run(_enrol(origin_of(url), _token(token_file), folder, settings, clock))
    sys.stdout.write(f"enrolled at {enrolment.origin} as {enrolment.agent}\n")
    return ExitStatus.OK


async def _enrol(origin: str, token: str, folder: Path, settings: Settings, clock: Clock) -> Enrolment:
    chosen = settings.agent
    async with CollectorClient((origin,), ca_file=chosen.ca_file, timeout=chosen.uplink_timeout) as client:
        return await enrol(client, origin, token, folder=folder, settings=settings, clock=clock)


def _token(name: str) -> str:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"the token cannot be read: {said}", where=name, mend="name another file") from error
    return text.strip()
