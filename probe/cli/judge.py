"""`probe judge`: judge the evidence of verdicts again with the rules of this version."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from probe.cli import examples, say
from probe.cli.output import VerdictCounts
from probe.errors import ExitStatus, RecordError, TargetError
from probe.formats import jsonlines
from probe.judge import again
from probe.model.verdict import Verdict


@click.command("judge", epilog=examples("probe judge history.jsonl > judged.jsonl"))
@click.argument("file", metavar="FILE")
def command(file: str) -> int:
    """Read verdicts (JSON Lines) from FILE, judge their evidence again, print verdicts in the same order.

    FILE may be - for standard input. A verdict with words of a newer version is printed as it is, and named. Exit
    status: 0 every target reachable; 1 some target is not; 2 bad usage or unreadable input; 3 a verdict's vantage is
    offline.
    """
    counts = VerdictCounts()
    with ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise RecordError(f"cannot be read: {error.strerror}", where=file, mend="name another file") from error
        kept = _judge(jsonlines.lines_of(stream, file), file, counts)
    sys.stdout.buffer.flush()
    if kept:
        say(f"{file}: {kept} verdicts are of a newer version, and stay as they were")
    return counts.status or (ExitStatus.NOT_ALL_WELL if kept else ExitStatus.OK)


def _judge(lines: Iterator[bytes], where: str, counts: VerdictCounts) -> int:
    """Judge and print the verdicts; return how many were kept as they were.

    Raises:
        RecordError: a line is no verdict, or there is none.
    """
    kept = 0
    is_empty = True
    for one in jsonlines.read_or_keep(lines, where):
        is_empty = False
        unread = one if isinstance(one, jsonlines.KeptLine) else None
        if isinstance(one, Verdict):
            try:
                judged = again(one)
            except TargetError as error:
                unread = jsonlines.KeptLine(jsonlines.write(one), where, str(error))
            else:
                counts.add(judged)
                sys.stdout.buffer.write(jsonlines.write(judged))
        if unread is not None:
            kept += 1
            say(f"{unread.where}: not judged again: {unread.what}")
            sys.stdout.buffer.write(unread.line.rstrip(b"\r\n") + b"\n")
    if is_empty:
        raise RecordError("has no verdict", where=where, mend="give lines of `probe check --json`")
    return kept
