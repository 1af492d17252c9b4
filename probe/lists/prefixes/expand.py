"""Expand an AS into its prefixes, each without the more specific prefixes inside it. Pure.

The longest match decides, so every address belongs to exactly one prefix and the parts of an expansion do not overlap,
although prefixes are nested: 119.29.29.0/24 (AS132203) lies in 119.29.0.0/16 (AS45090) and is excluded from it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from probe.lists.prefixes.prefix import IPNetwork
from probe.lists.prefixes.prefix_table import PrefixTable
from probe.model.address import is_bogon


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrefix:
    """One prefix of an AS.

    Attributes:
        network: the prefix.
        asns: the ASes that announce it.
        excluded_prefixes: the more specific prefixes inside it, of any AS; not part of this one.
    """

    network: str
    asns: tuple[int, ...]
    excluded_prefixes: tuple[str, ...] = ()


def expand(asns: Collection[int], table: PrefixTable) -> tuple[OwnPrefix, ...]:
    """The prefixes of some ASes, IPv4 first, ordered by address.

    A prefix that more specific ones cover completely is left out, and so is private and reserved space.
    """
    found = []
    for network, origins in table.announced_by(frozenset(asns)):
        if is_bogon(network.partition("/")[0]):
            continue
        inside = more_specifics_of([network, *(prefix for prefix, _ in table.more_specifics(network))]).get(network, ())
        if not _covered(network, inside):
            found.append(OwnPrefix(network=network, asns=origins, excluded_prefixes=inside))
    return tuple(found)


def more_specifics_of(networks: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Prefix -> the more specific ones of the same collection directly inside it.

    Prefixes without any are left out. The work is linear in the number of prefixes once they are sorted.

    Raises:
        ValueError: a text is not a prefix.
    """
    found: dict[str, list[str]] = {}
    parsed = sorted({ipaddress.ip_network(text) for text in networks}, key=_order)
    for _, family in groupby(parsed, key=lambda network: network.version):
        around: list[IPNetwork] = []
        for network in family:
            while around and int(around[-1].broadcast_address) < int(network.network_address):
                around.pop()
            if around:
                found.setdefault(str(around[-1]), []).append(str(network))
            around.append(network)
    return {text: tuple(inside) for text, inside in found.items()}


def _order(network: IPNetwork) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen


def _covered(network: str, inside: Iterable[str]) -> bool:
    size = ipaddress.ip_network(network).num_addresses
    return sum(ipaddress.ip_network(prefix).num_addresses for prefix in inside) >= size
