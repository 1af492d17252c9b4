"""`probe enrol`: register this agent at a collector."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from probe.agent.collector_client import CollectorClient
from probe.agent.enrolment import enrol, origin_of
from probe.agent.further_collectors import folder_of
from probe.agent.identity import Enrolment, read_enrolment
from probe.cli import examples
from probe.clock import Clock
from probe.errors import ExitStatus, UsageError
from probe.settings import Settings, load
from probe.settings.paths import state_folder


@click.command(
    "enrol",
    epilog=examples(
        "probe enrol https://collector.example --token-file token",
        "probe enrol https://collector.example --token-file - < token",
    ),
)
@click.argument("url", metavar="URL")
@click.option("--token-file", required=True, metavar="FILE", help="File with the one-time token; - is standard input.")
@click.option("--role", type=click.Choice(["vantage", "control"]), help="Instead of [agent] role.")
@click.option("--again", is_flag=True, help="Enrol even if this agent is enrolled already.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings to read.")
def command(url: str, *, token_file: str, role: str | None, again: bool, config: Path | None) -> int:
    """Register this agent's key at the collector at URL with a one-time token, and keep the id that it gives.

    The key is created on this host and never leaves it. The token is read from a file, because other users of the host
    can see arguments.
    """
    settings = load(config, os.environ, {"agent.role": role})
    folder = state_folder(settings.agent.state, os.environ)
    if origin_of(url) in map(origin_of, settings.agent.further_collectors):
        folder = folder_of(folder, origin_of(url))
    known = read_enrolment(folder)
    if known is not None and known.origin == origin_of(url) and not again:
        sys.stdout.write(f"already enrolled at {known.origin} as {known.agent}\n")
        return ExitStatus.OK
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    enrolment = asyncio.run(enrol_at(origin_of(url), read_token_file(token_file), folder, settings, clock))
    sys.stdout.write(f"enrolled at {enrolment.origin} as {enrolment.agent}\n")
    return ExitStatus.OK


async def enrol_at(origin: str, token: str, folder: Path, settings: Settings, clock: Clock) -> Enrolment:
    """Enrol at a collector, as `probe.agent.enrolment.enrol` does, with a client of its own."""
    chosen = settings.agent
    async with CollectorClient((origin,), ca_file=chosen.ca_file, timeout=chosen.uplink_timeout) as client:
        return await enrol(client, origin, token, folder=folder, settings=settings, clock=clock)


def read_token_file(name: str) -> str:
    """The token in a file; `-` is standard input.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"the token cannot be read: {said}", where=name, mend="name another file") from error
    return text.strip()
