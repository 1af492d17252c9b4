"""`probe judge`: judge the evidence of verdicts again with the rules of this version."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from probe.cli import examples
from probe.cli.output import VerdictCounts
from probe.errors import RecordError
from probe.formats import jsonlines
from probe.judge import again


@click.command("judge", epilog=examples("probe judge history.jsonl > judged.jsonl"))
@click.argument("file", metavar="FILE")
def command(file: str) -> int:
    """Read verdicts (JSON Lines) from FILE, judge their evidence again, print verdicts in the same order.

    FILE may be - for standard input. Exit status: 0 every target reachable; 1 some target is not; 2 bad usage or
    unreadable input; 3 a verdict's vantage is offline.
    """
    counts = VerdictCounts()
    with ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise RecordError(f"cannot be read: {error.strerror}", where=file, mend="name another file") from error
        for verdict in jsonlines.read_verdicts(jsonlines.lines_of(stream, file), file):
            judged = again(verdict)
            counts.add(judged)
            sys.stdout.buffer.write(jsonlines.write(judged))
    sys.stdout.buffer.flush()
    return counts.status
