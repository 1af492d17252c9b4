"""`probe collector`: serve pages and accept batches; make enrolment tokens; revoke agents; import register history."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from probe.cli import collector_alerts, collector_demo, collector_log, collector_transfer, examples
from probe.cli.collector_agents import agents_command, audit_command, revoke_agent
from probe.cli.collector_database import CLOCK, DB, in_database, now_of
from probe.cli.collector_ooni import load_ooni
from probe.cli.collector_trust import trust_options, trust_settings
from probe.cli.durations import parse_duration
from probe.clock import Clock
from probe.collector.connections.address_free_log import configure_collector_log
from probe.collector.intake.enrolment import make_token
from probe.collector.intake.import_file import ImportResult, import_batches
from probe.collector.roles import ProcessRole, parse_roles
from probe.collector.server import serve as serve_pages
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, erasure, to_ms
from probe.collector.store import register as kept_changes
from probe.collector.store.database_url import open_store, shown, sqlite_path
from probe.collector.web.responses import ApiError
from probe.errors import ExitStatus, ListError, StorageError, UsageError
from probe.formats import outbox_file
from probe.formats.jsonlines import without_mark
from probe.lists.changes import MAX_LINE, read_changes
from probe.lists.register_diff import RegisterChange

MAX_CHANGES_PER_FILE = 200_000
"""Changes in one file, so that memory stays bounded: about 100 MB."""


@click.group(
    name="collector",
    epilog=examples(
        "probe collector serve --db c.sqlite --listen 127.0.0.1:8017",
        "probe collector token --db c.sqlite --sponsor club > token",
    ),
)
def command() -> None:
    """Run a collector: accept reports of agents, fuse them into events, publish them."""


command.add_command(agents_command, "agents")
command.add_command(audit_command)
command.add_command(load_ooni)
for _command in (*collector_alerts.COMMANDS, *collector_transfer.COMMANDS):
    command.add_command(_command)


@command.command(epilog=examples("probe collector serve --db c.sqlite --origin https://collector.example"))
@DB
@click.option(
    "--listen", default="127.0.0.1:8017", show_default=True, metavar="HOST:PORT", help="Address to listen on."
)
@click.option(
    "--origin",
    default="",
    metavar="URL",
    help="URL under which agents know this collector; by default that of --listen.",
)
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="NETWORK",
    help="Reverse proxies whose X-Forwarded-For names the client; repeatable. Default: this host, private networks.",
)
@CLOCK
@click.option("--control", is_flag=True, help="Run a control agent in this process; it contacts what agents contact.")
@click.option("--accept-risks", is_flag=True, help="Consent to what the control contacts, for this run alone.")
@click.option("--dry-run", is_flag=True, help="With --control: print what it would contact; serve nothing.")
@click.option(
    "--trust-control",
    "trusted",
    multiple=True,
    metavar="URL",
    help="Take over the control of the collector at URL, signed with its key; repeatable.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="With --control: its settings, as of an agent."
)
@click.option(
    "--roles",
    default=",".join(ProcessRole),
    show_default=True,
    metavar="LIST",
    help="What this process does; several processes on one database can share the work.",
)
@trust_options
def serve(
    db: str,
    listen: str,
    origin: str,
    clock: str,
    *,
    control: bool,
    accept_risks: bool,
    dry_run: bool,
    trusted: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    config: Path | None,
    roles: str,
    shadow: str,
    canaries: Path | None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in progress are finished first.

    With --control a control agent measures the agents' targets from this host, every five minutes. Without any control
    silence and resets cannot be told from a dead site. It needs a host where nobody interferes, and consent.
    """
    from probe.cli import collector_control  # noqa: PLC0415 - a collector without --control needs none of it

    chosen_roles = parse_roles(roles)
    chosen = Clock.parse(clock or os.environ.get("PROBE_CLOCK", ""))
    if not control and (dry_run or accept_risks or config):
        raise UsageError("--dry-run, --accept-risks and --config are of the control", mend="give --control as well")
    beside = [trust_settings(shadow, canaries), *(collector_control.trusting(url) for url in trusted)]
    if control:
        settings = collector_control.control_settings(config)
        if dry_run:
            collector_control.print_contacts(settings)
            return
        collector_control.demand_consent(settings, accept_risks=accept_risks)
        beside.append(collector_control.companion(settings, sqlite_path(db) or Path("collector"), chosen))
    configure_collector_log()
    asyncio.run(serve_pages(db, listen, origin, chosen, _announce, beside, trusted_proxies, roles=chosen_roles))


def _announce(page: str) -> None:
    click.echo(f"probe collector: {page}")


@command.command(epilog=examples("probe collector token --db c.sqlite --sponsor club > token"))
@DB
@click.option(
    "--sponsor",
    default="",
    metavar="NAME",
    help="Who vouches for the volunteer; vantages of one sponsor count as one source.",
)
@click.option("--role", type=click.Choice(agents.ROLES), default="vantage", show_default=True)
@click.option(
    "--ttl", default="24h", show_default=True, metavar="TIME", help="How long the token is valid: 90s, 30m, 24h, 7d."
)
@CLOCK
def token(db: str, sponsor: str, role: str, ttl: str, clock: str) -> None:
    """Print a token with which one agent can enrol, once."""
    lasts = parse_duration(ttl, "--ttl")
    now = Clock.parse(clock or os.environ.get("PROBE_CLOCK", "")).now()

    async def make() -> str:
        store = open_store(db, create=False)
        try:
            return await store.write(
                lambda session: make_token(session, role=role, sponsor=sponsor[:120], now=now, ttl=lasts)
            )
        finally:
            await store.close()

    click.echo(asyncio.run(make()))


