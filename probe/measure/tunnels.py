"""Detect a tunnel or a proxy between this host and its network, without privileges and without any packet.

A host behind a VPN or a circumvention tool measures the network at the tunnel's far end. Two signs are read:

- Packets to the Internet leave through a device that carries bare IP packets or has a tunnel's name. The source address
  of such a packet identifies the device, whatever tables, metrics or halves of a default route (OpenVPN's 0.0.0.0/1 and
  128.0.0.0/1) lead to it. Only Linux shows devices without a helper.
- The environment names a proxy.

PPP is no sign: DSL lines and mobile modems use it, too. A tool in the kernel's packet filter or on the router is not
visible here.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

from probe.measure.network_config import own_addresses
from probe.model.verdict import VantageNote

IF_INET6 = Path("/proc/net/if_inet6")
_PREFIXES = ("tun", "tap", "wg", "utun", "ipsec", "nordlynx", "proton", "tailscale", "zt", "warp", "cloudflarewarp")
"""Names that tunnel software gives its devices."""
_MODEMS = ("wwan", "rmnet", "qmi", "ccmni")
"""Names of mobile modems, which carry bare IP packets, too."""
_BARE_IP = 65534
"""ARPHRD_NONE (linux/if_arp.h): a device without hardware addresses."""
_GET_ADDRESS, _GET_HARDWARE = 0x8915, 0x8927
"""SIOCGIFADDR, SIOCGIFHWADDR (linux/sockios.h)."""
_PROXIES = frozenset({"https_proxy", "http_proxy", "all_proxy"})


def tunnel_notes(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> tuple[str, ...]:
    """Return the notes on a tunnel and a proxy, sorted; empty where neither is visible."""
    found: list[str] = []
    names = {name.lower() for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    if names & _PROXIES:
        found.append(VantageNote.PROXY)
    if platform == "linux" and any(map(is_tunnel, outward_devices())):
        found.append(VantageNote.TUNNEL)
    return tuple(sorted(found))


def outward_devices() -> tuple[str, ...]:
    """Return the devices that packets to the Internet leave through, each once. Linux only."""
    wanted = own_addresses()
    found = [name for _, name in socket.if_nameindex() if _address_of(name) in wanted]
    found += [name for name, address in ipv6_addresses(_read(IF_INET6)) if address in wanted]
    return tuple(dict.fromkeys(found))


def is_tunnel(device: str) -> bool:
    """Return whether a device is a tunnel, by its name or by its hardware type."""
    name = device.lower()
    if name.startswith(_PREFIXES):
        return True
    return _hardware_of(device) == _BARE_IP and not name.startswith(_MODEMS)


def ipv6_addresses(text: str) -> tuple[tuple[str, str], ...]:
    """Return device and address of each line of /proc/net/if_inet6: digits, number, prefix, scope, flags, device."""
    lines = (line.split() for line in text.splitlines())
    return tuple(
        (words[5], socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])))
        for words in lines
        if len(words) == 6 and len(words[0]) == 32
    )


def _address_of(device: str) -> str:
    """Return the first IPv4 address of a device; empty where it has none."""
    answer = _ask(device, _GET_ADDRESS)
    return socket.inet_ntoa(answer[20:24]) if answer else ""


def _hardware_of(device: str) -> int:
    """Return the hardware type of a device (ARPHRD_*); 0 where there is no such device."""
    answer = _ask(device, _GET_HARDWARE)
    return int(struct.unpack_from("=H", answer, 16)[0]) if answer else 0


def _ask(device: str, what: int) -> bytes:
    """Return the `struct ifreq` of a device; empty where the kernel refuses."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            return fcntl.ioctl(sock, what, struct.pack("256s", device.encode()[:15]))
        except OSError:
            return b""


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
