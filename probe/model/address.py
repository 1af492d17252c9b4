"""IP addresses: family, special-purpose ranges, surrounding network."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Family(StrEnum):
    """An address family."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


_CGNAT = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598: `is_global` is False but so is `is_private`
_BENCHMARK = ipaddress.ip_network("198.18.0.0/15")  # RFC 2544: also what "fake-IP" proxies answer with


@lru_cache(maxsize=4096)
def parse_address(text: str) -> IPAddress | None:
    """The address that `text` spells, with or without IPv6 brackets; None when it spells none.

    The cache keeps every text, so the caller bounds its length.
    """
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def family(address: str) -> Family:
    """The family of an IP address.

    Raises:
        ValueError: the text is no IP address.
    """
    return Family.IPV6 if ipaddress.ip_address(address).version == 6 else Family.IPV4


@lru_cache(maxsize=4096)
def is_bogon(text: str) -> bool:
    """Whether no public host can have this address: private, loopback, reserved, multicast, unspecified.

    The special-purpose registries of IANA (RFC 6890) as Python's `ipaddress` carries them; an IPv4-mapped IPv6
    address is judged by the IPv4 address inside.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, ipaddress.IPv4Address) and (address in _CGNAT or address in _BENCHMARK):
        return True
    return not address.is_global or address.is_multicast


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """The /16 (IPv4) or /32 (IPv6) around an address: its network where its AS is not known (contract: `--pace`)."""
    address = ipaddress.ip_address(text)
    prefix = 16 if address.version == 4 else 32
    return str(ipaddress.ip_network((address, prefix), strict=False))
