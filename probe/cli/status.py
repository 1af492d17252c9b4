"""`probe status`: what is blocked and since when, and how the agent of this host is. Contacts nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec

from probe.agent.agent_status import AgentStatus, Queue, TargetState, read_status
from probe.agent.traffic_budget import PeriodUse
from probe.cli import examples, printable
from probe.cli.localisation import Untranslated, translate_plural
from probe.cli.localisation import translate as _
from probe.cli.output import describe_notes
from probe.cli.pause import pause_sentence
from probe.cli.verdict_words import causes_in_words
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.model.verdict import Status
from probe.settings import load
from probe.settings.paths import state_folder

MAX_CLOCK_STEP_SECONDS = 60.0
"""A sign of life dated further ahead was written before the clock was set back."""
LATE_ROUNDS = 3.0
"""Intervals without a sign of life after which the agent counts as not running."""
MIN_LATE_SECONDS = 180.0
"""Shortest silence of an agent that is told: its re-tests after a change may make one round last a minute or two."""
MAX_LISTED_TARGETS = 40
"""Targets of each list that are printed; the others are counted, and `--json` has all."""


@click.command("status", epilog=examples("probe status", "probe status --json | jq .blocked"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(as_json: bool, config: Path | None) -> int:
    """Show what is blocked and since when, what fails and is not certain, and how the agent of this host is.

    Contacts nobody. Exit status: 0 all well with the agent, whatever is blocked and with or without a control;
    1 something needs attention, and is named; 2 the settings or the state cannot be read.
    """
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    found = read_status(settings, folder, Clock.parse(os.environ.get("PROBE_CLOCK", "")).now())
    with Untranslated(wanted=as_json):
        wrong = tuple(problems(found))
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(msgspec.to_builtins(found) | {"problems": wrong}) + b"\n")
    else:
        sys.stdout.write("".join(f"{printable(line)}\n" for line in (*target_lines(found), *agent_lines(found))))
        if wrong:
            sys.stdout.write("\n" + _("Needs attention:") + "\n" + "".join(f"  {printable(line)}\n" for line in wrong))
    return ExitStatus.NOT_ALL_WELL if wrong else ExitStatus.OK


def target_lines(found: AgentStatus) -> Iterator[str]:
    """What the network blocks, what fails, and how much works."""
    yield from _section(_("Blocked or slowed by this network:"), found.blocked)
    yield from _section(_("Failing, not yet sure:"), found.unsettled)
    yield from _section(_("Failing, and nothing shows that the network is the reason:"), found.failing)
    if not (found.blocked or found.unsettled or found.failing) and found.reachable:
        yield _("Nothing is blocked or slowed.")
    if found.reachable:
        yield translate_plural("{count} target works.", "{count} targets work.", found.reachable).format(
            count=found.reachable
        )
    if found.blocked or found.unsettled or found.failing or found.reachable:
        yield ""


def _section(title: str, targets: Sequence[TargetState]) -> Iterator[str]:
    if not targets:
        return
    yield title
    shown = targets[:MAX_LISTED_TARGETS]
    width = max(len(one.target) for one in shown)
    for one in shown:
        seen = f" ({causes_in_words(one.causes)})" if one.causes else ""
        yield f"  {one.target.ljust(width)}  {_since(one)}{seen}"
    if len(targets) > len(shown):
        yield "  " + _("and {count} more: --json has all").format(count=len(targets) - len(shown))


def _since(one: TargetState) -> str:
    moment = moment_text(one.since)
    if one.status is Status.UNKNOWN:
        return _("failing since {moment}").format(moment=moment)
    if one.before_watch:
        return _("{status} since before the first look at {moment}").format(status=one.status, moment=moment)
    return _("{status} since {moment}").format(status=one.status, moment=moment)


def agent_lines(found: AgentStatus) -> Iterator[str]:
    """How the agent is: rounds, pause, reports, name, control, where its settings and state are."""
    if found.paused is not None:
        yield pause_sentence(found.paused)
    yield from _round_lines(found)
    yield from _report_lines(found)
    for one in found.traffic:
        if one.period == "day":
            yield _("Traffic today (UTC): {use}.").format(use=_use_text(one))
        elif any(one.budget):
            yield _("Traffic this month: {use}.").format(use=_use_text(one))
    if found.control is not None and found.control.targets:
        yield _("Control: it has measured {targets} of {of} targets.").format(
            targets=found.control.targets, of=found.control.of
        )
    elif found.control is not None and found.role != "control":
        yield _(
            "No control: silence and resets cannot be told from a dead site. Ask the collector's operator for"
            " `probe collector serve --control`, or name a file under [agent] control."
        )
    yield _("probe {version}; settings: {settings}; state: {folder}").format(
        version=found.version, settings=found.settings or _("the defaults"), folder=found.folder
    )


def _use_text(one: PeriodUse) -> str:
    """What a period used, beside its budgets: `3.1 of 20.0 MB, 1,200 packets, 90 connections`."""
    used, most = one.used, one.budget
    pairs = {
        "megabytes": (f"{used.octets / 1e6:,.1f}", f"{most.octets / 1e6:,.1f}" if most.octets else ""),
        "packets": (f"{used.packets:,d}", f"{most.packets:,d}" if most.packets else ""),
        "connections": (f"{used.connections:,d}", f"{most.connections:,d}" if most.connections else ""),
    }
    amounts = {
        name: _("{number} of {most}").format(number=number, most=bound) if bound else number
        for name, (number, bound) in pairs.items()
    }
    return _("{megabytes} MB, {packets} packets, {connections} connections").format(**amounts)


def _round_lines(found: AgentStatus) -> Iterator[str]:
    if found.round is None:
        yield _("No round yet.")
        return
    said = _("Last round: {moment}, {state}, {measured} of {targets} targets in {seconds:.0f} s.").format(
        moment=moment_text(found.round.start),
        state=found.round.state,
        measured=found.round.measured,
        targets=found.round.targets,
        seconds=found.round.seconds,
    )
    following = found.heartbeat.next if found.heartbeat is not None else None
    if following is not None and found.paused is None:
        said += " " + _("Next round: {moment}.").format(moment=moment_text(following))
    yield said


def _report_lines(found: AgentStatus) -> Iterator[str]:
    vantage = found.vantage
    if vantage is None and not (found.collectors or found.further):
        yield _("Reports: no collector, so nothing is sent.")
        return
    yield _queue_line(found.queue)
    if vantage is not None:
        name = vantage.name or _("not yet known")
        yield _("Collector: {collector}; public name of this vantage: {name}; id: {agent}").format(
            collector=vantage.collector, name=name, agent=vantage.agent
        )
        if vantage.page:
            yield _("What it publishes of this vantage: {page}").format(page=vantage.page)
    yield from (f"{one.collector}: {_queue_line(one.queue)}" for one in found.further)


def _queue_line(queue: Queue) -> str:
    sent = moment_text(queue.sent) if queue.sent is not None else _("never")
    return _("Reports: {batches} wait ({kilobytes:.0f} kB on disk); last taken {moment}.").format(
        batches=queue.batches, kilobytes=queue.bytes / 1000, moment=sent
    )


def problems(found: AgentStatus) -> Iterator[str]:
    """What needs attention, a sentence each, with the way to mend it."""
    if not found.consent:
        yield _("No consent: read `probe run --dry-run`, then run `probe setup`.")
    yield from _life_problems(found)
    if found.round is not None:
        if found.round.state != "online":
            yield _("The last round was {state}: nothing new is known of the targets.").format(state=found.round.state)
        yield from (f"{_('Last round')}: {sentence}" for sentence in describe_notes(found.round.notes))
    if found.clock is not None:
        yield _("{difference}: set it, or certificates may seem invalid.").format(difference=found.clock)
    yield from _report_problems(found)


def _life_problems(found: AgentStatus) -> Iterator[str]:
    if found.forget_requests:
        yield _("A request to be forgotten waits for a collector: run `probe forget` again.")
    if not found.has_state:
        yield _("There is no state in {folder}: the agent has never run, or runs elsewhere.").format(
            folder=found.folder
        )
        return
    if found.heartbeat is None:
        yield _("The agent has given no sign of life: its last round did not end.")
        return
    age = (found.time - found.heartbeat.time).total_seconds()
    if age < -MAX_CLOCK_STEP_SECONDS:
        yield _("The last sign of life is dated {seconds:.0f} s ahead: was the clock of this host set back?").format(
            seconds=-age
        )
    elif age > max(LATE_ROUNDS * found.heartbeat.interval, MIN_LATE_SECONDS) and found.paused is None:
        yield _("The last sign of life was at {moment}: the agent does not seem to run.").format(
            moment=moment_text(found.heartbeat.time)
        )


def _report_problems(found: AgentStatus) -> Iterator[str]:
    if found.vantage is None and found.collectors:
        yield _("Not enrolled: run probe enrol {collector} --token-file FILE").format(collector=found.collectors[0])
    elif found.vantage is not None and not found.vantage.key:
        yield _("The key of this agent is missing: nothing can be sent. Enrol again with a new token.")
    for one in found.further:
        if not one.enrolled:
            yield _("Not enrolled: run probe enrol {collector} --token-file FILE").format(collector=one.collector)
    queue = found.queue
    problems = [one.problem for one in (queue, *(further.queue for further in found.further))]
    yield from (f"{problem.get('text')} ({problem.get('time')})" for problem in problems if problem is not None)
    if queue.dropped is not None:
        yield _(
            "The outbox is full since {since} ([agent] outbox_bytes): dropped the evidence of {evidence} batches, and"
            " {batches} batches without a transition."
        ).format(
            since=queue.dropped.get("since"),
            evidence=queue.dropped.get("evidence"),
            batches=queue.dropped.get("batches"),
        )


def moment_text(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
