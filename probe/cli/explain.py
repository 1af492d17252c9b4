"""`probe explain`: show why a change of a target was or was not reported, from the agent's history or from verdicts."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from probe.cli import examples, printable, say
from probe.cli.replay import bounded_lines
from probe.cli.target_history import read_record, record_lines
from probe.detect.chart import BARS, PLAIN_BARS, svg, terminal
from probe.detect.detector_input import DetectorInput
from probe.detect.explain import explain
from probe.detect.replay import BadVerdictLine, read_in_order
from probe.errors import ExitStatus, UsageError
from probe.settings import load
from probe.settings.paths import state_folder


@click.command(
    "explain",
    epilog=examples(
        "probe explain https://example.com/",
        "probe explain https://example.com/ history.jsonl",
        "probe explain https://example.com/ - --svg series.svg < history.jsonl",
    ),
)
@click.argument("target")
@click.argument("file", type=click.File("rb"), required=False)
@click.option(
    "--svg",
    "picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also draw the series into this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Without FILE: print the verdict of the last full look.")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file to read.")
def command(target: str, file: IO[bytes] | None, picture: Path | None, *, as_json: bool, config: Path | None) -> int:
    """Show the status of TARGET in the history that the agent of this host keeps, and why it has no other one.

    With FILE, the series of TARGET in its verdicts (JSON Lines, - for standard input): the observations, the
    accumulated evidence against its threshold, and each status with its reason. FILE should hold all targets of the
    vantage: the detector needs the others to tell a failing vantage from a block.
    """
    if file is None:
        if picture is not None:
            raise UsageError("--svg draws the verdicts of a file", mend="name one, or - for standard input")
        return _explain_from_history(target, config, as_json=as_json)
    history = explain(_read(file), target)
    if not history.points:
        raise UsageError(f"no verdict about {target}", where=file.name, mend="write the target as it stands there")
    encoding = (sys.stdout.encoding or "ascii").lower()
    bars = BARS if encoding.startswith("utf") else PLAIN_BARS
    click.echo(terminal(history, shutil.get_terminal_size().columns, bars), nl=False)
    if picture is not None:
        picture.write_text(svg(history), encoding="utf-8")
    return ExitStatus.OK


def _explain_from_history(target: str, config: Path | None, *, as_json: bool) -> int:
    settings = load(config, os.environ)
    folder = state_folder(settings.agent.state, os.environ)
    record = read_record(folder, target)
    if record.standing is None and not record.changes:
        raise UsageError(f"no verdict about {target}", where=str(folder), mend="write the target as the list has it")
    if not as_json:
        click.echo("\n".join(map(printable, record_lines(record))))
    elif record.verdict is None:
        raise UsageError(f"no full look at {target} is kept", where=str(folder), mend="see [agent] history_days")
    else:
        sys.stdout.buffer.write(record.verdict + b"\n")
    return ExitStatus.OK


def _read(file: IO[bytes]) -> Iterator[DetectorInput]:
    """The verdicts of a file in the order of their times; a bad line is printed and skipped."""
    for read in read_in_order(bounded_lines(file), file.name):
        if isinstance(read, BadVerdictLine):
            say(f"{file.name}:{read.line}: {read.what}")
        else:
            yield from read
