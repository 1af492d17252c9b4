"""What this host is configured with: its resolvers, and the address families it has a way out for."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from probe.model.address import Family, parse_address
from probe.model.target import bracketed

RESOLV_CONF = Path("/etc/resolv.conf")
ETC = Path("/etc")
_PLAIN = frozenset({"files", "dns"})
MAX_RESOLVERS = 3
"""Name servers that are used: glibc's MAXNS (resolv.conf(5))."""

# Addresses out in the world to ask the routing table about: root servers a and, for IPv6, a (root-servers.org). No
# packet is sent.
_OUTSIDE = {
    Family.IPV4: (socket.AF_INET, "198.41.0.4"),
    Family.IPV6: (socket.AF_INET6, "2001:503:ba3e::2:30"),
}


def system_resolvers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """The configured resolvers, as `udp:ADDRESS:PORT`; none when none can be found out."""
    try:
        found = parse_resolv_conf(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = ()
    if not found and sys.platform in ("win32", "darwin"):
        found = _by_library()
    return found


def parse_resolv_conf(text: str) -> tuple[str, ...]:
    """The `nameserver` lines of resolv.conf(5).

    A port may follow as the BSDs and macOS write it: `[address]:port`, `address.port` after a `port` line of its own,
    or `address#port`. Options are for the C library: how often and how long to ask is ours to say. A line that makes no
    sense is passed over, as the C library does.
    """
    servers: list[tuple[str, int | None]] = []
    default = 53
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith((";", "#")):
            continue
        if words[0] == "nameserver":
            server = _server(words[1])
            if server is not None:
                servers.append(server)
        elif words[0] == "port" and (port := _port(words[1])):
            default = port
    return tuple(
        dict.fromkeys(f"udp:{bracketed(address)}:{port or default}" for address, port in servers[:MAX_RESOLVERS])
    )


def _server(word: str) -> tuple[str, int | None] | None:
    address, port = word, None
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


def _port(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and 1 <= int(word) <= 65535 else None


def _by_library() -> tuple[str, ...]:
    """What dnspython finds in the registry of Windows or the configuration of macOS."""
    import dns.resolver  # noqa: PLC0415 - slow to import, and not needed elsewhere

    try:
        configured = dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        return ()
    servers = [str(server) for server in configured.nameservers][:MAX_RESOLVERS]
    return tuple(f"udp:{bracketed(server)}:{configured.port}" for server in servers if parse_address(server))


def routed_families() -> frozenset[Family]:
    """The families this host has a route to the world for. Connects a UDP socket, which sends nothing."""
    return frozenset(family for family, (domain, address) in _OUTSIDE.items() if _source(domain, address))


def own_addresses() -> frozenset[str]:
    """The addresses that packets to the world would carry, one a family at most. Never part of any evidence."""
    return frozenset(_source(domain, address) for domain, address in _OUTSIDE.values()) - {""}


def _source(domain: socket.AddressFamily, address: str) -> str:
    """The address that a packet there would carry; empty without a route."""
    try:
        with socket.socket(domain, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 53))
            return str(sock.getsockname()[0])
    except OSError:
        return ""


def hosts_file_names(etc: Path = ETC, platform: str = sys.platform) -> frozenset[str] | None:
    """The names of the hosts file, where only it and DNS are asked; None where any name may come from elsewhere."""
    if platform != "linux" or os.environ.get("HOSTALIASES"):
        return None
    if not _sources(_read(etc / "nsswitch.conf")) <= _PLAIN:
        return None
    lines = (line.partition("#")[0].split() for line in _read(etc / "hosts").splitlines())
    return frozenset(name.rstrip(".").lower() for words in lines for name in words[1:])


def _sources(nsswitch: str) -> frozenset[str]:
    """Who is asked for hosts; nothing is said where there is no such file (musl) or line: files, then DNS."""
    for line in nsswitch.splitlines():
        database, separator, sources = line.partition("#")[0].partition(":")
        if separator and database.strip() == "hosts":
            return frozenset(sources.split())
    return frozenset()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
