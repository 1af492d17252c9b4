"""`probe check`: measure each target once, now, and judge it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli import say
from probe.cli.command_line import CommandLine, CommandOption
from probe.cli.given_targets import gather_targets
from probe.cli.output import VerdictCounts, VerdictProgress, describe_notes, print_table
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.formats import jsonlines
from probe.lazy import lazy
from probe.model.target import Target
from probe.model.verdict import ControlFacts, Status, Verdict
from probe.session.session import Session
from probe.settings import Settings, load
from probe.settings.paths import state_folder

if TYPE_CHECKING:
    from probe.agent import control_facts
    from probe.cli import first_use, verdict_words
else:
    control_facts, first_use = lazy("probe.agent.control_facts"), lazy("probe.cli.first_use")
    verdict_words = lazy("probe.cli.verdict_words")

EmitVerdict = Callable[[Verdict], None]
"""Prints a verdict, or keeps it for the table."""


def check(
    *,
    targets: Sequence[str],
    files: Sequence[str],
    strict: bool,
    as_json: bool,
    config: Path | None,
    **options: object,
) -> int:
    """Measure each TARGET once, now, and judge it.

    A target is a URL, a host, dns://host, tcp://address:port, tls://address:port/sni, quic://host:port or a range.
    An empty string for --anchor, --domestic-anchor or --trusted-resolver means none. Exit status: 0 every target
    reachable; 1 some target is not, or a row of a list is no target and was skipped; 2 bad usage or unreadable input; 3
    the vantage is offline; 130 interrupted: what was measured until then is printed.
    """
    settings = load(config, os.environ, overrides(options))
    gathered = gather_targets(targets, files)
    if gathered.bad_rows and strict:
        return ExitStatus.USAGE
    control = control_facts.read_control_file(Path(settings.agent.control), say) if settings.agent.control else {}
    if not as_json and sys.stderr.isatty():
        first_use.warn_once(settings.measure.trusted_resolvers, state_folder(settings.agent.state, os.environ))
    counts = VerdictCounts()
    verdicts: list[Verdict] = []

    def emit(one: Verdict) -> None:
        counts.add(one)
        if as_json:
            sys.stdout.buffer.write(jsonlines.write(one))
            sys.stdout.buffer.flush()
        else:
            verdicts.append(one)

    interrupted = _is_interrupted(gathered.targets, settings, control, emit, counts)
    if not as_json and (verdicts or not interrupted):
        print_table(_in_order(verdicts, gathered.targets), counts)
    if interrupted:
        return ExitStatus.INTERRUPTED
    return _concluded(counts, control, bad_rows=bool(gathered.bad_rows), hints=not as_json)


def _is_interrupted(
    entries: Sequence[tuple[str, Target]],
    settings: Settings,
    control: Mapping[str, ControlFacts],
    emit: EmitVerdict,
    counts: VerdictCounts,
) -> bool:
    """Measure the targets, and show progress; whether Ctrl-C ended it early. What was measured has been emitted."""
    with VerdictProgress(len(entries)) as progress:

        def show(one: Verdict) -> None:
            emit(one)
            progress.advance(counts)

        try:
            asyncio.run(_measure(entries, settings, control, show, progress))
        except KeyboardInterrupt:
            say(f"interrupted: {counts.statuses.total()} of {len(entries)} targets measured")
            return True
    return False


def _concluded(
    counts: VerdictCounts, control: Mapping[str, ControlFacts], *, bad_rows: bool, hints: bool
) -> ExitStatus:
    """The exit status; says on standard error what would let the next check tell more."""
    if hints and not control and counts.statuses[Status.UNREACHABLE]:
        say(verdict_words.no_control_hint())
    return ExitStatus.NOT_ALL_WELL if counts.status is ExitStatus.OK and bad_rows else counts.status


def overrides(options: Mapping[str, object]) -> dict[str, object]:
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
    entries: Sequence[tuple[str, Target]],
    settings: Settings,
    control: Mapping[str, ControlFacts],
    emit: EmitVerdict,
    progress: VerdictProgress,
) -> None:
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    async with Session(settings, clock) as session:
        session.prepare(control)
        if session.missing_packets:
            say(f"measuring without packets: {session.missing_packets}")
        for sentence in describe_notes((await session.look()).notes):
            say(sentence)
        # An error of `emit` (the reader has gone, the disk is full) ends the measuring at once.
        pace = asyncio.create_task(progress.show_pace(lambda: session.waiting_for_pace))
        async with aclosing(session.verdicts(entries)) as verdicts:
            async for verdict in verdicts:
                emit(verdict)
        pace.cancel()


def _in_order(verdicts: Sequence[Verdict], entries: Sequence[tuple[str, Target]]) -> list[Verdict]:
    """The verdicts in the order in which the targets were given, so that they can be compared with a list."""
    place = {text: number for number, (text, _) in reversed(list(enumerate(entries)))}
    return sorted(verdicts, key=lambda one: place[one.target])


STRICT = CommandOption("--strict", "Measure nothing when a row of a list is no target (exit status 2).", kind="flag")
MEASURING_OPTIONS = (
    CommandOption("--control", "Verdicts of the same targets from an uncensored host.", metavar="FILE"),
    CommandOption(
        "--trusted-resolver",
        "An encrypted resolver: https://…/dns-query or tls://host:853. Repeatable.",
        metavar="URL",
        repeatable=True,
    ),
    CommandOption(
        "--anchor",
        "A URL that works from anywhere; when all fail, the vantage is offline. Repeatable.",
        metavar="URL",
        repeatable=True,
    ),
    CommandOption(
        "--domestic-anchor", "A URL inside the vantage's own country. Repeatable.", metavar="URL", repeatable=True
    ),
    CommandOption("--timeout", "The longest any single step may take.", kind="number", metavar="SECONDS"),
    CommandOption("--concurrency", "How many targets are measured at once.", kind="integer", metavar="N"),
    CommandOption("--pace", "Handshakes a second to one network; 0 for no limit.", kind="number", metavar="N"),
    CommandOption("--localise", "Locate the interfering hop of what is blocked.", kind="flag"),
    CommandOption("--send", "Test an upload of 64 KiB to what is reachable.", kind="flag"),
    CommandOption("--packets", "Capture the packets of what fails, where that is allowed.", kind="flag"),
    CommandOption("--pcap", "The same, and keep them in the state folder without our addresses.", kind="flag"),
    CommandOption("--config", "Settings file to read.", kind="path", metavar="FILE"),
)
"""How to measure; `overrides` makes settings of them. `probe sweep` has them, too."""
OPTIONS = (
    CommandOption(
        "--targets",
        "A list of targets; - is standard input. Repeatable.",
        metavar="FILE",
        parameter="files",
        repeatable=True,
    ),
    STRICT,
    CommandOption(
        "--json", "Print JSON Lines, one verdict a target, and nothing else.", kind="flag", parameter="as_json"
    ),
    *MEASURING_OPTIONS,
)
COMMAND = CommandLine(
    "check",
    check,
    OPTIONS,
    arguments="targets",
    arguments_metavar="[TARGET]...",
    examples=(
        "probe check https://example.com/",
        "probe check --targets list.csv --control control.jsonl",
        "probe check --json tcp://192.0.2.1:443 dns://example.com >> history.jsonl",
    ),
)
