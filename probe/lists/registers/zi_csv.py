"""Reader of the public mirror's `dump.csv` (zapret-info/z-i, 2012 to 2025): windows-1251, six fields, semicolons.

::

    Updated: 2021-12-07 16:54:00 +0000
    ip | ip;domain;url | url;authority;number;date

The first line has the time of the update, and text may follow it. Rows are unquoted (2014) or have quoted fields
(later), a URL may contain semicolons in an unquoted row, and since March 2024 `dump.csv` has only the first two fields.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from probe.errors import ListError
from probe.lists.lines import BadRow, split
from probe.lists.registers import clean
from probe.lists.registers.assemble import MAX_DECISION, implied_type, make_decision, make_entry
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime

FIELDS = 6
SHORT = 2
"""Fields since March 2024, when the file exceeded its host's size limit."""
MAX_PARTS = 50_000
"""Addresses or URLs in one field; the longest seen has some 2,000."""

_UPDATED = re.compile(r"Updated: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([+-]\d{4})")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NOT_A_ROW = "not a row of six fields (addresses;name;URLs;authority;number;date), nor of two"


def read(chunks: Iterable[bytes], name: str) -> Iterator[RegisterItem]:
    """Read a `dump.csv`, or one of its parts `dump-00.csv`, ...

    Args:
        chunks: the file in pieces of any size.
        name: of the file, for messages.

    Yields:
        `SnapshotTime` where the first line has it, a `RegisterEntry` per row, a `BadRow` for a malformed row.

    Raises:
        ListError: a line is longer than any row can be, or the file is empty.
    """
    decisions: dict[tuple[str, ...], tuple[RegisterDecision, int]] = {}
    number = 0
    for number, raw in enumerate(split(chunks, name), start=1):
        # Every byte but 0x98 is a character of windows-1251, so a damaged byte spoils its own field only.
        text = raw.decode("cp1251", errors="replace")
        if number == 1:
            at = updated(text)
            if at is not None:
                yield SnapshotTime(at)
                continue
        if text and not text.isspace():
            yield _row(text, number, decisions)
    if number == 0:
        raise ListError("the file is empty", where=name, mend="the download may have failed: fetch it again")


def updated(line: str) -> datetime | None:
    """The time in the first line; None for any other line."""
    match = _UPDATED.match(line)
    if match is None:
        return None
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _row(
    text: str, line: int, decisions: dict[tuple[str, ...], tuple[RegisterDecision, int]]
) -> RegisterEntry | BadRow:
    fields = fields_of(text)
    if fields is None:
        return BadRow(line, _NOT_A_ROW)
    addresses, names, urls, *decision = fields
    parts = [
        *(("ip", part) for part in _parts(addresses)),
        *(("domain", part) for part in _parts(names)),
        *(("url", part) for part in _parts(urls)),
    ]
    if len(parts) > MAX_PARTS:
        return BadRow(line, f"more than {MAX_PARTS} names and addresses in a row")
    key = tuple(text[:MAX_DECISION] for text in decision)
    known = decisions.get(key)
    if known is None:
        if len(decisions) >= 1024:
            decisions.clear()
        made = make_decision(key[2], key[1], key[0])
        known = decisions[key] = (made, implied_type(made))
    return make_entry(parts, line=line, decision=known[0], entry_type=known[1], block_type=_block_type(names, urls))


def fields_of(text: str) -> Sequence[str] | None:
    """The six fields of a row, quoted or not, the last four empty in a short row; None when it is malformed."""
    fields = text.split(";")
    if '"' in text:
        fields = _unquoted(text) or fields
    if len(fields) == SHORT:
        return [*fields, "", "", "", ""] if _looks_like_addresses(fields[0]) else None
    if len(fields) < FIELDS:
        return None
    if len(fields) > FIELDS:
        # An unquoted URL with semicolons: the other fields have none, so they are counted from both ends.
        fields = [*fields[:2], ";".join(fields[2:-3]), *fields[-3:]]
    return fields if not fields[5].strip() or _DATE.fullmatch(fields[5].strip()) else None


def _unquoted(text: str) -> list[str] | None:
    """The row read as CSV with quotes; None when its quotes belong to the text, as in an authority's name."""
    try:
        fields = next(csv.reader([text], delimiter=";", strict=True))
    except (csv.Error, StopIteration):
        return None
    return fields if len(fields) in (SHORT, FIELDS) else None


def _parts(field: str) -> list[str]:
    if not field:
        return []
    return field.split(" | ") if "|" in field else [field]


def _looks_like_addresses(field: str) -> bool:
    first = _parts(field)[:1]
    return not first or bool(clean.address(first[0]) or clean.network(first[0]))


def _block_type(names: str, urls: str) -> BlockType:
    """The block type by the mirror's rule: domain blocks have no URL, address blocks neither URL nor name."""
    if urls:
        return BlockType.URL
    if not names:
        return BlockType.ADDRESS
    return BlockType.DOMAIN_MASK if names.lstrip().startswith("*.") else BlockType.DOMAIN
