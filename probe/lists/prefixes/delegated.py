"""Reader of the registries' statistics, `delegated` and `delegated-extended`: AFRINIC, APNIC, ARIN, LACNIC, RIPE, NRO.

::

    2.3|apnic|20260618|92||20260617|+1000                      version line; the start date may be empty
    apnic|*|ipv4|*|82|summary                                  three of these
    apnic|CN|ipv4|1.12.0.0|262144|20100511|allocated[|opaque-id[|..]]

For IPv4 the value is a *count*, often not a power of two (768): such a line is several prefixes. For IPv6 it is the
prefix length, for AS numbers the number of ASes. A date may be empty or 00000000, and free space has seven fields.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from probe.errors import ListError
from probe.lists.lines import BadRow, split
from probe.lists.prefixes.prefix import MAX_ASN, AsBlock, IPNetwork, Prefix, PrefixItem, at_most, span

_NUMBERS = {"2", "2.0", "2.1", "2.2", "2.3"}
_KINDS = {"ipv4", "ipv6", "asn"}


def read(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """Read a registry's file.

    Raises:
        ListError: the first line that is not a comment is not the version line, or the file has too many prefixes.
    """
    return at_most(_items(chunks, name), name)


def _items(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    begun = False
    for number, raw in enumerate(split(chunks, name), start=1):
        text = raw.decode("utf-8", errors="replace").strip()
        if not text or text.startswith("#"):
            continue
        fields = text.split("|")
        if not begun:
            begun = True
            if fields[0] not in _NUMBERS or len(fields) < 6:
                raise ListError("not the version line of a delegated file", where=f"{name}:{number}")
            continue
        if len(fields) >= 6 and fields[5] == "summary":
            continue
        yield from _resource(fields, number)


def _resource(fields: list[str], line: int) -> Iterator[PrefixItem]:
    if len(fields) < 7:
        yield BadRow(line, f"{len(fields)} fields where a resource has seven or more")
        return
    _, country, kind, start, value, _, held, *rest = fields
    if kind not in _KINDS or not (value.isascii() and value.isdigit() and len(value) <= 10 and int(value) >= 1):
        yield BadRow(line, "a resource of an unknown kind or without a count")
        return
    country = country if len(country) == 2 and country.isalpha() and country != "ZZ" else ""
    holder = rest[0] if rest else ""
    try:
        if kind == "asn":
            first, last = _run(start, int(value))
            yield AsBlock(line=line, first=first, last=last, country=country, held=held, holder=holder)
        else:
            for network in _networks(kind, start, int(value)):
                yield Prefix(line=line, network=str(network), country=country, held=held, holder=holder)
    except (ValueError, TypeError):
        yield BadRow(line, f"a resource of kind {kind} that begins nowhere or runs over the end")


def _run(start: str, count: int) -> tuple[int, int]:
    first = int(start)
    if not 0 <= first <= first + count - 1 <= MAX_ASN:
        raise ValueError(start)
    return first, first + count - 1


def _networks(kind: str, start: str, value: int) -> Iterable[IPNetwork]:
    if kind == "ipv6":
        return [ipaddress.ip_network(f"{start}/{value}")]
    first = ipaddress.IPv4Address(start)
    return span(first, first + (value - 1))
