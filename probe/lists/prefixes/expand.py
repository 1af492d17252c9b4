"""An AS becomes the prefixes that are its own, each without what somebody else announces inside it. Pure.

Longest match decides: an address belongs to the longest prefix that covers it, and to nobody else. So the parts of an
expansion have no address in common, though prefixes lie inside one another: 119.29.29.0/24 (AS132203) lies in
119.29.0.0/16 (AS45090), and is a hole in it.
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
        asns: who announces it.
        holes: the longer prefixes inside it, whoever announces them: no part of this one.
    """

    network: str
    asns: tuple[int, ...]
    holes: tuple[str, ...] = ()


def expand(asns: Collection[int], table: PrefixTable) -> tuple[OwnPrefix, ...]:
    """The parts of some ASes, IPv4 first, in the order of their addresses.

    A prefix that longer ones fill to its last address is left out, and so is what nobody may announce (private,
    reserved space).
    """
    found = []
    for network, origins in table.announced_by(frozenset(asns)):
        if is_bogon(network.partition("/")[0]):
            continue
        holes = more_specifics_of([network, *(inside for inside, _ in table.more_specifics(network))]).get(network, ())
        if not _filled(network, holes):
            found.append(OwnPrefix(network=network, asns=origins, holes=holes))
    return tuple(found)


def more_specifics_of(networks: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Prefix -> the longer ones of the same collection inside it, without those inside another of them.

    Prefixes without holes are left out. Linear in the number of prefixes once they are sorted.

    Raises:
        ValueError: one is no prefix.
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


def _filled(network: str, holes: Iterable[str]) -> bool:
    size = ipaddress.ip_network(network).num_addresses
    return sum(ipaddress.ip_network(hole).num_addresses for hole in holes) >= size
