"""One entry of a register, without the URLs that must not be kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from probe.lists.lines import BadRow


class BlockType(StrEnum):
    """What providers must block (attribute `blockType` of the official dump)."""

    URL = "url"
    """the URL alone: attribute absent or `default`"""
    DOMAIN = "domain"
    DOMAIN_MASK = "domain-mask"
    """the name and everything under it"""
    ADDRESS = "ip"


@dataclass(frozen=True, slots=True)
class RegisterDecision:
    """The decision on which an entry is based.

    Attributes:
        date: as written, `2017-04-28`; empty when the source does not say.
        number: `7-Restricting`, `2-3491/2016`, ..
        authority: who decided, in the source's language.
    """

    date: str = ""
    number: str = ""
    authority: str = ""


class RegisterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a register.

    Attributes:
        line: its first line in the file, from 1; in JSON the number of the item.
        id: the register's own number; empty where the source has none.
        entry_type: 1 unified register (drugs, suicide, child abuse, gambling), 2 copyright, 3 Prosecutor General,
            4 organisers of information dissemination (messengers), 5 mirrors, 6 personal data; 0 not known.
        block_type: what providers must block.
        decision: the decision behind it. In the Russian register `included` belongs to the decision and is the same for
            every record added under it later, so it does not date a single address.
        included: when the decision was entered; None where not given. Moscow time where the zone is missing.
        changed: when this record was last changed; None where not known.
        hosts: names, lower case, A-labels; a mask as `*.name`.
        addresses: IP addresses as `ipaddress` writes them.
        networks: prefixes.
        urls: how many URLs the entry has; the URLs themselves are discarded.
        unreadable: how many of its names and addresses are malformed.
    """

    line: int
    id: str = ""
    entry_type: int = 0
    block_type: BlockType = BlockType.URL
    decision: RegisterDecision = RegisterDecision()
    included: datetime | None = None
    changed: datetime | None = None
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    urls: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class SnapshotTime:
    """When the snapshot was published; comes before the records, where the source has it."""

    at: datetime


RegisterItem = SnapshotTime | RegisterEntry | BadRow
