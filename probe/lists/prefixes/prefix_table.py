"""A table of prefixes that finds the origin of an address by longest match, as routers do. Pure.

Thirteen prefixes of AS132203 lie inside blocks of AS45090 (119.29.29.0/24 in 119.29.0.0/16 among them): the first or
the shortest match would give them to the wrong AS.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet

from probe.lists.prefixes.prefix import IPNetwork, Prefix, PrefixItem

MAX_ORIGINS = 64
"""Origins kept of one prefix; anycast and exchange prefixes have a dozen. Without a bound, a table that lists one
prefix for a million ASes takes time that grows with the square of their number."""


class PrefixTable:
    """The announced prefixes of a routing table, or of some ASes, with their origins.

    The origins of a prefix that occurs twice are joined.

    Args:
        items: from a reader of prefixes; items without an origin are skipped.
    """

    def __init__(self, items: Iterable[PrefixItem]) -> None:
        self._origins: dict[tuple[int, int], dict[int, tuple[int, ...]]] = {}
        networks: dict[IPNetwork, None] = {}
        for item in items:
            if not isinstance(item, Prefix) or not item.asns:
                continue
            network = ipaddress.ip_network(item.network)
            level = self._origins.setdefault((network.version, network.prefixlen), {})
            start = int(network.network_address)
            level[start] = tuple(dict.fromkeys((*level.get(start, ()), *item.asns)))[:MAX_ORIGINS]
            networks[network] = None
        self._lengths = {
            version: sorted((length for found, length in self._origins if found == version), reverse=True)
            for version in (4, 6)
        }
        self._sorted = {version: _in_order(networks, version) for version in (4, 6)}
        self._starts = {v: [int(network.network_address) for network in self._sorted[v]] for v in (4, 6)}

    def announced_by(self, wanted: AbstractSet[int]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The prefixes that some ASes announce, with all their origins.

        IPv4 first, ordered by address, the shorter prefix before the longer.
        """
        for network in (*self._sorted[4], *self._sorted[6]):
            origins = self._origins_of(network)
            if not wanted.isdisjoint(origins):
                yield str(network), origins

    def longest_match(self, text: str) -> tuple[str, tuple[int, ...]] | None:
        """The longest prefix that covers an address or a prefix, and its origins; None when none does.

        Raises:
            ValueError: the text is neither an address nor a prefix.
        """
        wanted = ipaddress.ip_network(text)
        start, bits = int(wanted.network_address), wanted.max_prefixlen
        for length in self._lengths[wanted.version]:
            if length > wanted.prefixlen:
                continue
            covering = start >> (bits - length) << (bits - length)
            origins = self._origins[wanted.version, length].get(covering)
            if origins is not None:
                kind = ipaddress.IPv6Address if wanted.version == 6 else ipaddress.IPv4Address
                return f"{kind(covering)}/{length}", origins
        return None

    def more_specifics(self, text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The longer prefixes inside a prefix, and their origins, ordered by address.

        Raises:
            ValueError: the text is not a prefix.
        """
        outer = ipaddress.ip_network(text)
        starts = self._starts[outer.version]
        low, high = bisect_left(starts, int(outer.network_address)), bisect_right(starts, int(outer.broadcast_address))
        for network in self._sorted[outer.version][low:high]:
            if network.prefixlen > outer.prefixlen:
                yield str(network), self._origins_of(network)

    def _origins_of(self, network: IPNetwork) -> tuple[int, ...]:
        return self._origins[network.version, network.prefixlen][int(network.network_address)]

    def foreign_more_specifics(self, texts: Collection[str]) -> tuple[str, ...]:
        """The prefixes inside some others that another AS than theirs announces.

        Raises:
            ValueError: a text is not a prefix.
        """
        found: dict[str, None] = {}
        for text in texts:
            own = self.longest_match(text)
            mine = frozenset(own[1]) if own is not None else frozenset()
            others = (network for network, origins in self.more_specifics(text) if not mine & frozenset(origins))
            found.update(dict.fromkeys(others))
        return tuple(found)


def _in_order(networks: Iterable[IPNetwork], version: int) -> list[IPNetwork]:
    """The prefixes of a family ordered by address, the shorter before the longer."""
    own = (network for network in networks if network.version == version)
    return sorted(own, key=lambda network: (int(network.network_address), network.prefixlen))
