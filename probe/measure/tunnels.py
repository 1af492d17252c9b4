"""What stands between this host and its network: a tunnel, a proxy. Asks the host alone, and nobody outside.

Who uses a VPN or a bypass tool measures the network at its far end. No privilege is needed to see the usual ways in:

- what goes out to the world leaves by a device that carries bare IP packets, or is named as tunnels' devices are. Which
  device that is says the address that such a packet would carry, whatever tables, metrics or halves of a default route
  (OpenVPN's 0.0.0.0/1 and 128.0.0.0/1) led to it. Linux alone tells devices from each other without a helper;
- the environment names a proxy.

PPP is no sign: so do DSL lines and mobile modems reach their network. A tool that works in the kernel's filters or on
the router leaves no trace here.
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
"""How tunnels' devices are named by what makes them."""
_MODEMS = ("wwan", "rmnet", "qmi", "ccmni")
"""Mobile modems carry bare IP packets too."""
_BARE_IP = 65534
"""ARPHRD_NONE (linux/if_arp.h): a device without addresses of its own."""
_GET_ADDRESS, _GET_HARDWARE = 0x8915, 0x8927
"""SIOCGIFADDR, SIOCGIFHWADDR (linux/sockios.h)."""
_PROXIES = frozenset({"https_proxy", "http_proxy", "all_proxy"})


def tunnel_notes(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> tuple[str, ...]:
    """The notes on what is there, sorted; nothing where nothing can be seen."""
    found: list[str] = []
    names = {name.lower() for name, value in (os.environ if environ is None else environ).items() if value.strip()}
    if names & _PROXIES:
        found.append(VantageNote.PROXY)
    if platform == "linux" and any(map(is_tunnel, outward_devices())):
        found.append(VantageNote.TUNNEL)
    return tuple(sorted(found))


def outward_devices() -> tuple[str, ...]:
    """The devices by which packets to the rest of the world leave this host, each once. Linux only."""
    wanted = own_addresses()
    found = [name for _, name in socket.if_nameindex() if _address_of(name) in wanted]
    found += [name for name, address in ipv6_addresses(_read(IF_INET6)) if address in wanted]
    return tuple(dict.fromkeys(found))


def is_tunnel(device: str) -> bool:
    """Whether a device of this host is a tunnel's, by its name or by what it carries."""
    name = device.lower()
    if name.startswith(_PREFIXES):
        return True
    return _hardware_of(device) == _BARE_IP and not name.startswith(_MODEMS)


def ipv6_addresses(text: str) -> tuple[tuple[str, str], ...]:
    """Device and address of each line of /proc/net/if_inet6: 32 digits, number, prefix length, scope, flags, device."""
    lines = (line.split() for line in text.splitlines())
    return tuple(
        (words[5], socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])))
        for words in lines
        if len(words) == 6 and len(words[0]) == 32
    )


def _address_of(device: str) -> str:
    """Its first IPv4 address; empty where it has none."""
    answer = _ask(device, _GET_ADDRESS)
    return socket.inet_ntoa(answer[20:24]) if answer else ""


def _hardware_of(device: str) -> int:
    """Its kind (ARPHRD_*); 0 where there is no such device."""
    answer = _ask(device, _GET_HARDWARE)
    return int(struct.unpack_from("=H", answer, 16)[0]) if answer else 0


def _ask(device: str, what: int) -> bytes:
    """What the kernel says of a device: a `struct ifreq`; empty where it says nothing."""
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
