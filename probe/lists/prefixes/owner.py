"""Who owns an address: of the prefixes that cover it the longest decides, as it does for routers. Pure.

Thirteen prefixes of AS132203 lie inside blocks of AS45090 (119.29.29.0/24 in 119.29.0.0/16 among them): whoever takes
the first match, or the shortest, gives them to the wrong one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from probe.lists.prefixes.record import Network, Prefix, PrefixItem


class OwnerTable:
    """The prefixes of a routing table, or of some ASes.

    Of a prefix that stands there twice the origins are joined.

    Args:
        items: from a reader of prefixes; what is no prefix, and what nobody announces, is passed over.
    """

    def __init__(self, items: Iterable[PrefixItem]) -> None:
        self._origins: dict[tuple[int, int], dict[int, tuple[int, ...]]] = {}
        self._networks: dict[Network, None] = {}
        for item in items:
            if not isinstance(item, Prefix) or not item.asns:
                continue
            network = ipaddress.ip_network(item.network)
            level = self._origins.setdefault((network.version, network.prefixlen), {})
            start = int(network.network_address)
            level[start] = tuple(dict.fromkeys((*level.get(start, ()), *item.asns)))
            self._networks[network] = None
        self._lengths = {
            version: sorted((length for found, length in self._origins if found == version), reverse=True)
            for version in (4, 6)
        }

    def of(self, text: str) -> tuple[str, tuple[int, ...]] | None:
        """The longest prefix that covers an address or a prefix, and its origins; None when none does.

        Raises:
            ValueError: the text is neither.
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

    def inside(self, text: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The longer prefixes inside one, and their origins, in the order of their addresses.

        Raises:
            ValueError: the text is no prefix.
        """
        outer = ipaddress.ip_network(text)
        found = [network for network in self._networks if network != outer and _within(network, outer)]
        for network in sorted(found, key=lambda one: (int(one.network_address), one.prefixlen)):
            origins = self._origins[network.version, network.prefixlen][int(network.network_address)]
            yield str(network), origins

    def strangers(self, text: str) -> tuple[str, ...]:
        """The prefixes inside one that somebody else announces: no part of its owner's."""
        own = self.of(text)
        mine = frozenset(own[1]) if own is not None else frozenset()
        return tuple(network for network, origins in self.inside(text) if not mine & frozenset(origins))


def _within(network: Network, outer: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return network.subnet_of(outer)
    return (
        isinstance(network, ipaddress.IPv6Network)
        and isinstance(outer, ipaddress.IPv6Network)
        and network.subnet_of(outer)
    )
