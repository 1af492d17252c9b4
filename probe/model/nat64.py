"""NAT64: IPv4 addresses written inside IPv6 ones (RFC 6052), and the prefix that a network writes them with (RFC 7050).

In a network without IPv4, the resolver (DNS64) gives each name that has IPv4 addresses only an IPv6 address made of
them, and a gateway translates. The same server then has another address than elsewhere: they are compared as IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

WELL_KNOWN_PREFIX = "64:ff9b::/96"
"""RFC 6052 section 2.1. Networks may choose another one, of any of `_LENGTHS`."""
DISCOVERY_NAME = "ipv4only.arpa"
"""A name that has IPv4 addresses only: an IPv6 answer for it shows the network's prefix (RFC 7050)."""
MAX_PREFIXES = 4
"""Prefixes of a network that are used; most have one."""

_LENGTHS = (96, 64, 56, 48, 40, 32)
"""Lengths of prefixes (RFC 6052 section 2.2); the most usual first."""
_DISCOVERY_ADDRESSES = frozenset({"192.0.0.170", "192.0.0.171"})
_RESERVED_OCTET = 8
"""Bits 64 to 71 of every such address are zero."""


@lru_cache(maxsize=4096)
def embedded_ipv4(address: str, prefixes: tuple[str, ...] = ()) -> str:
    """The IPv4 address inside an IPv6 address of one of these prefixes, or of the well-known one; else the address."""
    parsed = ipaddress.ip_address(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address
    for prefix in (*prefixes, WELL_KNOWN_PREFIX):
        network = ipaddress.IPv6Network(prefix)
        if parsed in network and not parsed.packed[_RESERVED_OCTET]:
            return _ipv4_at(parsed.packed, network.prefixlen)
    return address


def synthesised(address: str, prefix: str) -> str:
    """The IPv6 address that stands for an IPv4 address in a network with this prefix."""
    network = ipaddress.IPv6Network(prefix)
    packed = bytearray(network.network_address.packed)
    for place, octet in zip(_places(network.prefixlen), ipaddress.IPv4Address(address).packed, strict=True):
        packed[place] = octet
    return str(ipaddress.IPv6Address(bytes(packed)))


def prefixes_shown(addresses: Iterable[str]) -> tuple[str, ...]:
    """The prefixes that the IPv6 addresses of `DISCOVERY_NAME` show (RFC 7050 section 3), at most `MAX_PREFIXES`."""
    found: dict[str, None] = {}
    for address in addresses:
        parsed = ipaddress.ip_address(address)
        if isinstance(parsed, ipaddress.IPv6Address) and not parsed.packed[_RESERVED_OCTET]:
            length = next((one for one in _LENGTHS if _ipv4_at(parsed.packed, one) in _DISCOVERY_ADDRESSES), 0)
            if length:
                found[str(ipaddress.IPv6Network((parsed.packed, length), strict=False))] = None
    return tuple(found)[:MAX_PREFIXES]


def _places(length: int) -> tuple[int, ...]:
    """The positions of the four octets of an IPv4 address after a prefix of this length."""
    start = length // 8
    return tuple(place for place in range(start, start + 5) if place != _RESERVED_OCTET)[:4]


def _ipv4_at(packed: bytes, length: int) -> str:
    return str(ipaddress.IPv4Address(bytes(packed[place] for place in _places(length))))
