"""Test lists: CSV with the columns researchers exchange, or one target a line (contract: Targets).

A record is one line. CSV would allow a quoted field to run over several, but no published list does so, and a quote
that somebody forgot to close then costs its own line instead of all that follow.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from probe.errors import TargetError
from probe.lists.lines import BadRow, ListEntry
from probe.model.target import parse

TARGET_COLUMN = "url"
"""The column that makes a first line a header; its name is that of the public lists though it holds any target."""


def read(text_lines: Iterable[str], name: str) -> Iterator[ListEntry | BadRow]:
    """Read a test list, whichever of the two forms it has.

    Args:
        text_lines: the lines, with or without their ends.
        name: of the list, the `source` of entries that name none.

    ItemKind:
        An entry for each target, in order, repetitions included; a `BadRow` for what is none. Never raises for a line.
    """
    columns: Sequence[str] | None = None
    first = True
    for number, raw in enumerate(text_lines, start=1):
        text = raw.strip().removeprefix("\ufeff")
        if not text or text.startswith("#"):
            continue
        if first:
            first = False
            columns = header(text)
            if columns is not None:
                continue
        if columns is None:
            yield _entry(_without_comment(text), "", name, number)
        else:
            yield _row(text, columns, name, number)


def header(line: str) -> tuple[str, ...] | None:
    """The column names when the line is the header of a test list; None when it is not."""
    columns = tuple(cell.strip().lower() for cell in line.split(","))
    return columns if TARGET_COLUMN in columns else None


def _row(text: str, columns: Sequence[str], name: str, number: int) -> ListEntry | BadRow:
    try:
        cells = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        return BadRow(number, f"not a CSV record ({error}); close the quotes")
    row = dict(zip(columns, cells, strict=False))
    if not row.get(TARGET_COLUMN, "").strip():
        return BadRow(number, f"the column {TARGET_COLUMN!r} is empty")
    entry = _entry(
        row[TARGET_COLUMN].strip(), row.get("category_code", "").strip(), row.get("source", "").strip() or name, number
    )
    if isinstance(entry, ListEntry) and row.get("service"):
        return ListEntry(entry.target, row["service"].strip(), entry.category, entry.source, entry.line)
    return entry


def _entry(target: str, category: str, source: str, number: int) -> ListEntry | BadRow:
    try:
        parse(target)
    except TargetError as error:
        return BadRow(number, f"{error.what}; {error.mend}" if error.mend else error.what)
    return ListEntry(target, category=category, source=source, line=number)


def _without_comment(text: str) -> str:
    """The line up to a `#` that follows a blank; a `#` inside a URL begins its fragment and stays."""
    for mark in (" #", "\t#"):
        text = text.partition(mark)[0]
    return text.strip()
