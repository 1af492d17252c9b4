"""`probe sweep`: measure a register of up to millions of targets, and go on after a kill."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, closing, nullcontext
from pathlib import Path
from typing import NamedTuple

from probe.cli import check, say
from probe.cli.command_line import CommandLine, CommandOption
from probe.cli.given_targets import MAX_SHOWN_BAD_LINES
from probe.cli.output import describe_notes
from probe.clock import Clock
from probe.errors import ExitStatus, ListError, UsageError
from probe.lists import testlist
from probe.lists.lines import BadRow, lines_with_faults
from probe.model.verdict import ControlFacts, Status
from probe.plan.looks import LookTerms
from probe.session.session import Session
from probe.settings import Settings, load
from probe.sweep.control_index import ControlIndex
from probe.sweep.journal import Journal
from probe.sweep.look_store import LookStore
from probe.sweep.messages import BeginMessage
from probe.sweep.sweep import ChunkMeasurer, SessionMeasurer, Sweep
from probe.sweep.sweep_pass import Glancing
from probe.sweep.sweep_progress import SweepProgress
from probe.sweep.sweep_store import SweepStore
from probe.sweep.target_names import KEY_BYTES, TargetNames
from probe.sweep.target_states import TargetStates
from probe.sweep.verdict_output import VerdictOutput
from probe.sweep.worker_process import WorkerGroup

STATE_SUFFIX = ".state"
"""The state file of an output, where none is named."""
LOOKS_SUFFIX = ".looks"
"""The file of what glances are compared with, beside the state."""
MAX_EVERY_SECONDS = 31_622_400
"""A year."""
MAX_JOBS = 64


def sweep(
    *,
    files: Sequence[str],
    output: Path | None,
    state: Path | None,
    every: float | None,
    jobs: int | None,
    progress: bool,
    dry_run: bool,
    strict: bool,
    config: Path | None,
    **options: object,
) -> int:
    """Measure each target of the list FILE (- is standard input) and judge it; print JSON Lines, one verdict a target.

    FILE may have millions of targets, as `probe check --targets` takes them. This is for servers: whoever watches the
    line sees every name. With --output or --state a sweep that was stopped or killed goes on when the same command is
    run again; after the last verdict the next run begins anew. It waits while the vantage is offline. Exit status: 0
    every target reachable; 1 some is not, or a row was skipped; 2 bad usage or unreadable input; 3 some was offline.
    """
    settings = _settings(config, files, every, jobs, options)
    if state is None and output is not None:
        state = beside(output, STATE_SUFFIX)
    with ExitStack() as stack:
        key = secrets.token_bytes(KEY_BYTES)
        journal = None if state is None or dry_run else stack.enter_context(closing(Journal(state, key)))
        names = TargetNames(key if journal is None else journal.key)
        bad_rows = read_targets(files[0], names)
        if bad_rows and strict:
            return ExitStatus.USAGE
        for line in describe_sweep(len(names), settings):
            say(line)
        if dry_run:
            return ExitStatus.OK
        store = SweepStore(names, stack.enter_context(VerdictOutput(output)), journal)
        shown = SweepProgress(store.states, time.monotonic, say, describe=describe_notes, is_plain=progress)
        stack.enter_context(closing(shown))
        looks = _look_store(state, names) if 0 < (every or 0) < settings.agent.full_every else None
        stack.enter_context(looks or nullcontext())
        return _run(_SweepJob(names, store, looks, settings, shown, every or 0.0, jobs or 1), bad_rows)


class _SweepJob(NamedTuple):
    """What a sweep needs: where its targets, states and looks are, and how it is done."""

    names: TargetNames
    store: SweepStore
    looks: LookStore | None
    settings: Settings
    progress: SweepProgress
    every: float
    jobs: int


def _settings(
    config: Path | None, files: Sequence[str], every: float | None, jobs: int | None, options: Mapping[str, object]
) -> Settings:
    """The settings, once the options that are no settings are known to be good.

    Raises:
        UsageError: one of them is not.
    """
    if len(files) != 1:
        raise UsageError("one list is swept at a time", mend="give one FILE; - is standard input")
    if every is not None and not 1 <= every <= MAX_EVERY_SECONDS:
        raise UsageError(f"--every {every:g} is out of bounds", mend=f"write 1 to {MAX_EVERY_SECONDS}")
    if jobs is not None and not 1 <= jobs <= MAX_JOBS:
        raise UsageError(f"--jobs {jobs} is out of bounds", mend=f"write 1 to {MAX_JOBS}")
    overrides = check.overrides(options) | {
        "measure.round_connections": options["round_connections"] or 0,
        "measure.round_bytes": options["round_bytes"] or 0,
    }
    return load(config, os.environ, overrides)


def _run(job: _SweepJob, bad_rows: int) -> ExitStatus:
    if job.store.resumed:
        job.progress.say(f"goes on: {job.store.resumed:,} of {len(job.names):,} targets have their verdict")
    try:
        was_offline = asyncio.run(_measure(job))
    except KeyboardInterrupt:
        if job.store.is_kept:
            job.progress.say("interrupted; run the same command again to go on")
        raise
    return ExitStatus.OFFLINE if was_offline else status_of(job.store.states, bad_rows)


async def _measure(job: _SweepJob) -> bool:
    """Sweep; whether a verdict was written although the vantage was offline."""
    clock = os.environ.get("PROBE_CLOCK", "")
    glancing = None
    if job.looks is not None:
        terms = LookTerms(interval=job.every, full_every=job.settings.agent.full_every, blocked_every=0.0)
        glancing = Glancing(terms, job.looks, job.names.key, Clock.parse(clock))
    async with AsyncExitStack() as stack:
        control: Mapping[str, ControlFacts] = {}
        if path := job.settings.agent.control:
            control = stack.enter_context(ControlIndex(Path(path), job.names, say))
        measurers = await _measurers(job, clock, glancing, stack)
        sweeping = Sweep(
            job.names,
            job.store,
            measurers,
            Clock.parse(clock),
            control=control,
            listener=job.progress,
            looks=job.looks,
            glancing=glancing,
            every=job.every,
            round_seconds=job.settings.agent.interval,
        )
        await sweeping.run()
        return sweeping.was_offline


async def _measurers(
    job: _SweepJob, clock: str, glancing: Glancing | None, stack: AsyncExitStack
) -> Sequence[ChunkMeasurer]:
    """What measures: this process, or one for each job."""
    if job.jobs > 1:
        begin = BeginMessage(job.settings, clock, None if glancing is None else glancing.terms, job.names.key)
        return (await stack.enter_async_context(WorkerGroup(begin, job.jobs))).measurers
    session = await stack.enter_async_context(Session(job.settings, Clock.parse(clock), limit_traffic=True))
    if session.missing_packets:
        job.progress.say(f"measuring without packets: {session.missing_packets}")
    return [SessionMeasurer(session)]


def _look_store(state: Path | None, names: TargetNames) -> LookStore:
    return LookStore(None if state is None else beside(state, LOOKS_SUFFIX), names)


def beside(path: Path, suffix: str) -> Path:
    """The file of the same name with a suffix."""
    return path.with_name(path.name + suffix)


def read_targets(file: str, names: TargetNames) -> int:
    """Read a list row by row; add its targets. Return the number of bad rows, which are printed and skipped.

    Raises:
        ListError: the file cannot be read.
        UsageError: it has no target.
    """
    bad = 0
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            for row in testlist.read(lines_with_faults(stream, file), file):
                if isinstance(row, BadRow):
                    bad += 1
                    if bad <= MAX_SHOWN_BAD_LINES:
                        say(f"{file}:{row.line}: {row.what}")
                else:
                    names.add(row.target)
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=file, mend="name another list") from error
    if bad > MAX_SHOWN_BAD_LINES:
        say(f"and {bad - MAX_SHOWN_BAD_LINES} more bad lines")
    if not len(names):
        raise UsageError("no targets", where=file, mend="give a list with a target a line")
    return bad


def describe_sweep(count: int, settings: Settings) -> tuple[str, ...]:
    """What a sweep of so many targets contacts, and how fast, in a few sentences."""
    chosen = settings.measure
    anchors = ", ".join((*chosen.anchors, *chosen.domestic_anchors)) or "none"
    pace = f"{chosen.pace:g} connections a second to one network" if chosen.pace else "no limit for one network"
    rounds = "no limit for all together"
    if chosen.round_connections:
        rounds = f"{chosen.round_connections:,} connections in {settings.agent.interval:.0f} s (--round-connections)"
    return (
        f"contacts {count:,} targets, and hosts that their pages redirect to: whoever watches this line can see that",
        f"anchors: {anchors}; trusted resolvers: {', '.join(chosen.trusted_resolvers) or 'none'}",
        f"pace: {pace}, {rounds}",
    )


def status_of(states: TargetStates, bad_rows: int) -> ExitStatus:
    """The exit status: 1 where a target is not reachable or a row is bad."""
    all_well = states.statuses[Status.REACHABLE] == len(states) and not bad_rows
    return ExitStatus.OK if all_well else ExitStatus.NOT_ALL_WELL


OPTIONS = (
    CommandOption("--output", "Append the verdicts to this file.", kind="path", metavar="FILE"),
    CommandOption(
        "--state", "What is done already; default: the output's name with .state.", kind="path", metavar="FILE"
    ),
    CommandOption(
        "--every", "Measure each target again so long after its last verdict.", kind="number", metavar="SECONDS"
    ),
    CommandOption("--jobs", "Processes that measure, one for each core; default 1.", kind="integer", metavar="N"),
    CommandOption("--progress", "Print a line of progress each minute where there is no terminal.", kind="flag"),
    CommandOption("--dry-run", "Print what would be contacted, and contact nothing.", kind="flag"),
    CommandOption(
        "--round-connections", "Connections in one [agent] interval; default: no limit.", kind="integer", metavar="N"
    ),
    CommandOption(
        "--round-bytes", "Bytes to read in one [agent] interval; default: no limit.", kind="integer", metavar="N"
    ),
    check.STRICT,
    *check.MEASURING_OPTIONS,
)
COMMAND = CommandLine(
    "sweep",
    sweep,
    OPTIONS,
    arguments="files",
    arguments_metavar="FILE",
    examples=("probe sweep register.csv --output verdicts.jsonl",),
)
