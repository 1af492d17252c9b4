"""Which entries of a register or test list are kept: a safe default, and what the operator adds to it.

Registers hold pages that it is an offence to open, and test lists hold categories that put a volunteer at risk. By
default only what this program is for is kept: the services of the catalogue, messengers (article 15.4) and personal
data (article 15.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from probe.lists.lines import ListEntry
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry
from probe.lists.service import ServiceIndex

DEFAULT_TYPES = frozenset({4, 6})
"""Entry types kept by default. Not 1 (child abuse, drugs, suicide, gambling); not 2 and 5 (copyright and its mirrors:
hundreds of thousands of names of no use here); not 3 (extremism among it: searching for it is fined in Russia since
2025-09-01)."""

SENSITIVE = frozenset({"PORN", "MILX", "HATE", "ALDR", "GMB"})
"""Categories of the public test lists that are left out by default: measuring them can harm a volunteer."""


class SkipReason(StrEnum):
    """Why an entry is left out."""

    TYPE = "entry type not chosen"
    UNKNOWN_TYPE = "entry type not known and decision not chosen"
    CATEGORY = "sensitive category"
    NO_NAME = "addresses only"
    UNREADABLE = "no name or address that could be read"
    REPEATED = "already taken from another row"
    OTHER_AS = "AS not chosen"
    NO_PREFIX = "AS numbers, not prefixes"
    FREE = "free or reserved space"
    UNROUTED = "announced by nobody"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the operator chose.

    Attributes:
        entry_types: register entries of these types are kept.
        decisions: entries are kept, whatever their type, whose decision's number or authority contains one of these.
        categories: sensitive categories that are kept nevertheless.
        owners: names of its services are kept unless the entry is of type 1 or lists single pages.
    """

    entry_types: frozenset[int] = DEFAULT_TYPES
    decisions: tuple[str, ...] = ()
    categories: frozenset[str] = frozenset()
    owners: ServiceIndex | None = None

    def of_record(self, record: RegisterEntry) -> SkipReason | None:
        """Why a register's entry is left out; None when it is kept."""
        if not (record.hosts or record.addresses or record.networks):
            return SkipReason.UNREADABLE
        if record.entry_type in self.entry_types or self.names(record.decision):
            return None
        if record.entry_type != 1 and record.block_type is not BlockType.URL and self._owned(record.hosts):
            return None
        return SkipReason.TYPE if record.entry_type else SkipReason.UNKNOWN_TYPE

    def of_entry(self, entry: ListEntry) -> SkipReason | None:
        """Why a test list's entry is left out; None when it is kept."""
        category = entry.category.upper()
        return SkipReason.CATEGORY if category in SENSITIVE and category not in self.categories else None

    def names(self, decision: RegisterDecision) -> bool:
        """Whether the operator named this decision."""
        return any(part in decision.number or part in decision.authority for part in self.decisions)

    def _owned(self, hosts: Iterable[str]) -> bool:
        owners = self.owners
        return owners is not None and any(owners.owner_of(host) for host in hosts)
