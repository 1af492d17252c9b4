"""`probe ooni transitions`: from files of OONI's archive to what was blocked and unblocked, where and since when."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from probe.cli import examples, say
from probe.cli.ooni import ANOTHER_EXPERIMENT, JOBS, name_fault
from probe.errors import ExitStatus
from probe.formats.jsonlines import write
from probe.ooni.archive import rows_of
from probe.ooni.joining import Joiner
from probe.ooni.network_detectors import NetworkDetectors, NetworkTransition
from probe.ooni.reading import JudgedMeasurement
from probe.ooni.sorted_runs import FileCounts, SortedRuns
from probe.ooni.summary import ReadSummary
from probe.ooni.worker_pool import judged_rows

_PROGRESS_SECONDS = 1.0
_HEAD = ("country", "AS", "from", "to", "onset", "sure", "causes", "target")


@click.command(
    "transitions", epilog=examples("probe ooni transitions --jobs 4 --state month/ --table 202402*.jsonl.gz")
)
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option(
    "--state", type=click.Path(path_type=Path), help="Folder that keeps what was read, so that a second run goes on."
)
@click.option("--table", is_flag=True, help="Print a table for people instead of JSON Lines.")
@JOBS
def transitions(files: tuple[str, ...], *, state: Path | None, table: bool, jobs: int) -> int:
    """Judge the OONI measurements in FILES, in the order of their times, and print the transitions of each network.

    All measurements in one network are one series for each target, with the detector that agents run. Each line has
    the country, the AS, the statuses, the estimated onset, and when the detector became sure. With --state, files that
    were read before are not read again. Exit status: 0 all was read; 1 something was set aside that is not another
    experiment.
    """
    with _folder(state) as folder:
        runs = SortedRuns(folder)
        reasons = _read_all(runs, files, jobs)
        detectors, joiner = NetworkDetectors(), Joiner()
        if table:
            click.echo("\t".join(_HEAD))
        for one in runs.merged(files):
            for found in detectors.feed(joiner.take(one)):
                _print(found, table=table)
        for found in detectors.finish():
            _print(found, table=table)
    say(f"{detectors.networks} networks; set aside: {sum(reasons.values())}")
    for reason, count in reasons.most_common():
        click.echo(f"  {count:7} {reason}", err=True)
    return ExitStatus.NOT_ALL_WELL if sum(reasons.values()) > reasons[ANOTHER_EXPERIMENT] else ExitStatus.OK


def _read_all(runs: SortedRuns, files: tuple[str, ...], jobs: int) -> Counter[str]:
    """Read the files that were not read before; return the reasons of what was set aside in all of them."""
    reasons: Counter[str] = Counter()
    progress = _Progress(files)
    for name in dict.fromkeys(files):
        counts = runs.counts_of(name)
        if counts is None or name == "-":
            counts = _read_file(runs, name, jobs, progress)
        progress.pass_file(name)
        reasons.update(counts.set_aside)
    progress.end()
    return reasons


def _read_file(runs: SortedRuns, name: str, jobs: int, progress: _Progress) -> FileCounts:
    reasons: Counter[str] = Counter()
    summary = ReadSummary()

    def records() -> Iterator[JudgedMeasurement]:
        for row in judged_rows(rows_of(name), jobs):
            summary.read += 1
            if row.fault is not None:
                reasons[row.fault.reason] += 1
                name_fault(row, row.fault, summary)
            progress.show(row.position)
            yield from row.judged

    count = runs.write(name, records())
    counts = FileCounts(name, summary.read, dict(reasons), count)
    runs.complete(name, counts)
    return counts


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    if state is not None:
        yield state
        return
    with tempfile.TemporaryDirectory(prefix="probe-ooni-") as name:
        yield Path(name)


def _print(found: NetworkTransition, *, table: bool) -> None:
    if not table:
        sys.stdout.buffer.write(write(found))
        sys.stdout.buffer.flush()
        return
    when = (f"{moment:%Y-%m-%d %H:%M}" for moment in (found.onset, found.time))
    causes = ",".join(found.causes) or "-"
    cells = (found.country, f"AS{found.asn}", found.before, found.after, *when, causes, found.target)
    click.echo("\t".join(cells))


class _Progress:
    """How much of the files was read, and how long the rest will take; shown on a terminal only."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._sizes = {name: _size(name) for name in files}
        self._total = sum(self._sizes.values())
        self._done = self._read = 0
        self._began = self._shown = time.monotonic()
        self._is_shown = sys.stderr.isatty() and self._total > 0

    def pass_file(self, name: str) -> None:
        """Count a file as read."""
        self._done += self._sizes[name]

    def show(self, position: int) -> None:
        """Show how far the reading of the present file is."""
        now = time.monotonic()
        if not self._is_shown or now - self._shown < _PROGRESS_SECONDS:
            return
        self._shown = now
        share = min(1.0, (self._done + position) / self._total)
        left = (now - self._began) * (1 - share) / share if share else 0.0
        click.echo(f"\r{100 * share:5.1f} % read, {left / 60:.0f} min left ", err=True, nl=False)

    def end(self) -> None:
        """Leave the line."""
        if self._is_shown and self._shown != self._began:
            click.echo(err=True)


def _size(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except OSError:
        return 0
