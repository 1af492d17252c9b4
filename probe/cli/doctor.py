"""`probe doctor`: report the health of the agent on this host. Contacts nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from probe import __version__
from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.control_facts import NO_CONTROL
from probe.agent.identity import KEY_FILE, read_enrolment
from probe.agent.outbox import read_notes
from probe.agent.state_file import STATE_FILE
from probe.cli import examples
from probe.cli.output import describe_notes
from probe.clock import Clock
from probe.errors import ExitStatus
from probe.measure.tunnels import tunnel_notes
from probe.model.verdict import VantageNote
from probe.settings import Settings, load
from probe.settings.paths import state_folder

MAX_CLOCK_STEP_SECONDS = 60.0
"""A sign of life dated further ahead was written before the clock was set back."""
LATE_ROUNDS = 3.0
"""Intervals without a sign of life after which the agent is reported as not running."""

Finding = tuple[bool, str]
"""Whether it is well, and the line to print."""


@click.command("doctor", epilog=examples("probe doctor", "probe doctor --config /etc/probe/probe.toml"))
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings to read.")
def command(config: Path | None) -> int:
    """Report the health of the agent on this host: settings, state, last round, unsent reports, last error.

    Contacts nobody. Exit status: 0 all well; 1 something is not; 2 the settings or the state cannot be read.
    """
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    now = Clock.parse(os.environ.get("PROBE_CLOCK", "")).now()
    well = True
    for good, line in examine(settings, folder, now):
        well = well and good
        sys.stdout.write(f"{'ok  ' if good else 'BAD '} {line}\n")
    return ExitStatus.OK if well else ExitStatus.NOT_ALL_WELL


def examine(settings: Settings, folder: Path, now: datetime) -> Iterator[Finding]:
    """The findings, one line each.

    Args:
        settings: merged.
        folder: of the agent's state.
        now: the date and time.

    Raises:
        StateError: the state cannot be read.
    """
    yield True, f"probe {__version__}, settings from {settings.source or 'the defaults'}"
    yield settings.agent.consent, f"consent {'given' if settings.agent.consent else 'not given: [agent] consent'}"
    for note in tunnel_notes():  # the agent itself ignores proxies, so that one is no fault
        yield note == VantageNote.PROXY, describe_notes((note,))[0]
    yield from _heartbeat(folder, now)
    if not (folder / STATE_FILE).is_file():
        yield False, f"no state in {folder}: the agent has never run, or runs elsewhere"
        return
    notes = read_notes(folder / STATE_FILE)
    yield from _round(notes.get("round"))
    yield from _control(notes.get("control"))
    yield from _uplink(settings, folder, notes)


def _heartbeat(folder: Path, now: datetime) -> Iterator[Finding]:
    try:
        beat: dict[str, Any] = msgspec.json.decode((folder / HEARTBEAT_FILE).read_bytes())
        age = (now - datetime.fromisoformat(beat["time"])).total_seconds()
        late = age > LATE_ROUNDS * float(beat["interval"])
        ahead = age < -MAX_CLOCK_STEP_SECONDS
    except FileNotFoundError:
        yield False, "no sign of life yet"
        return
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError):
        yield False, f"{folder / HEARTBEAT_FILE} cannot be read"
        return
    if ahead:
        yield False, f"last sign of life dated {-age:.0f} s ahead: was this host's clock set back? is it running?"
        return
    yield not late, f"last sign of life {age:.0f} s ago" + (" : is it running?" if late else "")


def _round(report: Any) -> Iterator[Finding]:
    if not isinstance(report, dict):
        yield False, "no round yet"
        return
    state = report.get("state", "")
    yield (
        state == "online",
        f"last round {report.get('start')}: {state}, {report.get('measured')} of {report.get('targets')} targets",
    )
    for sentence in describe_notes(str(note) for note in report.get("notes", ())):
        yield False, f"last round: {sentence}"


def _control(covered: Any) -> Iterator[Finding]:
    """How much a control covers; nothing where no round has said so, or where this agent is a control."""
    if not isinstance(covered, dict):
        return
    measured, watched = covered.get("targets"), covered.get("of")
    yield bool(measured), f"the control has measured {measured} of {watched} targets" if measured else NO_CONTROL


def _uplink(settings: Settings, folder: Path, notes: dict[str, Any]) -> Iterator[Finding]:
    enrolment = read_enrolment(folder)
    if enrolment is None and not settings.agent.collectors:
        yield True, "no collector: nothing is reported"
        return
    if enrolment is None:
        yield False, f"not enrolled: run probe enrol {settings.agent.collectors[0]} --token-file FILE"
    else:
        yield (folder / KEY_FILE).is_file(), f"enrolled at {enrolment.origin} as {enrolment.agent}"
    problem = notes.get("uplink")
    yield True, f"{notes['unsent']} batches wait; last sent {notes.get('sent', 'never')}"
    if isinstance(problem, dict):
        yield False, f"{problem.get('text')} (at {problem.get('time')})"
    dropped = notes.get("dropped")
    if isinstance(dropped, dict):
        evidence, batches = dropped.get("evidence"), dropped.get("batches")
        lost = f"dropped the evidence of {evidence} batches, and {batches} batches without a transition"
        yield False, f"outbox full since {dropped.get('since')} ([agent] outbox_bytes): {lost}"
