"""Reader of test lists: CSV with the columns that researchers exchange, or one target per line (contract: Targets).

A record is one line. CSV allows a quoted field to span lines, but no published list has one, and so a quote that is not
closed spoils its own line only.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from probe.errors import TargetError
from probe.lists.lines import BadRow, ListEntry
from probe.model.target import parse

TARGET_COLUMN = "url"
"""The column that makes the first line a header. The public lists call it so; here it holds any target."""


def read(text_lines: Iterable[str], name: str) -> Iterator[ListEntry | BadRow]:
    """Read a test list in either form.

    Args:
        text_lines: the lines, with or without their line ends.
        name: the list's name, the `source` of entries without one.

    Yields:
        An entry for each target, in order, repetitions included; a `BadRow` for a malformed line.
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
    """The column names when the line is the header of a test list; otherwise None."""
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
    """The line without a comment: from a `#` after a blank on. A `#` inside a URL begins its fragment and stays."""
    for mark in (" #", "\t#"):
        text = text.partition(mark)[0]
    return text.strip()
