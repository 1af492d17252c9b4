"""List files and other target arguments: opened, unpacked, recognised by their first bytes, and read or imported."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from probe.agent.watchlist import parse_list
from probe.cli import say
from probe.errors import ListError, UsageError
from probe.model.target import Target, parse

if TYPE_CHECKING:
    from probe.lists.formats import Format, Item
    from probe.lists.importing import ImportCounts
    from probe.lists.register_diff import RegisterSnapshot
    from probe.lists.registers.register_entry import RegisterItem
    from probe.lists.selection import Selection

PIECE = 256 * 1024
"""Bytes read from a file at once."""
AUTO = "auto"
MAX_SHOWN_BAD_LINES = 50
"""Bad lines that are printed; the others are counted."""


def make_list(
    file: Path,
    output: Path,
    format_name: str,
    chosen: Selection,
    asns: frozenset[int] = frozenset(),
    *,
    max_bytes: int = 0,
    source: str = "",
) -> Format:
    """Import a file into a list of targets; the output is replaced only after all of the file was read.

    Raises:
        ListError: the file is malformed or has another format.
        StorageError: the list cannot be written.
    """
    from probe.agent.downloads import replace_file  # noqa: PLC0415 - listing services needs no readers
    from probe.lists import importing  # noqa: PLC0415

    counts = importing.ImportCounts()
    with open_list(file, format_name, max_bytes) as (known, items):
        rows = importing.rows_of(items, chosen, counts, source or known.name, asns)
        replace_file(output, _written(importing.csv_chunks(rows), counts, file, known))
    # Any text could be taken for a plain list: its lines are shown only to a user who named the format.
    plain = format_name == AUTO and known.name == "testlist"
    for bad in counts.first_bad:
        say(f"{file}:{bad.line}: {'no target' if plain else bad.what}")
    if counts.bad > len(counts.first_bad):
        say(f"and {counts.bad - len(counts.first_bad)} more bad lines")
    click.echo(f"{source or file} ({known.name}): " + "; ".join(counts.lines()) + ".")
    return known


def _written(pieces: Iterator[bytes], counts: ImportCounts, file: Path, known: Format) -> Iterator[bytes]:
    """The same pieces, then an error when no row had the format, so that the output is not replaced."""
    yield from pieces
    if counts.bad and counts.bad == counts.read:
        raise ListError(
            f"none of its {counts.bad} rows is of the format {known.name}", where=str(file), mend="name another"
        )


@contextmanager
def open_list(file: Path, format_name: str, max_bytes: int = 0) -> Iterator[tuple[Format, Iterator[Item]]]:
    """The format of a file and the items of its reader, while the file is open."""
    from probe.lists import formats, unpack  # noqa: PLC0415 - see make_list

    name = str(file)
    known = None if format_name == AUTO else formats.format_by_name(format_name)
    try:
        stream = sys.stdin.buffer if name == "-" else file.open("rb")
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name) from error
    with stream:
        pieces = unpack.unpack(iter(lambda: stream.read(PIECE), b""), name, max_bytes or unpack.MAX_BYTES)
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= formats.HEAD_BYTES:
                break
        known = known or formats.detect_format(head, name)
        yield known, known.read(_chained(head, pieces), name)


def _chained(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from pieces


def snapshot_of(file: Path, format_name: str, chosen: Selection) -> RegisterSnapshot:
    """The chosen part of a register file.

    Raises:
        ListError: the file cannot be read, or is not a register.
    """
    from probe.lists.formats import ItemKind  # noqa: PLC0415
    from probe.lists.register_diff import take_snapshot  # noqa: PLC0415 - see make_list

    with open_list(file, format_name) as (known, items):
        if known.yields is not ItemKind.REGISTER:
            raise ListError(f"is no register but {known.about}", where=str(file), mend="name the format with --format")
        return take_snapshot(cast("Iterator[RegisterItem]", items), chosen)


@dataclass(frozen=True, slots=True)
class GatheredTargets:
    """Targets from arguments and lists.

    Attributes:
        targets: text and target, in order, with repetitions.
        bad_rows: rows of lists that are no target; they were printed and skipped.
    """

    targets: tuple[tuple[str, Target], ...]
    bad_rows: int = 0


def gather_targets(words: Iterable[str], files: Iterable[str]) -> GatheredTargets:
    """Read every argument and list entry. A bad row of a list is printed, counted and skipped (contract: Lists).

    Args:
        words: targets given as arguments.
        files: paths of lists; `-` is standard input.

    Raises:
        ListError: a file cannot be read.
        TargetError: an argument is no target.
        UsageError: there is no target at all.
    """
    found = [(word.strip(), parse(word)) for word in words]
    faults: list[str] = []
    for name in files:
        entries, bad = parse_list(_content(name), name)
        found += [(entry.target, parse(entry.target)) for entry in entries]
        faults += [f"{name}:{line.line}: {line.what}" for line in bad]
    for fault in faults[:MAX_SHOWN_BAD_LINES]:
        say(fault)
    if len(faults) > MAX_SHOWN_BAD_LINES:
        say(f"and {len(faults) - MAX_SHOWN_BAD_LINES} more bad lines")
    if not found:
        raise UsageError("no targets", mend="name some, or give a list with --targets FILE")
    return GatheredTargets(tuple(found), len(faults))


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ListError(f"cannot be read: {error.strerror}", where=name, mend="name another list") from error
