"""Resolvers: how far each is trusted, and how one is written."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import msgspec

from probe.model.address import is_bogon, parse_address
from probe.model.target import bracketed

_ZONE = re.compile(r"%[^\]]*(?=\])")
"""The zone of an IPv6 address in brackets: the name of an interface of this host."""


class Trust(StrEnum):
    """How far a resolver is trusted."""

    SYSTEM = "system"
    """getaddrinfo: what programs on this host get, hosts file included."""
    NETWORK = "network"
    """The network's own resolver (resolv.conf), asked directly in plain DNS."""
    TRUSTED = "trusted"
    """An encrypted resolver (DoH, DoT) that the settings name."""
    PUBLIC = "public"
    """A public resolver asked in plain DNS, as OONI does: not the network's, and anybody on the path can forge its
    answers. It neither confirms an address nor accuses another resolver; two answers to one query show a forgery."""


class PlainResolver(msgspec.Struct, frozen=True):
    """A resolver asked in plain DNS.

    Attributes:
        transport: `udp` or `tcp`.
        address: an IP literal without brackets; may carry an IPv6 zone.
    """

    transport: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{bracketed(self.address)}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> PlainResolver | None:
        """Read `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT` (IPv6 in brackets); None when it is neither."""
        transport, _, rest = text.partition(":")
        host, _, port = rest.rpartition(":")
        address = host.removeprefix("[").removesuffix("]")
        if transport not in ("udp", "tcp") or parse_address(address) is None or not 1 <= parse_port(port) <= 65535:
            return None
        return cls(transport, address, int(port))


def parse_port(text: str) -> int:
    """Return the number of a port, 0 when the text is none; `int` raises ValueError for 5,000 digits."""
    return int(text) if len(text) <= 5 and text.isascii() and text.isdecimal() else 0


@lru_cache(maxsize=64)
def resolver_label(resolver: str) -> str:
    """The name of a resolver in evidence: `network` for one at a private address or in a zone: the vantage's own."""
    server = PlainResolver.parse(resolver)
    if server is None:
        return _ZONE.sub("", resolver)
    if "%" not in server.address and not is_bogon(server.address):
        return resolver
    return "network"
