"""Verdicts for people: a table on standard output, counts, and progress on standard error."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from probe.errors import ExitStatus
from probe.lazy import lazy
from probe.model.verdict import Status, VantageState, Verdict

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from probe.cli import verdict_words
else:
    verdict_words = lazy("probe.cli.verdict_words")

STATUS_STYLES = {
    Status.REACHABLE: "green",
    Status.BLOCKED: "bold red",
    Status.THROTTLED: "yellow",
    Status.DOWN: "magenta",
    Status.UNREACHABLE: "cyan",
    Status.UNKNOWN: "dim",
}
STATE_SENTENCES = {
    VantageState.OFFLINE: "This host is offline: nothing can be said of any target.",
    VantageState.PORTAL: "This network lets nobody through before a login page: nothing can be said of any target.",
    VantageState.ALLOWLIST: "This network lets only an allow-list through: what fails is not the target's fault.",
    VantageState.POLICED: "This network slows down our own checking: what fails may work for others.",
}
PACE_SECONDS = 1.0
"""Seconds between two looks at the connections that wait for the pace limit."""
PLAIN_WIDTH_COLUMNS = 400
"""Columns where standard output is not a terminal: wide enough that few targets are wrapped."""


class VerdictCounts:
    """Counts of verdicts by status and by state of the vantage, and the exit status that follows."""

    def __init__(self) -> None:
        self.statuses: Counter[Status] = Counter()
        self.states: Counter[VantageState] = Counter()

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self.statuses[verdict.status] += 1
        self.states[verdict.vantage.state] += 1

    @property
    def status(self) -> ExitStatus:
        """The exit status: 3 when the vantage was offline in any verdict; else 1 when any target is not reachable."""
        if self.states[VantageState.OFFLINE]:
            return ExitStatus.OFFLINE
        reachable = self.statuses[Status.REACHABLE] == self.statuses.total()
        return ExitStatus.OK if reachable else ExitStatus.NOT_ALL_WELL

    def sentence(self) -> str:
        """The counts in words: `12 reachable, 1 blocked`."""
        return ", ".join(f"{self.statuses[status]} {status}" for status in Status if self.statuses[status])


def describe_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """One sentence for each note; a note of a later version is given as it is."""
    return tuple(verdict_words.note_words(note) for note in notes)


def print_table(verdicts: Sequence[Verdict], counts: VerdictCounts) -> None:
    """Print the table and a sentence below it; in colour only on a terminal without NO_COLOR (no-color.org)."""
    plain = None if sys.stdout.isatty() or _wants_colour() else plain_table(verdicts, counts)
    if plain is not None:
        sys.stdout.write(plain)
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and not needed for --json
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH_COLUMNS, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("target", overflow="fold")
    table.add_column("status")
    table.add_column("seen", overflow="fold")
    for verdict in verdicts:
        style = STATUS_STYLES[verdict.status]
        table.add_row(escape(verdict.target), f"[{style}]{verdict.status}[/]", escape(describe_evidence(verdict)))
    console.print(table)
    console.print(f"\n{_summary(counts)}")


def _wants_colour() -> bool:
    """Whether the environment asks rich for colours where there is no terminal."""
    return bool(os.environ.keys() & {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"})


def _summary(counts: VerdictCounts) -> str:
    states = [text for state, text in STATE_SENTENCES.items() if counts.states[state]]
    return " ".join([f"{counts.sentence()}.", *states])


def plain_table(verdicts: Sequence[Verdict], counts: VerdictCounts) -> str | None:
    """The table and the sentence as rich writes them to a file, which takes longer to import than one check takes.

    Returns:
        None for what rich is to lay out: texts outside ASCII, whose width it knows, and lines that must be wrapped.
    """
    rows = [("target", "status", "seen")]
    rows += [(one.target, str(one.status), describe_evidence(one)) for one in verdicts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    summary = _summary(counts)
    if sum(widths) + 4 > PLAIN_WIDTH_COLUMNS or len(summary) > PLAIN_WIDTH_COLUMNS:
        return None
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    text = "\n".join([*lines, "", summary, ""])
    return text if text.isascii() and all(line.isprintable() for line in text.split("\n")) else None


def describe_evidence(verdict: Verdict) -> str:
    """What decided the verdict, in a few words: its causes, else the reason of its rule, and what else was seen."""
    evidence = verdict.evidence
    words: list[str] = [verdict_words.causes_in_words(verdict.causes)] if verdict.causes else []
    if not words and verdict.status is not Status.REACHABLE:
        words.append(_reason(verdict.rule) or verdict_words.status_words(verdict.status))
    if evidence.hop:
        words.append(f"at {evidence.hop}")
    if evidence.server_refusal:
        words.append(f"the server itself says {evidence.server_refusal}")
    if evidence.server_alert:
        words.append(f"TLS alert {evidence.server_alert}")
    words += [f"{family} fails ({why})" for family, why in evidence.families.items()]
    if evidence.failing:
        words.append(f"{len(evidence.failing)} of its addresses fail")
    if evidence.error:
        words.append(f"fault in the program: {evidence.error}")
    return ", ".join(words or [verdict_words.status_words(verdict.status)])


def _reason(rule: str) -> str:
    """Why a rule decided, in one line; empty for a rule of another version."""
    from probe.judge.rules import RULES  # noqa: PLC0415 - what is plainly served was judged without the table

    return next((one.why for one in RULES if one.id == rule), "")


class VerdictProgress:
    """Progress on standard error during a `with` block; silent where that is not a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._said = ""

    def __enter__(self) -> VerdictProgress:
        if sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - see print_table
            from rich.progress import (  # noqa: PLC0415
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            columns = (
                TextColumn("measuring"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.description}"),
            )
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task("", total=self._total)
        return self

    def advance(self, counts: VerdictCounts) -> None:
        """Show that one more verdict has been made."""
        if self._progress is not None and self._task is not None:
            self._said = counts.sentence()
            self._progress.update(self._task, advance=1, description=self._said)

    async def show_pace(self, waiting: Callable[[], int]) -> None:
        """Say again and again how many connections wait for the pace limit, until cancelled; silent as above."""
        while self._progress is not None and self._task is not None:
            await asyncio.sleep(PACE_SECONDS)
            said = (self._said, verdict_words.pace_words(waiting()))
            self._progress.update(self._task, description=", ".join(filter(None, said)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
