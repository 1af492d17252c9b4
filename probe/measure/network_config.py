"""Read the network configuration of this host: resolvers, hosts file, address families with a route.

The files are the administrator's, but may be large or broken: what is read of them is bounded.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from probe.model.address import Family, parse_address
from probe.model.resolver import parse_port
from probe.model.target import bracketed

RESOLV_CONF = Path("/etc/resolv.conf")
ETC = Path("/etc")
MAX_RESOLVERS = 3
"""Name servers that are used: glibc's MAXNS (resolv.conf(5))."""
MAX_CONFIG_BYTES = 65_536
"""Bytes read of resolv.conf and nsswitch.conf."""
MAX_HOSTS_BYTES = 33_554_432
"""Bytes of a hosts file that is read: block lists of a million names are about so large."""
_FILES_AND_DNS = frozenset({"files", "dns"})

# Addresses in the Internet to look up in the routing table: root server a (root-servers.org). No packet is sent.
_OUTSIDE = {
    Family.IPV4: (socket.AF_INET, "198.41.0.4"),
    Family.IPV6: (socket.AF_INET6, "2001:503:ba3e::2:30"),
}


def system_resolvers(path: Path = RESOLV_CONF) -> tuple[str, ...]:
    """Return the configured resolvers as `udp:ADDRESS:PORT`; none when they cannot be found out."""
    found = parse_resolv_conf(_read(path, MAX_CONFIG_BYTES) or "")
    if not found and sys.platform in ("win32", "darwin"):
        found = _resolvers_of_dnspython()
    return found


def parse_resolv_conf(text: str) -> tuple[str, ...]:
    """Return the resolvers of the `nameserver` lines of resolv.conf(5).

    A port may follow as the BSDs and macOS write it: `[address]:port`, `address.port` after a `port` line of its own,
    or `address#port`. Options are ignored: they are for the C library. A line that makes no sense is skipped, as the C
    library does.
    """
    servers: list[tuple[str, int]] = []
    default = 53
    for line in text.splitlines():
        words = line.split(maxsplit=2)
        if len(words) < 2 or words[0].startswith((";", "#")):
            continue
        if words[0] == "nameserver" and len(servers) < MAX_RESOLVERS:
            server = _parse_server(words[1])
            if server is not None:
                servers.append(server)
        elif words[0] == "port":
            default = _port(words[1]) or default
    return tuple(dict.fromkeys(f"udp:{bracketed(address)}:{port or default}" for address, port in servers))


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
    servers = [str(server) for server in configured.nameservers][:MAX_RESOLVERS]
    return tuple(f"udp:{bracketed(server)}:{configured.port}" for server in servers if parse_address(server))


def hosts_file_names(etc: Path = ETC, platform: str = sys.platform) -> frozenset[str] | None:
    """Return the names of the hosts file; None where names may come from other sources than that file and DNS.

    getaddrinfo blocks, takes a thread and asks the network's resolver what the program asks it anyway. On an ordinary
    Linux host it adds only the hosts file; nsswitch.conf(5) says whether there are other sources. Elsewhere (macOS,
    Windows, systemd-resolved, mDNS, LDAP) only getaddrinfo itself knows, as with a hosts file that is too large.
    """
    if platform != "linux" or os.environ.get("HOSTALIASES"):
        return None
    if not _host_sources(_read(etc / "nsswitch.conf", MAX_CONFIG_BYTES) or "") <= _FILES_AND_DNS:
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
            return frozenset(sources.split())
    return frozenset()


def routed_families() -> frozenset[Family]:
    """Return the address families that this host has a route to the Internet for. No packet is sent."""
    return frozenset(family for family, (domain, address) in _OUTSIDE.items() if _source_address(domain, address))


def own_addresses() -> frozenset[str]:
    """Return the source addresses of packets to the Internet, at most one per family. Evidence never contains them."""
    return frozenset(_source_address(domain, address) for domain, address in _OUTSIDE.values()) - {""}


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
    return None if len(data) > size else data.decode("utf-8", "replace")
