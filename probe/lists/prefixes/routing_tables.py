"""Readers of whole routing tables, one route per line: CAIDA's pfx2as, bgp.tools' table, iptoasn's ranges.

A reader of the list files that `probe targets import` and `fetch` write from them is here too.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from probe.lists.lines import BadRow, split
from probe.lists.prefixes.prefix import UNROUTED, Prefix, PrefixItem, asn_of, at_most, network_of, span

_ORIGIN = re.compile(r"AS(\d{1,10})")
_SEVERAL = re.compile(r"[_,]")


def pfx2as(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    r"""CAIDA RouteViews pfx2as: `network<TAB>length<TAB>origin`; origins `a_b` (several) and `a,b` (an AS set)."""
    for number, raw in enumerate(split(chunks, name), start=1):
        fields = raw.decode("utf-8", errors="replace").split()
        if not fields:
            continue
        network = network_of(f"{fields[0]}/{fields[1]}") if len(fields) == 3 and fields[1].isdigit() else ""
        asns = tuple(dict.fromkeys(map(asn_of, _SEVERAL.split(fields[2])))) if network else ()
        if not network or min(asns) < 0:
            yield BadRow(number, "not network, length and origin")
            continue
        yield _announced(number, network, asns)


def bgptools(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """bgp.tools `table.jsonl`: `{"CIDR": .., "ASN": .., "Hits": ..}`. Their terms ask for a contact in User-Agent."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    for number, raw in enumerate(split(chunks, name), start=1):
        if not raw.strip():
            continue
        try:
            item = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield BadRow(number, "no JSON object")
            continue
        cidr, asn = item.get("CIDR"), asn_of(str(item.get("ASN", "")))
        network = network_of(cidr) if isinstance(cidr, str) else ""
        if network and asn >= 0:
            yield _announced(number, network, (asn,))
        else:
            yield BadRow(number, "no CIDR, or no ASN")


def ip2asn(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    r"""The iptoasn.com tables: `start<TAB>end<TAB>asn<TAB>country<TAB>name`; AS 0 is not routed.

    A range may be several prefixes, which then share a line number.

    Raises:
        ListError: the file has too many prefixes.
    """
    return at_most(_ip2asn(chunks, name), name)


def _ip2asn(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    for number, raw in enumerate(split(chunks, name), start=1):
        fields = raw.decode("utf-8", errors="replace").split("\t")
        if fields == [""]:
            continue
        asn = asn_of(fields[2]) if len(fields) == 5 else -1
        try:
            networks = span(ipaddress.ip_address(fields[0]), ipaddress.ip_address(fields[1])) if asn >= 0 else None
            yield from _of_range(networks, fields, asn, number)
        except (ValueError, TypeError):
            yield BadRow(number, "no range of addresses of one family, first before last")


def imported(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """A list file made of prefixes: the prefix in `url`, its origins in `notes` (`AS132203`).

    Raises:
        ListError: a line is too long.
    """
    columns: list[str] = []
    for number, raw in enumerate(split(chunks, name), start=1):
        try:
            cells = next(csv.reader([raw.decode("utf-8", errors="replace")]), [])
        except csv.Error:
            cells = ["quotes"]
        if not columns:
            columns = cells
            continue
        row = dict(zip(columns, cells, strict=False))
        network = network_of(row.get("url", ""))
        if network:
            asns = (asn_of(digits) for digits in _ORIGIN.findall(row.get("notes", "")))
            yield Prefix(line=number, network=network, asns=tuple(dict.fromkeys(asn for asn in asns if asn > 0)))
        elif cells:
            yield BadRow(number, "no prefix under url")


def _of_range(networks: Iterable[Any] | None, fields: list[str], asn: int, number: int) -> Iterator[PrefixItem]:
    if networks is None:
        yield BadRow(number, "not start, end, AS number, country and name")
        return
    country = fields[3] if len(fields[3]) == 2 else ""
    for network in networks:
        yield Prefix(
            line=number,
            network=str(network),
            asns=(asn,) if asn else (),
            country=country,
            name=fields[4] if asn else "",
            held="" if asn else UNROUTED,
        )


def _announced(line: int, network: str, asns: Iterable[int]) -> Prefix:
    origins = tuple(asn for asn in asns if asn)
    return Prefix(line=line, network=network, asns=origins, held="" if origins else UNROUTED)
