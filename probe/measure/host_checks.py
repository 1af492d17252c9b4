"""What this host has for measuring: authorities, privileges, routes, devices, resolvers. Facts without conclusions.

`host_facts` sends no packet. `resolve_seconds` asks the system's resolver for one name.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from probe import privileges
from probe.measure.network_config import resolver_config, routed_families
from probe.measure.tunnels import outward_devices, tunnel_notes
from probe.model.address import Family

_GET_MTU = 0x8921
"""SIOCGIFMTU (linux/sockios.h)."""
_CAP_NET_RAW = 1 << 13
"""Bit of the capability (linux/capability.h)."""


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What can be known of this host without sending a packet.

    Attributes:
        resolvers: how many resolvers are configured.
        ipv4, ipv6: whether there is a route to the Internet for the family.
        mtu: the smallest of the devices that packets to the Internet leave through, in octets; 0 where it is not known.
        authorities: how many certificate authorities OpenSSL has loaded, or finds as files.
        root: whether this process is root.
        raw_sockets: whether it may capture packets (CAP_NET_RAW).
        notes: on a tunnel and a proxy (`VantageNote`).
    """

    resolvers: int
    ipv4: bool
    ipv6: bool
    mtu: int
    authorities: int
    root: bool
    raw_sockets: bool
    notes: tuple[str, ...]


def host_facts() -> HostFacts:
    """The facts of this host as it is now."""
    families = routed_families()
    return HostFacts(
        resolvers=len(resolver_config().servers),
        ipv4=Family.IPV4 in families,
        ipv6=Family.IPV6 in families,
        mtu=_smallest_mtu(),
        authorities=count_authorities(),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        raw_sockets=sys.platform == "linux" and bool(privileges.held() & _CAP_NET_RAW),
        notes=tunnel_notes(),
    )


def count_authorities() -> int:
    """The certificate authorities that a default context trusts; a folder of files counts its files."""
    try:
        loaded = ssl.create_default_context().cert_store_stats()["x509_ca"]
    except (OSError, ssl.SSLError):
        return 0
    folder = ssl.get_default_verify_paths().capath
    if loaded or folder is None:
        return loaded
    with suppress(OSError):
        return sum(1 for _ in Path(folder).iterdir())
    return 0


async def resolve_seconds(name: str, longest: float) -> float | None:
    """How long the system's resolver takes to find an address of a name; None where it finds none in time."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(longest):
            await asyncio.get_running_loop().getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a time-out is an OSError, too
        return None
    return time.monotonic() - began


def _smallest_mtu() -> int:
    if sys.platform != "linux":
        return 0
    return min(filter(None, map(device_mtu, outward_devices())), default=0)


def device_mtu(device: str) -> int:
    """The MTU of a device; 0 where there is no such device. Linux only."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            answer = fcntl.ioctl(sock, _GET_MTU, struct.pack("256s", device.encode()[:15]))
        except OSError:
            return 0
    return int(struct.unpack_from("=i", answer, 16)[0])
