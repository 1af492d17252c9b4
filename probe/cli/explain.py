"""`probe explain`: show why a change of a target was or was not reported."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from probe.cli import examples, say
from probe.cli.replay import bounded_lines
from probe.detect.chart import BARS, PLAIN_BARS, svg, terminal
from probe.detect.detector_input import DetectorInput
from probe.detect.explain import explain
from probe.detect.replay import BadVerdictLine, read_in_order
from probe.errors import ExitStatus, UsageError


@click.command(
    "explain",
    epilog=examples(
        "probe explain https://example.com/ history.jsonl",
        "probe explain https://example.com/ - --svg series.svg < history.jsonl",
    ),
)
@click.argument("target")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--svg",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw the series into this file.",
)
def command(target: str, file: IO[bytes], picture: Path | None) -> int:
    """Show the series of TARGET in the verdicts of FILE (JSON Lines, - for standard input).

    Prints the observations, the accumulated evidence against its threshold, and each status with its reason. FILE
    should hold all targets of the vantage: the detector needs the others to tell a failing vantage from a block.
    """
    history = explain(_read(file), target)
    if not history.points:
        raise UsageError(f"no verdict about {target}", where=file.name, mend="write the target as it stands there")
    encoding = (sys.stdout.encoding or "ascii").lower()
    bars = BARS if encoding.startswith("utf") else PLAIN_BARS
    click.echo(terminal(history, shutil.get_terminal_size().columns, bars), nl=False)
    if picture is not None:
        picture.write_text(svg(history), encoding="utf-8")
    return ExitStatus.OK


def _read(file: IO[bytes]) -> Iterator[DetectorInput]:
    """The verdicts of a file in the order of their times; a bad line is printed and skipped."""
    for read in read_in_order(bounded_lines(file), file.name):
        if isinstance(read, BadVerdictLine):
            say(f"{file.name}:{read.line}: {read.what}")
        else:
            yield from read