@command.command(
    "import", epilog=examples("probe collector import --db c.sqlite --origin https://collector.example reports.jsonl")
)
@DB
@click.option("--origin", required=True, metavar="URL", help="URL under which agents know this collector, as served.")
@CLOCK
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def import_(db: str, origin: str, clock: str, file: Path) -> int:
    """Take in the reports in FILE, which an agent has written with `probe outbox export` (- for standard input).

    Each is checked as if it had come over the network, and stored once, however often and by whatever way it comes. The
    collector may be serving meanwhile. Exit status 1: a report was refused, and is named.
    """
    chosen = Clock.parse(clock or os.environ.get("PROBE_CLOCK", ""))

    async def take() -> ImportResult:
        store = open_store(db, create=False)
        try:
            with click.open_file(str(file), "rb") as stream:
                collector = Collector(store, chosen, origin, b"")
                return await import_batches(collector, outbox_file.read(stream, str(file)))
        finally:
            await store.close()

    try:
        result = asyncio.run(take())
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except ApiError as error:
        raise StorageError(error.message, where=shown(db), mend="import the file again later") from error
    click.echo(f"{file}: {result.new} new, {result.known} known, {len(result.refused)} refused")
    for line in result.refused:
        click.echo(f"probe: {line}", err=True)
    return ExitStatus.NOT_ALL_WELL if result.refused else ExitStatus.OK


@command.command(epilog=examples("probe collector revoke --db c.sqlite 0123456789abcdef"))
@DB
@click.argument("agent")
def revoke(db: str, agent: str) -> None:
    """Refuse this agent from now on; its reports no longer count."""
    moment = now_of()
    if not in_database(db, lambda session: revoke_agent(session, agent, moment)):
        raise UsageError(f"no agent {agent!r} is enrolled", where=shown(db))


@command.command(epilog=examples("probe collector forget --db c.sqlite 0123456789abcdef"))
@DB
@click.argument("agent")
def forget(db: str, agent: str) -> None:
    """Erase everything of this agent, as `probe forget` asks: for one whose key is lost. It may enrol anew.

    Events that others report as well stay; those that it alone reported are withdrawn.
    """
    now = to_ms(Clock.parse(os.environ.get("PROBE_CLOCK", "")).now())

    def erase(session: StoreSession) -> bool:
        found = agents.agent(session, agent)
        if found is not None:
            erasure.erase_agent(session, found, now)
        return found is not None

    async def run() -> bool:
        store = open_store(db, create=False)
        try:
            known = await store.write(erase)
            await store.erase_remains()
            return known
        finally:
            await store.close()

    if not asyncio.run(run()):
        raise UsageError(f"no agent {agent!r} is enrolled", where=shown(db))


@command.command(
    epilog=examples("probe targets diff old.csv new.csv --json | probe collector register --db c.sqlite --country RU -")
)
@DB
@click.option(
    "--country",
    default="RU",
    show_default=True,
    metavar="CC",
    help="Country of the register: two capital letters, ISO 3166.",
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
def register(db: str, country: str, file: Path) -> None:
    """Import register history from FILE, the output of `probe targets diff OLD NEW --json` (- for standard input).

    Changes of known services are stored and shown beside the observations (`/s/<service>`); the others are counted.
    Importing a file again changes nothing. A file with a bad line is not imported at all.
    """
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise UsageError(f"{country!r} is no country", where="--country", mend="write two capitals, such as RU")
    name = "standard input" if str(file) == "-" else str(file)
    try:
        with click.open_file(str(file), "rb") as stream:
            chosen, passed = of_services(stream, name)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name) from error

    now = now_of("")

    async def keep() -> int:
        store = open_store(db, create=False)
        try:
            return await store.write(lambda session: kept_changes.store_changes(session, country, chosen, now))
        finally:
            await store.close()

    new = asyncio.run(keep())
    click.echo(f"{name}: {len(chosen) + passed} changes; {new} new, {len(chosen) - new} known, {passed} of no service.")


def of_services(stream: IO[bytes], name: str) -> tuple[list[RegisterChange], int]:
    """The changes that belong to a service and have a time, and the number of the others.

    Raises:
        ListError: a line is not a change, or there are too many; it names file and line.
        RecordError: the file is UTF-16.
    """
    chosen: list[RegisterChange] = []
    passed = 0
    for number, change in enumerate(read_changes(_lines_of(stream, name), name), start=1):
        if number > MAX_CHANGES_PER_FILE:
            raise ListError(f"more than {MAX_CHANGES_PER_FILE} changes", where=name, mend="give it in parts")
        if change.service and not change.pages_only and (change.before or change.included):
            chosen.append(change)
        else:
            passed += 1
    return chosen, passed


def _lines_of(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines of a stream, cut to one byte more than a change may have, without a byte order mark."""
    line = without_mark(stream.readline(MAX_LINE + 1), f"{name}:1")
    while line:
        yield line
        line = stream.readline(MAX_LINE + 1)


for _more in (
    collector_log.log,
    collector_log.follow,
    collector_log.unfollow,
    collector_log.following,
    collector_demo.command,
):
    command.add_command(_more)
