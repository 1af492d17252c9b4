"""`probe ooni write`: our verdicts as OONI measurements."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from probe.cli import examples, say
from probe.errors import ExitStatus, RecordError, TargetError
from probe.formats import jsonlines
from probe.formats.ooni.writing import measurements_of
from probe.model.target import parse
from probe.model.verdict import Verdict


@click.command("write", epilog=examples("probe ooni write verdicts.jsonl > measurements.jsonl"))
@click.argument("file", metavar="VERDICTS")
def write(file: str) -> int:
    """Print the verdicts of a file (JSON Lines, - for standard input) as OONI measurements, which `oonidata` loads.

    A URL is written as web_connectivity, an endpoint or a name as urlgetter, a domain as two measurements. The verdict
    itself rides in x_probe_verdict. Ranges have no place in OONI's format: they are named and left out. Exit status:
    0 all was written; 1 something was left out.
    """
    left_out = 0
    with ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise RecordError(f"cannot be read: {error.strerror}", where=file, mend="name another file") from error
        for one in jsonlines.read_or_keep(jsonlines.lines_of(stream, file), file):
            left_out += not _write_one(one, file)
    sys.stdout.buffer.flush()
    if left_out:
        say(f"{file}: {left_out} verdicts were left out")
    return ExitStatus.NOT_ALL_WELL if left_out else ExitStatus.OK


def _write_one(one: Verdict | jsonlines.KeptLine, file: str) -> bool:
    """Write the measurements of one verdict; return whether there were any."""
    if isinstance(one, jsonlines.KeptLine):
        say(f"{one.where}: left out: {one.what}")
        return False
    try:
        lines = list(measurements_of(one, parse(one.target)))
    except TargetError as error:
        say(f"{file}: left out: {error}")
        return False
    for line in lines:
        sys.stdout.buffer.write(line)
    if not lines:
        say(f"{file}: left out: {one.target} is a range, for which OONI's format has no place")
    return bool(lines)
