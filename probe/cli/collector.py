"""`probe collector`: serve the pages and take batches in; make the tokens volunteers enrol with."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import IO

import click

from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.server import serve as serve_pages
from probe.collector.store import agents
from probe.collector.store import register as kept_changes
from probe.collector.store.sqlite import open_store
from probe.errors import ListError, UsageError
from probe.lists.changes import MAX_LINE, read_changes
from probe.lists.register_diff import RegisterChange

MOST_CHANGES = 200_000
"""In one file, so that memory stays bounded: some 100 MB."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DB = click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    envvar="PROBE_COLLECTOR_DB",
    help="The database file; made when it is not there.",
)
CLOCK = click.option(
    "--clock", default="", metavar="ORIGIN@RATE[@SINCE]", help="A laboratory's clock; PROBE_CLOCK says the same."
)


@click.group(name="collector")
def command() -> None:
    """Take in what agents report, fuse it, and show it."""


@command.command()
@DB
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to serve.")
@click.option(
    "--origin",
    default="",
    metavar="URL",
    help="The URL agents know this collector by; that of --listen when not given.",
)
@CLOCK
def serve(db: Path, listen: str, origin: str, clock: str) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C); what is under way is finished first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    chosen = Clock.parse(clock or os.environ.get("PROBE_CLOCK", ""))
    asyncio.run(serve_pages(db, listen, origin, chosen, lambda page: click.echo(f"probe collector: {page}")))


@command.command()
@DB
@click.option(
    "--sponsor",
    default="",
    metavar="NAME",
    help="Who vouches for the volunteer; vantages of one sponsor count as one source.",
)
@click.option("--role", type=click.Choice(agents.ROLES), default="vantage", show_default=True)
@click.option(
    "--ttl", default="24h", show_default=True, metavar="TIME", help="How long the token is good: 90s, 30m, 24h, 7d."
)
@CLOCK
def token(db: Path, sponsor: str, role: str, ttl: str, clock: str) -> None:
    """Print a token with which one agent may enrol, once."""
    lasts = parse_ttl(ttl)
    now = Clock.parse(clock or os.environ.get("PROBE_CLOCK", "")).now()

    async def make() -> str:
        store = open_store(db)
        try:
            return await store.write(
                lambda session: make_token(session, role=role, sponsor=sponsor[:120], now=now, ttl=lasts)
            )
        finally:
            await store.close()

    click.echo(asyncio.run(make()))


@command.command()
@DB
@click.argument("agent")
def revoke(db: Path, agent: str) -> None:
    """Refuse this agent from now on; what it reported counts no longer."""

    async def mark() -> bool:
        store = open_store(db)
        try:
            return await store.write(lambda session: agents.revoke(session, agent))
        finally:
            await store.close()

    if not asyncio.run(mark()):
        raise UsageError(f"no agent {agent!r} is enrolled", where=str(db))


@command.command()
@DB
@click.option(
    "--country", default="RU", show_default=True, metavar="CC", help="Whose register it is: two capitals, ISO 3166."
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def register(db: Path, country: str, file: Path) -> None:
    """Take in register history: FILE is what `probe targets diff OLD NEW --json` prints (- for standard input).

    Changes of known services are kept and shown beside what was observed (`/s/<service>`); the others are counted and
    let go. The same file twice changes nothing; of a file with a bad line nothing is kept.
    """
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise UsageError(f"{country!r} is no country", where="--country", mend="write two capitals, such as RU")
    name = "standard input" if str(file) == "-" else str(file)
    try:
        with click.open_file(str(file), "rb") as stream:
            chosen, passed = of_services(stream, name)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name) from error

    async def keep() -> int:
        store = open_store(db)
        try:
            return await store.write(lambda session: kept_changes.store_changes(session, country, chosen))
        finally:
            await store.close()

    new = asyncio.run(keep())
    click.echo(f"{name}: {len(chosen) + passed} changes; {new} new, {len(chosen) - new} known, {passed} of no service.")


def of_services(stream: IO[bytes], name: str) -> tuple[list[RegisterChange], int]:
    """The changes that belong to a service and have a time, and how many others there were.

    Raises:
        ListError: a line is no change, or there are too many of them; with file and line.
    """
    chosen: list[RegisterChange] = []
    passed = 0
    for number, change in enumerate(read_changes(iter(lambda: stream.readline(MAX_LINE + 1), b""), name), start=1):
        if number > MOST_CHANGES:
            raise ListError(f"more than {MOST_CHANGES} changes", where=name, mend="give it in parts")
        if change.service and not change.pages_only and (change.before or change.included):
            chosen.append(change)
        else:
            passed += 1
    return chosen, passed


def parse_ttl(text: str) -> timedelta:
    """A time as `24h`.

    Raises:
        UsageError: it has another form.
    """
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"{text!r} is no time", where="--ttl", mend="write 90s, 30m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
