"""Turn the items of any reader into a list file: what the selection keeps, and counts of the rest."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from probe.errors import TargetError
from probe.lists.formats import Item
from probe.lists.lines import BadRow, ListEntry
from probe.lists.prefixes.prefix import UNROUTED, AsBlock, Prefix
from probe.lists.registers.register_entry import RegisterEntry, SnapshotTime
from probe.lists.selection import Selection, SkipReason
from probe.model.target import parse

LIST_COLUMNS = ("url", "category_code", "category_description", "date_added", "source", "notes", "service")
"""The columns of the public test lists, then the service."""
MAX_BAD_ROWS_SHOWN = 10
"""Bad rows that messages name; further ones are only counted."""

_FREE = {"available", "reserved"}


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row of the written list."""

    target: str
    category: str = ""
    added: str = ""
    source: str = ""
    note: str = ""
    service: str = ""


@dataclass(slots=True)
class ImportCounts:
    """How many rows of a file were kept, left out and malformed.

    Attributes:
        read: items from the reader: `read == kept + sum(skipped) + bad`. A range of several prefixes counts once for
            each.
        kept: rows that gave at least one target.
        targets: targets written.
        skipped: rows that the selection leaves out, by reason.
        bad: malformed rows.
        first_bad: the first of them.
    """

    read: int = 0
    kept: int = 0
    targets: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The counts as lines of text, totals first."""
        yield f"{self.read} rows in, {self.targets} targets out of {self.kept} of them"
        for reason, count in self.skipped.most_common():
            yield f"{count} set aside: {reason}"
        if self.bad:
            yield f"{self.bad} set aside: not a row of this format"


def rows_of(
    items: Iterable[Item], selection: Selection, counts: ImportCounts, source: str, asns: frozenset[int] = frozenset()
) -> Iterator[ListRow]:
    """The rows of the list, each target once.

    Args:
        items: from a reader.
        selection: what the operator chose.
        counts: updated while the rows are generated.
        source: the `source` column for registers and prefixes; test lists have their own.
        asns: keep only prefixes that one of these ASes announces; empty for all.
    """
    taken: set[str] = set()
    for item in items:
        if isinstance(item, SnapshotTime):
            continue
        counts.read += 1
        if isinstance(item, BadRow):
            counts.bad += 1
            if len(counts.first_bad) < MAX_BAD_ROWS_SHOWN:
                counts.first_bad.append(item)
            continue
        found, reason = _of(item, selection, source, asns)
        fresh = [row for row in found if row.target not in taken]
        if reason is None and not fresh:
            reason = SkipReason.REPEATED
        if reason is not None:
            counts.skipped[reason] += 1
            continue
        taken.update(row.target for row in fresh)
        counts.kept += 1
        counts.targets += len(fresh)
        yield from fresh


def csv_chunks(rows: Iterable[ListRow]) -> Iterator[bytes]:
    """The list as CSV in pieces, header first, for `probe check --targets`.

    Cells are written as they are: our own readers read this file again. Guarding them against spreadsheets would change
    the targets.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(LIST_COLUMNS)
    for row in rows:
        writer.writerow((row.target, row.category, "", row.added, row.source, row.note, row.service))
        if buffer.tell() > 65536:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _of(
    item: ListEntry | RegisterEntry | Prefix | AsBlock, selection: Selection, source: str, asns: frozenset[int]
) -> tuple[list[ListRow], SkipReason | None]:
    match item:
        case ListEntry():
            return [ListRow(item.target, item.category, source=item.source, service=item.service)], selection.of_entry(
                item
            )
        case RegisterEntry():
            return _of_record(item, selection, source)
        case Prefix():
            if asns and not asns.intersection(item.asns):
                return [], SkipReason.OTHER_AS
            if item.held in _FREE:
                return [], SkipReason.FREE
            if item.held == UNROUTED:
                return [], SkipReason.UNROUTED
            note = " ".join(f"AS{asn}" for asn in item.asns)
            return [ListRow(item.network, source=source, note=note)], None
        case _:
            return [], SkipReason.NO_PREFIX


def _of_record(record: RegisterEntry, selection: Selection, source: str) -> tuple[list[ListRow], SkipReason | None]:
    reason = selection.of_record(record)
    if reason is not None:
        return [], reason
    decision = record.decision
    found = []
    # Names only: the addresses of an old entry may belong to somebody else by now.
    for host in dict.fromkeys(host.removeprefix("*.") for host in record.hosts):
        try:
            target = str(parse(host))
        except TargetError:
            continue
        service = selection.owners.owner_of(host) if selection.owners is not None else ""
        note = f"decision {decision.number}" if decision.number else ""
        found.append(ListRow(target, added=decision.date, source=source, note=note, service=service))
    return found, None if found else SkipReason.NO_NAME
