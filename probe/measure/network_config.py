"""Read the network configuration of this host: resolvers, hosts file, address families with a route.

The files are the administrator's, but may be large or broken: what is read of them is bounded.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from probe.model.address import Family, parse_address
from probe.model.resolver import parse_port
from probe.model.target import bracketed

RESOLV_CONF = Path("/etc/resolv.conf")
ETC = Path("/etc")
MAX_RESOLVERS = 3
"""Name servers that are used: glibc's MAXNS (resolv.conf(5))."""
DEFAULT_TIMEOUT_SECONDS = 5
DEFAULT_ATTEMPTS = 2
"""glibc's RES_TIMEOUT and RES_DFLRETRY."""
_MAX_OPTIONS = {"timeout": 30, "attempts": 5}
"""glibc's RES_MAXRETRANS and RES_MAXRETRY."""
MAX_CONFIG_BYTES = 65_536
"""Bytes read of resolv.conf and nsswitch.conf."""
MAX_HOSTS_BYTES = 33_554_432
"""Bytes of a hosts file that is read: block lists of a million names are about so large."""
_WITHOUT_PUBLIC_NAMES = frozenset({"files", "dns", "mdns_minimal", "mdns4_minimal", "mdns6_minimal", "myhostname"})
"""Sources of host names that know no public name beyond the hosts file and DNS: nss-mdns answers for `.local` alone,
nss-myhostname for this host."""
_WINDOWS_PLACEHOLDERS = ipaddress.IPv6Network("fec0:0:0:ffff::/64")
"""Resolvers that Windows lists for an interface without any (fec0:0:0:ffff::1 to ::3); nobody answers there."""

_MDNS_ACTION = re.compile(r"(mdns[46]?_minimal)\s+\[NOTFOUND=return\]", re.IGNORECASE)
"""What follows nss-mdns in nsswitch.conf: a `.local` name that it does not find is not asked for further."""

# Addresses in the Internet to look up in the routing table: root server a (root-servers.org). No packet is sent.
_OUTSIDE = {
    Family.IPV4: (socket.AF_INET, "198.41.0.4"),
    Family.IPV6: (socket.AF_INET6, "2001:503:ba3e::2:30"),
}


class ResolverConfig(msgspec.Struct, frozen=True):
    """How this host asks the network's resolvers.

    Attributes:
        servers: `udp:ADDRESS:PORT`, in the order in which the system asks them.
        rotates: the system begins with another one each time.
        patience_seconds: how long the system may take to ask all of them; 0 when not known.
    """

    servers: tuple[str, ...] = ()
    rotates: bool = False
    patience_seconds: float = 0.0


def resolver_config(path: Path = RESOLV_CONF) -> ResolverConfig:
    """Return the configured resolvers; none when they cannot be found out."""
    found = parse_resolv_conf(_read(path, MAX_CONFIG_BYTES) or "")
    if not found.servers and sys.platform in ("win32", "darwin"):
        return ResolverConfig(_resolvers_of_dnspython())
    return found


def parse_resolv_conf(text: str) -> ResolverConfig:
    """Read the `nameserver` and `options` lines of resolv.conf(5).

    A port may follow as the BSDs and macOS write it: `[address]:port`, `address.port` after a `port` line of its own,
    or `address#port`. A line that makes no sense is skipped, as the C library does.
    """
    servers: list[tuple[str, int]] = []
    options: set[str] = set()
    default = 53
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith((";", "#")):
            continue
        if words[0] == "nameserver" and len(servers) < MAX_RESOLVERS:
            server = _parse_server(words[1])
            if server is not None:
                servers.append(server)
        elif words[0] == "port":
            default = _port(words[1]) or default
        elif words[0] == "options":
            options.update(words[1:])
    found = tuple(dict.fromkeys(f"udp:{bracketed(address)}:{port or default}" for address, port in servers))
    return ResolverConfig(found, "rotate" in options, len(found) * _seconds_per_server(options))


def _seconds_per_server(options: Iterable[str]) -> float:
    """How long the C library waits for one server: `timeout` seconds in each of `attempts` passes (resolv.conf(5))."""
    chosen = {"timeout": DEFAULT_TIMEOUT_SECONDS, "attempts": DEFAULT_ATTEMPTS}
    for option in options:
        name, _, value = option.partition(":")
        if name in chosen and value.isascii() and value.isdecimal():
            chosen[name] = min(int(value[:5]), _MAX_OPTIONS[name])
    return float(chosen["timeout"] * chosen["attempts"])


