"""A prefix and who holds or announces it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from probe.errors import ListError
from probe.lists.lines import BadRow

UNROUTED = "unrouted"
"""`Prefix.held` for routes of AS 0, which nobody announces (RFC 7607)."""

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """One prefix of a source.

    Attributes:
        line: its line in the file, from 1; in JSON documents the number of the item.
        network: as `ipaddress` writes it.
        asns: the ASes that announce it; none where the source only says who holds it.
        country: two capitals where the source says so.
        name: of the AS or the holder.
        held: `allocated`, `assigned`, `available`, `reserved` in the registries' files; empty for announced prefixes.
            A held prefix need not be announced. `UNROUTED` where a routing table says that nobody announces it.
        holder: the registry's opaque id, the same for all blocks of one holder.
        first, last: the first and the last time at which it was announced, where the source says so. A prefix whose
            `last` is old has been withdrawn.
    """

    line: int
    network: str
    asns: tuple[int, ...] = ()
    country: str = ""
    name: str = ""
    held: str = ""
    holder: str = ""
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsBlock:
    """A run of AS numbers that a registry assigned.

    Attributes:
        line: its line in the file, from 1.
        first, last: both included.
        country, held, holder: as in `Prefix`.
    """

    line: int
    first: int
    last: int
    country: str = ""
    held: str = ""
    holder: str = ""


PrefixItem = Prefix | AsBlock | BadRow

MAX_ASN = 4294967295  # RFC 6793: 32 bits


MAX_PREFIXES = 4_000_000
"""Prefixes from one file; the largest routing table has about 1.3 million. A line of a few bytes may be a range that is
254 prefixes, and a tree of a few bytes may have 2 to the power of 128 ways through it."""


def at_most(items: Iterable[PrefixItem], name: str) -> Iterator[PrefixItem]:
    """The items of a reader, as long as there are no more than `MAX_PREFIXES`.

    Raises:
        ListError: there are more.
    """
    for number, item in enumerate(items):
        if number >= MAX_PREFIXES:
            raise ListError(f"more than {MAX_PREFIXES} prefixes", where=name, mend="is it the right file?")
        yield item


def network_of(text: str) -> str:
    """A prefix in its shortest spelling; empty when the text is not a prefix or has bits beyond its mask."""
    try:
        return str(ipaddress.ip_network(text.strip())) if "/" in text else ""
    except ValueError:
        return ""


def asn_of(text: str) -> int:
    """An AS number, with or without `AS` before it; -1 for any other text."""
    digits = text.strip().upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        return -1
    number = int(digits)
    return number if number <= MAX_ASN else -1


def span(first: IPAddress, last: IPAddress) -> Iterator[IPNetwork]:
    """The fewest prefixes that cover exactly the addresses from `first` to `last`.

    Raises:
        ValueError, TypeError: `last` is before `first`, or of the other family.
    """
    return ipaddress.summarize_address_range(first, last)
