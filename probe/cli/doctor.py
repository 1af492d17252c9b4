"""`probe doctor`: try what the agent needs, and say how to mend what fails."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from probe.agent.collector_client import CollectorClient, HttpReply
from probe.agent.identity import read_enrolment
from probe.agent.pause_file import read_pause
from probe.cli import examples, printable
from probe.cli.doctor_checks import Check, NetworkFacts, local_checks, network_checks
from probe.cli.localisation import Untranslated
from probe.cli.localisation import translate as _
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.measure.host_checks import host_facts, resolve_seconds
from probe.session.session import Session
from probe.settings import Settings, load
from probe.settings.paths import state_folder

HEALTH_PATH = "/healthz"
MAX_HEALTH_BYTES = 4096
RESOLVER_TIMEOUT_SECONDS = 10.0


@click.command("doctor", epilog=examples("probe doctor", "probe doctor --local", "probe doctor --json"))
@click.option("--local", is_flag=True, help="Contact nobody: look at this host alone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(local: bool, as_json: bool, config: Path | None) -> int:
    """Try what the agent needs, and say how to mend what fails.

    Looks at consent, state folder, certificate authorities, privileges, tunnels, routes and MTU. Then it contacts the
    resolver, the anchors and the collector of the settings, as a round would, and no target: is the host online, is
    there a login page, does IPv6 work, is the clock right. Without consent, and during a pause, nobody is contacted.

    Exit status: 0 all well; 1 something is not; 2 the settings cannot be read.
    """
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    with Untranslated(wanted=as_json):
        checks = examine(settings, folder, clock, local=local)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode({"time": clock.now(), "checks": checks}) + b"\n")
    else:
        sys.stdout.write("".join(f"{printable(line)}\n" for line in check_lines(checks)))
    return ExitStatus.NOT_ALL_WELL if any(one.ok is False for one in checks) else ExitStatus.OK


def examine(settings: Settings, folder: Path, clock: Clock, *, local: bool) -> list[Check]:
    """All findings; those of the network only with consent and outside a pause.

    Args:
        settings: merged.
        folder: of the agent's state.
        clock: the date and time.
        local: contact nobody in any case.
    """
    checks = [*local_checks(settings, host_facts(), folder_problem(folder), clock.now())]
    if local:
        return checks
    why = "" if settings.agent.consent else _("nobody was contacted: there is no consent")
    if not why and read_pause(folder, clock.now()) is not None:
        why = _("nobody was contacted: the agent is paused")
    if why:
        return [*checks, Check(name="network", ok=None, said=why)]
    return [*checks, *network_checks(asyncio.run(contact(settings, folder, clock)))]


def check_lines(checks: Sequence[Check]) -> list[str]:
    """The findings as lines: whether it is well, what was found, how to mend it."""
    marks = {True: _("ok"), False: _("PROBLEM"), None: _("not tried")}
    width = max(map(len, marks.values()))
    lines = []
    for one in checks:
        lines.append(f"{marks[one.ok].ljust(width)}  {one.said}")
        if one.mend:
            lines.append(f"{' ' * width}  -> {one.mend}")
    return lines


def folder_problem(folder: Path) -> str:
    """Why the state folder, or the first folder above it that exists, cannot be written; empty when it can."""
    place = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as error:
        return f"{place}: {error.strerror}"


async def contact(settings: Settings, folder: Path, clock: Clock) -> NetworkFacts:
    """Look at the anchors, ask the resolver for the name of one, and ask the collector how it is."""
    name = next(filter(None, map(_name_in, settings.measure.anchors)), "")
    async with Session(settings, clock) as session:
        vantage = await session.look()
        nat64 = await session.nat64_prefixes() if name else ()
    seconds = await resolve_seconds(name, RESOLVER_TIMEOUT_SECONDS) if name else None
    enrolment = read_enrolment(folder)
    urls = settings.agent.collectors or ((enrolment.url,) if enrolment is not None else ())
    problem, ahead = await _ask_collector(urls, settings, clock) if urls else (None, None)
    return NetworkFacts(
        vantage=vantage,
        resolver_tried=bool(name),
        resolver_seconds=seconds,
        nat64=nat64,
        collector=problem,
        clock=ahead,
    )


def _name_in(url: str) -> str:
    """The host of a URL; empty where it is an address."""
    host = urlsplit(url).hostname or ""
    return "" if ":" in host or host.replace(".", "").isdigit() else host


async def _ask_collector(urls: Sequence[str], settings: Settings, clock: Clock) -> tuple[str, float | None]:
    """Why the collector does not answer, empty when it does; and by how much this host's clock is ahead of its."""
    chosen = settings.agent
    async with CollectorClient(urls, ca_file=chosen.ca_file, timeout=chosen.uplink_timeout) as client:
        reply = await client.get(HEALTH_PATH, {}, MAX_HEALTH_BYTES)
    if isinstance(reply, str):
        return reply, None
    try:
        healthy = msgspec.json.decode(reply.body, type=dict[str, str]).get("status") == "ok"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        healthy = False
    if not healthy:
        return _("what answers in its place ({status}) is no collector").format(status=reply.status), None
    return "", _ahead(reply, clock.now())


def _ahead(reply: HttpReply, now: datetime) -> float | None:
    try:
        return (now - parsedate_to_datetime(reply.date)).total_seconds()
    except (ValueError, TypeError):
        return None