def _parse_server(word: str) -> tuple[str, int] | None:
    """Return address and port, 0 where none is given."""
    address, port = word, 0
    if word.startswith("["):
        address, _, rest = word.removeprefix("[").partition("]")
        port = _port(rest.removeprefix(":"))
    elif "#" in word:
        address, _, rest = word.partition("#")
        port = _port(rest)
    elif word.count(":") == 1:
        address, _, rest = word.partition(":")
        port = _port(rest)
    if parse_address(address) is None:
        return None
    return address, port


def _port(word: str) -> int:
    port = parse_port(word)
    return port if port <= 65535 else 0


def _resolvers_of_dnspython() -> tuple[str, ...]:
    """Return what dnspython finds in the registry of Windows or the configuration of macOS."""
    import dns.resolver  # noqa: PLC0415 - slow to import, and not needed elsewhere

    try:
        configured = dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        return ()
    servers = [str(server) for server in configured.nameservers if _is_resolver(str(server))][:MAX_RESOLVERS]
    return tuple(f"udp:{bracketed(server)}:{configured.port}" for server in servers)


def _is_resolver(server: str) -> bool:
    address = parse_address(server)
    return address is not None and not (address.version == 6 and address in _WINDOWS_PLACEHOLDERS)


def hosts_file_names(etc: Path = ETC, platform: str = sys.platform) -> frozenset[str] | None:
    """Return the names of the hosts file; None where names may come from other sources than that file and DNS.

    getaddrinfo blocks, takes a thread and asks the network's resolver what the program asks it anyway. On an ordinary
    Linux host it adds only the hosts file; nsswitch.conf(5) says whether there are other sources. Elsewhere (macOS,
    Windows, systemd-resolved, mDNS, LDAP) only getaddrinfo itself knows, as with a hosts file that is too large.
    """
    if platform != "linux" or os.environ.get("HOSTALIASES"):
        return None
    if not _host_sources(_read(etc / "nsswitch.conf", MAX_CONFIG_BYTES) or "") <= _WITHOUT_PUBLIC_NAMES:
        return None
    hosts = _read(etc / "hosts", MAX_HOSTS_BYTES)
    if hosts is None:
        return None
    lines = (line.partition("#")[0].split() for line in hosts.splitlines())
    return frozenset(name.rstrip(".").lower() for words in lines for name in words[1:])


def _host_sources(nsswitch: str) -> frozenset[str]:
    """Return the sources of host names; none without a file (musl) or a line, which means files, then DNS."""
    for line in nsswitch.splitlines():
        database, separator, sources = line.partition("#")[0].partition(":")
        if separator and database.strip() == "hosts":
            return frozenset(_MDNS_ACTION.sub(r"\1", sources).split())
    return frozenset()


def routed_families() -> frozenset[Family]:
    """Return the address families that this host has a route to the Internet for. No packet is sent."""
    return frozenset(family for family, (domain, address) in _OUTSIDE.items() if _source_address(domain, address))


def own_addresses() -> frozenset[str]:
    """Return the source addresses of packets to the Internet, at most one per family. Evidence never contains them."""
    return frozenset(_source_address(domain, address) for domain, address in _OUTSIDE.values()) - {""}


def network_identity() -> tuple[str, ...]:
    """Return what changes when this host moves to another network: its IPv4 address, and its IPv6 prefix (/64).

    The rest of an IPv6 address changes by itself (RFC 8981). Store a keyed digest of it at most.
    """
    prefixes = (ipaddress.ip_interface(f"{one}/{32 if '.' in one else 64}").network for one in own_addresses())
    return tuple(sorted(map(str, prefixes)))


def _source_address(domain: socket.AddressFamily, address: str) -> str:
    """Return the source address of a packet to there; empty without a route. Connecting a UDP socket sends nothing."""
    try:
        with socket.socket(domain, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 53))
            return str(sock.getsockname()[0])
    except OSError:
        return ""


def _read(file: Path, size: int) -> str | None:
    """Return the text of a file, empty where there is none; None when it is larger than `size` bytes."""
    try:
        with file.open("rb") as stream:
            data = stream.read(size + 1)
    except OSError:
        return ""
    return None if len(data) > size else data.decode("utf-8-sig", "replace")
