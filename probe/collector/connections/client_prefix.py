"""Who a connection comes from, as a network prefix: all that the collector takes from an address.

A limit counts by a keyed hash of the prefix (/24 of IPv4, /48 of IPv6), with a key that is drawn at the start and never
written. The prefix itself is kept only as long as its connection, for removing the sender's address from what it sends.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from probe.errors import SettingsError

IPV4_PREFIX_LENGTH, IPV6_PREFIX_LENGTH = 24, 48
DEFAULT_PROXIES = ("127.0.0.1/32", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""This host and private networks: there a peer is a reverse proxy, or somebody whom the operator let in."""
FORWARDED = "X-Forwarded-For"
"""The header in which a proxy names its client."""
_HASH_KEY = secrets.token_bytes(32)


class Client(msgspec.Struct, frozen=True):
    """The source of a connection or of a forwarded request.

    Attributes:
        source: keyed hash of the prefix, for counting; empty for a proxy that names no client.
        prefix: the first three bytes of an IPv4 address, the first six of an IPv6 address; empty when not known.
        proxy: the peer is a reverse proxy: its connections are not counted, and the client is in `FORWARDED`.
    """

    source: bytes = b""
    prefix: bytes = b""
    proxy: bool = False


class TrustedProxies:
    """The peers whose `X-Forwarded-For` is believed.

    Args:
        networks: in CIDR notation.

    Raises:
        SettingsError: a text is no network.
    """

    def __init__(self, networks: Iterable[str] = DEFAULT_PROXIES) -> None:
        try:
            self._networks = [ip_network(text.strip(), strict=False) for text in networks]
        except ValueError as error:
            raise SettingsError(
                str(error), where="--trusted-proxy", mend="write a network, such as 192.0.2.1/32"
            ) from error

    def peer(self, address: str) -> Client:
        """The client of a connection from this address."""
        parsed = _parsed(address)
        if parsed is None:
            return Client(proxy=True)  # a Unix socket: only a proxy of this host speaks through one
        return Client(proxy=True) if self._is_proxy(parsed) else _client(parsed)

    def forwarded(self, header: str) -> Client:
        """The client that a trusted proxy names: the last address that is no proxy itself.

        The header may hold addresses, or prefixes (`203.0.113.0/24`) of a proxy that leaves the rest out.
        """
        for text in reversed(header.rsplit(",", 8)):
            parsed = _parsed(text.strip().partition("/")[0])
            if parsed is None:
                break
            if not self._is_proxy(parsed):
                return _client(parsed)
        return Client(proxy=True)

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def prefix_network(prefix: bytes) -> IPv4Network | IPv6Network | None:
    """The network of a prefix of `Client`; None for the empty one."""
    if len(prefix) == IPV4_PREFIX_LENGTH // 8:
        return IPv4Network((prefix + bytes(1), IPV4_PREFIX_LENGTH))
    if len(prefix) == IPV6_PREFIX_LENGTH // 8:
        return IPv6Network((prefix + bytes(10), IPV6_PREFIX_LENGTH))
    return None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _client(address: IPv4Address | IPv6Address) -> Client:
    length = IPV4_PREFIX_LENGTH if isinstance(address, IPv4Address) else IPV6_PREFIX_LENGTH
    prefix = address.packed[: length // 8]
    return Client(hmac.digest(_HASH_KEY, prefix, "sha256")[:8], prefix)
