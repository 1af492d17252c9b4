"""`probe collector load-ooni`: show what was found in OONI's archive beside the collector's own events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from probe.cli import examples
from probe.cli.collector_database import DB, in_database, now_of
from probe.collector.intake.ooni_events import events_of, store_ooni_events
from probe.errors import ExitStatus, RecordError
from probe.formats.jsonlines import lines_of
from probe.ooni.network_detectors import NetworkTransition

MAX_TRANSITIONS = 200_000
"""Transitions of one file, about 100 MB."""
_decoder = msgspec.json.Decoder(NetworkTransition)


@click.command(
    "load-ooni",
    epilog=examples("probe collector load-ooni --db c.sqlite transitions.jsonl"),
)
@DB
@click.argument("file", metavar="TRANSITIONS")
def load_ooni(db: str, file: str) -> int:
    """Take in a file that `probe ooni transitions` printed (- for standard input), as events of the source `ooni`.

    They are shown beside what followed collectors report, each with its source, and count in no status, confidence or
    alert of this collector. A file may be loaded again: an event is stored once, and ends when a later file says so.
    """
    events = events_of(_transitions(file))
    now = now_of()
    stored = in_database(db, lambda session: store_ooni_events(session, events, now))
    lasting = sum(event.lifted is None for event in events)
    click.echo(f"{stored} events of the source ooni, {lasting} of them last")
    return ExitStatus.OK


def _transitions(file: str) -> Iterator[NetworkTransition]:
    with ExitStack() as stack:
        try:
            stream = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        except OSError as error:
            raise RecordError(f"cannot be read: {error.strerror}", where=file, mend="name another file") from error
        for number, line in enumerate(lines_of(stream, file), 1):
            if number > MAX_TRANSITIONS:
                raise RecordError(f"more than {MAX_TRANSITIONS} transitions", where=file, mend="divide the file")
            if not line.strip():
                continue
            try:
                yield _decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                mend = "give lines of `probe ooni transitions`"
                raise RecordError(f"not a transition: {error}", where=f"{file}:{number}", mend=mend) from error
