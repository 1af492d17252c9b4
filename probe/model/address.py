"""IP addresses: family, special-purpose ranges, surrounding network."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from enum import StrEnum
from functools import lru_cache

from probe.model.nat64 import embedded_ipv4

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Family(StrEnum):
    """An address family."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


def _without(network: ipaddress.IPv4Network, parts: list[ipaddress.IPv4Network]) -> list[ipaddress.IPv4Network]:
    """What is left of a network without some parts of it."""
    left = [network]
    for part in parts:
        left = [each for one in left for each in (one.address_exclude(part) if part.subnet_of(one) else (one,))]
    return left


_SPECIAL_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",  # also what "fake-IP" proxies answer with
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_SPECIAL_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "::/128",
            "::1/128",
            "100::/63",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
"""What IANA's special-purpose registries (RFC 6890) call not globally reachable, and multicast. `ipaddress` follows the
registries, so its answer depends on Python's patch level: since 3.11.9 it calls 64:ff9b:1::/48 private, which RFC 8215
made for NAT64, where sites are reached. That prefix is left out here."""
_PUBLIC_IN_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.9/32",
            "192.0.0.10/32",
            "2001:1::1/128",
            "2001:1::2/127",
            "2001:3::/32",
            "2001:4:112::/48",
            "2001:20::/28",
            "2001:30::/28",
        ),
    )
)
_BOGONS = sorted(
    (int(part[0]), int(part[-1]))
    for network in _SPECIAL_IPV4
    for part in _without(network, [one for one in _PUBLIC_IN_SPECIAL if one.version == 4])
)
_BOGON_STARTS, _BOGON_ENDS = [first for first, _ in _BOGONS], [last for _, last in _BOGONS]
_PRIVATE_USE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)  # RFC 1918, RFC 6598, RFC 4193


@lru_cache(maxsize=4096)
def parse_address(text: str) -> IPAddress | None:
    """The address that `text` spells, with or without IPv6 brackets; None when it spells none.

    The cache keeps every text, so the caller bounds its length.
    """
    bare = text.removeprefix("[").removesuffix("]")
    if ":" not in bare and not bare[-1:].isdigit():
        return None  # most names of a long list, without the cost of an exception
    try:
        return ipaddress.ip_address(bare)
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

    An IPv4 address inside an IPv6 one (IPv4-mapped, or with NAT64's well-known prefix) is judged in its place.
    """
    address = ipaddress.ip_address(embedded_ipv4(text))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    special: tuple[IPNetwork, ...] = _SPECIAL_IPV6 if address.version == 6 else _SPECIAL_IPV4
    return _is_in(address, special) and not _is_in(address, _PUBLIC_IN_SPECIAL)


def is_bogon_number(number: int) -> bool:
    """The same of an IPv4 address as a number; for lists of thousands."""
    at = bisect_right(_BOGON_STARTS, number) - 1
    return at >= 0 and number <= _BOGON_ENDS[at]


def _is_in(address: IPAddress, networks: tuple[IPNetwork, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


@lru_cache(maxsize=4096)
def is_private_use(text: str) -> bool:
    """Whether a provider or a site may give this address to its own machines: RFC 1918, RFC 4193, RFC 6598."""
    return _is_in(ipaddress.ip_address(text), _PRIVATE_USE)


@lru_cache(maxsize=4096)
def network_of(text: str) -> str:
    """The /16 (IPv4) or /32 (IPv6) around an address: its network where its AS is not known (contract: `--pace`)."""
    address = ipaddress.ip_address(text)
    prefix = 16 if address.version == 4 else 32
    return str(ipaddress.ip_network((address, prefix), strict=False))
