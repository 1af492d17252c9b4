"""Reader of test lists: CSV with the columns that researchers exchange, or one target per line (contract: Targets).

A record is one line. CSV allows a quoted field to span lines, but no published list has one, and so a quote that is not
closed spoils its own line only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from probe.errors import TargetError
from probe.lists.lines import MAX_LINE, BadRow, ListEntry
from probe.model.target import parse

TARGET_COLUMN = "url"
"""The column that makes a line a header. The public lists call it so; here it holds any target."""

DELIMITERS = (",", ";", "\t")
"""Between the columns of a CSV file: RFC 4180; spreadsheets where the comma is decimal; a pasted table."""

PUBLIC_COLUMNS = ("url", "category_code", "category_description", "date_added", "source", "notes")
"""The columns of the public test lists, for a file without its header."""

_PUBLIC_ROW = re.compile(r"[^,]+,[A-Z]{3,5}(,|$)")
"""A row of a public test list: a target, then a category code."""

_NOT_UTF8 = re.compile("[\udc80-\udcff]")


class Header(NamedTuple):
    """The header of a CSV list.

    Attributes:
        columns: names in lower case.
        delimiter: one of `DELIMITERS`.
    """

    columns: tuple[str, ...]
    delimiter: str


def read(text_lines: Iterable[str], name: str) -> Iterator[ListEntry | BadRow]:
    """Read a test list in either form.

    Args:
        text_lines: the lines, with or without their line ends. A byte that is not UTF-8 is a surrogate escape (PEP
            383) and makes its line a bad row.
        name: the list's name, the `source` of entries without one.

    Yields:
        An entry for each target, in order, repetitions included; a `BadRow` for a malformed line.
    """
    layout: Header | None = None
    first = True
    for number, raw in enumerate(text_lines, start=1):
        if len(raw) > MAX_LINE:
            yield BadRow(number, f"longer than {MAX_LINE} bytes")
            continue
        text = raw.strip().removeprefix("\ufeff")
        if not text or text.startswith("#"):
            continue
        if not text.isascii() and _NOT_UTF8.search(text):
            yield BadRow(number, "not UTF-8; save the list as UTF-8")
            continue
        if first or (layout is not None and TARGET_COLUMN in text.lower()):  # joined files repeat their header
            found = header(text)
            if found is not None:
                first, layout = False, found
                continue
        if first and _PUBLIC_ROW.match(text):
            layout = Header(PUBLIC_COLUMNS, ",")
        first = False
        if layout is None:
            yield _entry(_without_comment(text), "", name, number)
        else:
            yield _row(text, layout, name, number)


def header(line: str) -> Header | None:
    """The columns when the line is the header of a test list; otherwise None."""
    for delimiter in DELIMITERS:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            continue
        columns = tuple(cell.strip().lower() for cell in cells)
        if TARGET_COLUMN in columns:
            return Header(columns, delimiter)
    return None


def _row(text: str, layout: Header, name: str, number: int) -> ListEntry | BadRow:
    try:
        cells = next(csv.reader([text], delimiter=layout.delimiter, strict=True))
    except (csv.Error, StopIteration) as error:
        return BadRow(number, f"not a CSV record ({error}); close the quotes")
    row = dict(zip(layout.columns, cells, strict=False))
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
