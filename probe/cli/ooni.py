"""`probe ooni`: OONI's measurements, read with this program's judge and detector, and ours in OONI's format."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, cast

import click

from probe.cli import examples, say
from probe.errors import ExitStatus, StorageError
from probe.formats import jsonlines
from probe.formats.ooni.measurement_header import SetAside
from probe.ooni.archive import ArchiveRow, rows_of
from probe.ooni.joining import Joiner
from probe.ooni.judge_process import JudgedRow
from probe.ooni.summary import ReadSummary
from probe.ooni.worker_pool import judged_rows

ANOTHER_EXPERIMENT = "another experiment"
_LATER_COMMANDS = {
    "transitions": "probe.cli.ooni_transitions:transitions",
    "write": "probe.cli.ooni_write:write",
}
JOBS = click.option(
    "--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="How many processes read and judge."
)
ALONE = click.option(
    "--alone", is_flag=True, help="Judge each measurement by itself, not with others of the same hour and network."
)


class _LazyOoniGroup(click.Group):
    """A group that imports its larger commands when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LATER_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATER_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = _LATER_COMMANDS[cmd_name].partition(":")
        return cast("click.Command", getattr(import_module(module), attribute))


@click.group(
    "ooni",
    cls=_LazyOoniGroup,
    epilog=examples("probe ooni read 2024020112_RU_webconnectivity.n0.0.jsonl.gz > verdicts.jsonl"),
)
def command() -> None:
    """Read OONI's measurements with this program's judge and detector; write ours as theirs."""


@command.command("read", epilog=examples("probe ooni read --jobs 4 --out verdicts/ 2024*.jsonl.gz"))
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for verdicts.jsonl and summary.txt.")
@JOBS
@ALONE
def read(files: tuple[str, ...], *, out: Path | None, jobs: int, alone: bool) -> int:
    """Judge OONI measurements in FILES, and print one verdict for each, JSON Lines, in the order of the input.

    A file may be packed with gzip, Zstandard or LZ4, or be a tar of the archive until 2020; - is standard input. What
    is set aside is named and counted on standard error, with a table of how the verdicts agree with OONI's own
    conclusions. Exit status: 0 all was read; 1 something was set aside that is not another experiment.
    """
    summary = ReadSummary()
    with _outputs(out) as (verdicts, text):
        joiner = None if alone else Joiner()
        for row in judged_rows(all_rows(files), jobs):
            _take(row, summary, joiner, verdicts)
        verdicts.flush()
        for line in summary.lines():
            click.echo(line, err=True)
            if text is not None:
                text.write(line.encode() + b"\n")
    faults = summary.set_aside - summary.count_of(ANOTHER_EXPERIMENT)
    return ExitStatus.NOT_ALL_WELL if faults or not summary.verdicts else ExitStatus.OK


def all_rows(files: tuple[str, ...]) -> Iterator[ArchiveRow]:
    """The rows of several files, one after the other."""
    for name in files:
        yield from rows_of(name)


def name_fault(row: JudgedRow, fault: SetAside, summary: ReadSummary) -> None:
    """Count a row that was set aside, and name it unless many were named for the same reason."""
    if summary.add_fault(fault) and fault.reason != ANOTHER_EXPERIMENT:
        detail = "".join(c if c.isprintable() else "?" for c in fault.detail)
        say(f"{row.file}:{row.number}: set aside: {fault.reason}{f' ({detail})' if detail else ''}")


def _take(row: JudgedRow, summary: ReadSummary, joiner: Joiner | None, verdicts: IO[bytes]) -> None:
    """Count a row, and write its verdicts."""
    summary.read += 1
    if row.fault is not None:
        name_fault(row, row.fault, summary)
    for one in row.judged:
        if one.odd and summary.add_odd():
            say(f"{row.file}:{row.number}: {'; '.join(one.odd)}")
        found = one.verdict if joiner is None else joiner.take(one)
        summary.add_verdict(found, one.conclusion)
        verdicts.write(jsonlines.write(found))


@contextmanager
def _outputs(folder: Path | None) -> Iterator[tuple[IO[bytes], IO[bytes] | None]]:
    """The streams of verdicts and summary; files appear under their names once they are complete."""
    if folder is None:
        yield sys.stdout.buffer, None
        return
    names = [folder / "verdicts.jsonl", folder / "summary.txt"]
    parts = [name.with_name(f"{name.name}.part") for name in names]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with parts[0].open("wb") as verdicts, parts[1].open("wb") as text:
            yield verdicts, text
        for part, name in zip(parts, names, strict=True):
            part.replace(name)
    except OSError as error:
        raise StorageError(
            f"cannot be written: {error.strerror}", where=str(folder), mend="name another folder"
        ) from error
    finally:
        for part in parts:
            with suppress(OSError):
                part.unlink()
