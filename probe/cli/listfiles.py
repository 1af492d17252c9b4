"""List files: opened, unpacked, recognised by their first bytes, and read or imported."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from probe.cli import say
from probe.errors import ListError
from probe.lists.lines import LastByte, refuse_cut_row

if TYPE_CHECKING:
    from probe.lists.formats import Format, Item
    from probe.lists.importing import ImportCounts
    from probe.lists.register_diff import RegisterSnapshot
    from probe.lists.registers.register_entry import RegisterItem
    from probe.lists.selection import Selection

PIECE = 256 * 1024
"""Bytes read from a file at once."""
AUTO = "auto"


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
    with open_list(file, format_name, max_bytes) as (known, items, last):
        rows = importing.rows_of(items, chosen, counts, source or known.name, asns)
        replace_file(output, _written(importing.csv_chunks(rows), counts, source or str(file), known))
    if known.is_machine_table and not last.ends_line:
        say(f"{source or file}: its last line has no end: the last row may be cut, and others may be missing")
    # Any text could be taken for a plain list: its lines are shown only to a user who named the format.
    plain = format_name == AUTO and known.name == "testlist"
    for bad in counts.first_bad:
        say(f"{file}:{bad.line}: {'no target' if plain else bad.what}")
    if counts.bad > len(counts.first_bad):
        say(f"and {counts.bad - len(counts.first_bad)} more bad lines")
    click.echo(f"{source or file} ({known.name}): " + "; ".join(counts.lines()) + ".")
    return known


def _written(pieces: Iterator[bytes], counts: ImportCounts, where: str, known: Format) -> Iterator[bytes]:
    """The same pieces, then an error when they hold no target, so that the output is not replaced."""
    yield from pieces
    _refuse_without_rows(counts.read, counts.bad, where, known)
    if not counts.targets:
        reasons = "; ".join(f"{count} {reason}" for reason, count in counts.skipped.most_common())
        raise ListError(
            f"gives no target ({reasons})", where=where, mend="choose other rows: see probe targets import --help"
        )


def _refuse_without_rows(read: int, bad: int, where: str, known: Format) -> None:
    """Refuse a file that has no row of its format: a failed download, or another file.

    Raises:
        ListError: it has none.
    """
    if read == 0:
        raise ListError(
            f"has no row of the format {known.name}", where=where, mend="is it the right file? fetch it again"
        )
    if read == bad:
        raise ListError(f"none of its {bad} rows is of the format {known.name}", where=where, mend="name another")


@contextmanager
def open_list(
    file: Path, format_name: str, max_bytes: int = 0, *, any_end: bool = False
) -> Iterator[tuple[Format, Iterator[Item], LastByte]]:
    """The format of a file, the items of its reader, and the last byte read, while the file is open.

    Args:
        file: plain or gzip; `-` is standard input.
        format_name: of the table of formats, or `AUTO`.
        max_bytes: bound of the unpacked file; 0 for the default.
        any_end: accept a file of lines that ends within a row.

    Raises:
        ListError: the file cannot be read or has another format. The items raise it where the file is malformed or cut.
    """
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
        last = LastByte()
        items = known.read(last.follow(chain([head], pieces)), name)
        yield known, items if any_end or not known.is_machine_table else refuse_cut_row(items, last, name), last


def snapshot_of(file: Path, format_name: str, chosen: Selection, *, any_end: bool = False) -> RegisterSnapshot:
    """The chosen part of a register file.

    Args:
        file: plain or gzip.
        format_name: as in `open_list`.
        chosen: which entries to keep.
        any_end: as in `open_list`.

    Raises:
        ListError: the file cannot be read, is not a register, has no entry, or ends within a row.
    """
    from probe.lists.formats import ItemKind  # noqa: PLC0415
    from probe.lists.register_diff import take_snapshot  # noqa: PLC0415 - see make_list

    with open_list(file, format_name, any_end=any_end) as (known, items, last):
        if known.yields is not ItemKind.REGISTER:
            raise ListError(f"is no register but {known.about}", where=str(file), mend="name the format with --format")
        taken = take_snapshot(cast("Iterator[RegisterItem]", items), chosen)
        taken.ends_line = last.ends_line or not known.is_machine_table
        _refuse_without_rows(taken.records + taken.bad, taken.bad, str(file), known)
        return taken
