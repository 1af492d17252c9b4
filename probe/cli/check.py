"""`probe check`: measure each target once, now, and judge it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path

import click

from probe.agent.control_facts import read_control_file
from probe.cli import say
from probe.cli.listfiles import gather_targets
from probe.cli.output import VerdictCounts, VerdictProgress, describe_notes, print_table
from probe.cli.program import relax_garbage_collection
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.formats import jsonlines
from probe.model.target import Target
from probe.model.verdict import ControlFacts, Verdict
from probe.session.session import Session
from probe.settings import Settings, load

EmitVerdict = Callable[[Verdict], None]
"""Prints a verdict, or keeps it for the table."""


@click.command("check")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--targets", "files", multiple=True, metavar="FILE", help="A list of targets; - is standard input. Repeatable."
)
@click.option("--strict", is_flag=True, help="Measure nothing when a row of a list is no target (exit status 2).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines, one verdict a target, and nothing else.")
@click.option("--control", metavar="FILE", help="Verdicts of the same targets from an uncensored host.")
@click.option(
    "--trusted-resolver",
    multiple=True,
    metavar="URL",
    help="An encrypted resolver: https://…/dns-query or tls://host:853. Repeatable.",
)
@click.option(
    "--anchor",
    multiple=True,
    metavar="URL",
    help="A URL that works from anywhere; when all fail, the vantage is offline. Repeatable.",
)
@click.option(
    "--domestic-anchor", multiple=True, metavar="URL", help="A URL inside the vantage's own country. Repeatable."
)
@click.option("--timeout", type=float, metavar="SECONDS", help="The longest any single step may take.")
@click.option("--concurrency", type=int, metavar="N", help="How many targets are measured at once.")
@click.option("--pace", type=float, metavar="N", help="Handshakes a second to one network; 0 for no limit.")
@click.option("--localise", is_flag=True, help="Locate the interfering hop of what is blocked.")
@click.option("--send", is_flag=True, help="Test an upload of 64 KiB to what is reachable.")
@click.option("--packets", is_flag=True, help="Capture the packets of what fails, where that is allowed.")
@click.option("--pcap", is_flag=True, help="The same, and keep them in the state folder without our addresses.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(
    targets: tuple[str, ...],
    files: tuple[str, ...],
    *,
    strict: bool,
    as_json: bool,
    config: Path | None,
    **options: object,
) -> int:
    """Measure each TARGET once, now, and judge it.

    A target is a URL, a host, dns://host, tcp://address:port, tls://address:port/sni, quic://host:port or a range.
    An empty string for --anchor, --domestic-anchor or --trusted-resolver means none. Exit status: 0 every target
    reachable; 1 some target is not, or a row of a list is no target and was skipped; 2 bad usage or unreadable input; 3
    the vantage is offline.
    """
    settings = load(config, os.environ, _overrides(options))
    gathered = gather_targets(targets, files)
    if gathered.bad_rows and strict:
        return ExitStatus.USAGE
    control = read_control_file(Path(settings.agent.control), say) if settings.agent.control else {}
    counts = VerdictCounts()
    verdicts: list[Verdict] = []
    with VerdictProgress(len(gathered.targets)) as progress:

        def emit(one: Verdict) -> None:
            counts.add(one)
            if as_json:
                sys.stdout.buffer.write(jsonlines.write(one))
                sys.stdout.buffer.flush()
            else:
                verdicts.append(one)
            progress.advance(counts)

        relax_garbage_collection()
        asyncio.run(_measure(gathered.targets, settings, control, emit))
    if not as_json:
        print_table(_in_order(verdicts, gathered.targets), counts)
    return ExitStatus.NOT_ALL_WELL if counts.status is ExitStatus.OK and gathered.bad_rows else counts.status


def _overrides(options: Mapping[str, object]) -> dict[str, object]:
    """The settings that the options change; an anchor of either kind replaces both kinds of the configuration."""

    def listed(name: str) -> list[str] | None:
        words = options[name]
        return [word for word in words if word] if isinstance(words, tuple) and words else None

    anchors, domestic = listed("anchor"), listed("domestic_anchor")
    if anchors is not None or domestic is not None:
        anchors, domestic = anchors or [], domestic or []
    return {
        "measure.anchors": anchors,
        "measure.domestic_anchors": domestic,
        "measure.trusted_resolvers": listed("trusted_resolver"),
        "measure.timeout": options["timeout"],
        "measure.concurrency": options["concurrency"],
        "measure.pace": options["pace"],
        "measure.localise": "always" if options["localise"] else None,
        "measure.send": "always" if options["send"] else None,
        "measure.packets": "pcap" if options["pcap"] else "numbers" if options["packets"] else None,
        "agent.control": options["control"],
    }


async def _measure(
    entries: Sequence[tuple[str, Target]], settings: Settings, control: Mapping[str, ControlFacts], emit: EmitVerdict
) -> None:
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    async with Session(settings, clock) as session:
        session.prepare(control)
        if session.missing_packets:
            click.echo(f"probe: measuring without packets: {session.missing_packets}", err=True)
        for sentence in describe_notes((await session.look()).notes):
            click.echo(f"probe: {sentence}", err=True)
        # An error of `emit` (the reader has gone, the disk is full) ends the measuring at once.
        async with aclosing(session.verdicts(entries)) as verdicts:
            async for verdict in verdicts:
                emit(verdict)


def _in_order(verdicts: Sequence[Verdict], entries: Sequence[tuple[str, Target]]) -> list[Verdict]:
    """The verdicts in the order in which the targets were given, so that they can be compared with a list."""
    place = {text: number for number, (text, _) in reversed(list(enumerate(entries)))}
    return sorted(verdicts, key=lambda one: place[one.target])
