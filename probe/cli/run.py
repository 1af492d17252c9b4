"""`probe run`: the agent as a daemon, or one round for cron; with `--dry-run` the list of what it would contact."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import islice
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from probe.cli import say
from probe.cli.command_line import CommandLine, CommandOption
from probe.clock import Clock
from probe.errors import ExitStatus, UsageError
from probe.formats import jsonlines
from probe.model.transition import Transition
from probe.settings import Settings, load
from probe.settings.paths import state_folder

if TYPE_CHECKING:
    from probe.agent.watchlist import Watchlist

CONSENT = """\
This agent contacts services that a network may be blocking, by name and by address, every few minutes, from this host.
Whoever runs or watches this line can see that: your provider, and whoever it answers to. In some countries that is a
risk to you. Nothing of yours is sent: reports carry verdicts, the number of your network and its country, never an
address.

  probe setup                explains, asks, and writes the settings
  probe run --dry-run        prints every name and address it would contact, and contacts none
  consent = true             under [agent] in the settings file: you know, and you let it
  probe run --i-understand   the same for this run alone
"""


def run(
    *,
    single: bool,
    time_limit: float | None,
    dry_run: bool,
    check_config: bool,
    i_understand: bool,
    config: Path | None,
    verbose: bool,
) -> int:
    """Measure the targets of the settings round after round and report changes, until interrupted.

    After SIGTERM, measurements under way have 25 seconds, reports are uploaded once more, and the exit status is 0.
    SIGHUP reloads the settings. With --once, where another round is under way or in quiet hours, nothing is done. Exit
    status: 0 success; 1 the state cannot be stored, or reports wait; 2 bad settings, no consent, or another agent is
    running; 3 (--once) the vantage is offline.
    """
    given = {"agent.round_limit": time_limit}
    settings = load(config, os.environ, given)
    if dry_run or check_config:
        return _show(settings, listing=dry_run)
    if not (settings.agent.consent or i_understand):
        sys.stderr.write(CONSENT)
        raise UsageError("no consent", where=settings.source, mend="read the above first")
    folder = state_folder(settings.agent.state, os.environ)
    clock = Clock.parse(os.environ.get("PROBE_CLOCK", ""))
    if single:
        return _run_once(settings, folder, clock, verbose=verbose)
    return _run_daemon(lambda: load(config, os.environ, given), folder, clock, verbose=verbose)


def _run_once(settings: Settings, folder: Path, clock: Clock, *, verbose: bool) -> int:
    from probe.agent.agent import AgentContext  # noqa: PLC0415 - --check-config needs none of it
    from probe.agent.daemon import run_once  # noqa: PLC0415
    from probe.agent.lock import AgentAtWorkError  # noqa: PLC0415
    from probe.agent.scheduler import first_delay  # noqa: PLC0415

    _set_up_logs(logging.INFO if verbose else logging.ERROR)
    random = SystemRandom()

    async def round_() -> tuple[ExitStatus, str]:
        delay = first_delay(longest=settings.agent.once_delay, terminal=_has_terminal(), draw=random.random())
        await clock.sleep(delay)
        context = AgentContext(folder=folder, clock=clock, random=random, stopping=asyncio.Event())
        return await run_once(settings, context, _print)

    try:
        status, problem = asyncio.run(round_())
    except AgentAtWorkError as error:  # overlapping cron jobs: the round is left to the one at work
        logging.getLogger(__name__).info("%s", error)
        return ExitStatus.OK
    if problem:
        say(problem)
    return status


def _run_daemon(settings: Callable[[], Settings], folder: Path, clock: Clock, *, verbose: bool) -> int:
    from probe.agent.agent import AgentContext  # noqa: PLC0415 - as above
    from probe.agent.daemon import run_daemon  # noqa: PLC0415

    _set_up_logs(logging.DEBUG if verbose else logging.INFO)

    async def watch() -> None:
        context = AgentContext(
            folder=folder, clock=clock, random=SystemRandom(), stopping=asyncio.Event(), terminal=_has_terminal()
        )
        await run_daemon(settings, context, _print)

    asyncio.run(watch())
    return ExitStatus.OK


def _show(settings: Settings, *, listing: bool) -> int:
    """Print what would be contacted, or that the settings are good; sends no packet."""
    from probe.agent import watchlist  # noqa: PLC0415 - a round has its own way to it
    from probe.agent.control_facts import read_control_file  # noqa: PLC0415
    from probe.agent.identity import read_enrolment  # noqa: PLC0415
    from probe.agent.timetable import timetable_of  # noqa: PLC0415

    watched = watchlist.load(settings)
    timetable_of(settings)
    if settings.agent.control:
        read_control_file(Path(settings.agent.control))
    enrolment = read_enrolment(state_folder(settings.agent.state, os.environ))
    collectors = settings.agent.collectors or ((enrolment.origin,) if enrolment is not None else ())
    collectors += settings.agent.further_collectors
    if listing:
        for line in listing_lines(settings, watched, collectors):
            sys.stdout.write(line + "\n")
    else:
        sys.stdout.write(f"{settings.source or 'the defaults'}: good; {len(watched.targets)} targets\n")
    return ExitStatus.OK


def listing_lines(settings: Settings, watched: Watchlist, collectors: Sequence[str]) -> Iterator[str]:
    """The lines of `--dry-run`: what would be contacted, and what a day costs."""
    from probe.agent.contacts import contacts  # noqa: PLC0415 - a round lists nothing
    from probe.agent.cost import NO_COST, Cost, daily_costs, format_costs, format_failing  # noqa: PLC0415
    from probe.agent.round_choice import COST_MARGIN  # noqa: PLC0415
    from probe.agent.traffic_budget import said_budgets  # noqa: PLC0415
    from probe.measure.network_config import resolver_config  # noqa: PLC0415

    for contact in contacts(settings, watched, resolver_config().servers, collectors):
        yield f"{contact.kind}\t{contact.place}\t{contact.why}"
    yield (
        "and\twhatever addresses those names resolve to, and hosts their pages redirect to\t"
        f"{len(watched.targets)} targets {settings.agent.schedule or f'every {settings.agent.interval:.0f} s'}"
    )
    yield from _said_rounds(settings)
    costs = tuple(daily_costs(settings, watched))
    yield from format_costs(iter(costs))
    yield format_failing(settings)
    yield from said_budgets(settings, reduce(Cost.plus, (one.cost.times(COST_MARGIN) for one in costs), NO_COST))


def _said_rounds(settings: Settings) -> Iterator[str]:
    """Lines about the next rounds of a cron expression, and about quiet hours."""
    from probe.agent.timetable import timetable_of  # noqa: PLC0415 - as above

    timetable = timetable_of(settings)
    now = Clock.parse(os.environ.get("PROBE_CLOCK", "")).now()
    if timetable.cron:
        moments = ", ".join(timetable.shown(moment) for moment in islice(timetable.cron_moments(now), 3))
        said = f"next: {moments}; each a little later by chance" if moments else "none outside of the quiet hours"
        yield f"rounds\t{timetable.cron}\t{said}"
    if settings.agent.quiet_hours:
        yield f"rounds\tquiet hours\t{', '.join(settings.agent.quiet_hours)}: nothing is sent"


def _print(transition: Transition) -> None:
    sys.stdout.buffer.write(jsonlines.write(transition))
    sys.stdout.buffer.flush()


def _has_terminal() -> bool:
    return sys.stdin.isatty() or sys.stderr.isatty()


def _set_up_logs(level: int) -> None:
    from probe.cli.logs import configure_logging  # noqa: PLC0415 - a dry run logs nothing

    configure_logging(level)


COMMAND = CommandLine(
    "run",
    run,
    (
        CommandOption(
            "--once",
            "Measure one round and exit, for cron: prints only what is wrong.",
            kind="flag",
            parameter="single",
        ),
        CommandOption(
            "--time-limit",
            "Begin no target after so many seconds; what matters most comes first.",
            kind="number",
            metavar="SECONDS",
        ),
        CommandOption("--dry-run", "Print what would be contacted and what a day costs; contact nothing.", kind="flag"),
        CommandOption("--check-config", "Read settings and lists, print what is wrong, and exit.", kind="flag"),
        CommandOption("--i-understand", "Give consent for this run alone (see [agent] consent).", kind="flag"),
        CommandOption("--config", "Settings file to read.", kind="path", metavar="FILE"),
        CommandOption("--verbose", "Log more on standard error.", kind="flag", short="-v"),
    ),
    examples=("probe run --dry-run", "probe run", "probe run --once --time-limit 60"),
)
