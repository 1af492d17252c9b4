"""`probe replay`: print the transitions in a file of verdicts (contract: `probe replay`)."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from typing import IO

import click

from probe.cli import examples, say
from probe.detect.replay import BadVerdictLine, replay
from probe.errors import ExitStatus, RecordError
from probe.formats.jsonlines import MAX_LINE_BYTES, without_mark, write


@click.command(
    "replay", epilog=examples("probe check --targets list.csv --json >> history.jsonl; probe replay history.jsonl")
)
@click.argument("file", type=click.File("rb"))
def command(file: IO[bytes]) -> int:
    """Feed the verdicts of FILE (JSON Lines, - for standard input) to the detector.

    Prints the transitions that it would have reported. The lines of a round may stand in any order. A bad line is
    printed and skipped; their number is printed last, and the exit status is 1. A line that is more than 15 minutes
    older than one before it ends the replay with status 2.
    """
    skipped = newer = 0
    for found in replay(bounded_lines(file), where=file.name):
        if isinstance(found, BadVerdictLine):
            say(f"{file.name}:{found.line}: {found.what}")
            skipped += 1
            newer += found.is_newer
        else:
            sys.stdout.buffer.write(write(found))
            sys.stdout.buffer.flush()
    if skipped:
        words = f", {newer} of them for a word that this version does not know" if newer else ""
        say(f"{file.name}: {skipped} lines skipped{words}")
    return ExitStatus.NOT_ALL_WELL if skipped else ExitStatus.OK


def bounded_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a stream. Of a line longer than any verdict only the beginning is given, which is a bad line.

    Raises:
        RecordError: the stream has nothing but blank lines, or is UTF-16.
    """
    readline = stream.readline
    name = getattr(stream, "name", "-")
    is_first, blank = True, True
    while line := readline(MAX_LINE_BYTES):
        # Joined files have a mark at the head of each.
        line = without_mark(line, name) if is_first else line.removeprefix(codecs.BOM_UTF8)
        is_first = False
        yield line
        blank = blank and not line.strip()
        while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = readline(MAX_LINE_BYTES)
    if blank:
        raise RecordError("has no verdict", where=name, mend="give lines of `probe check --json`")
