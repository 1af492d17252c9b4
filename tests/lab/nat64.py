"""A translator between IPv6 and IPv4: `python -m tests.lab.nat64 CONFIG` (RFC 7915, without fragments and ICMP).

Hosts with IPv6 alone reach IPv4 servers through it. Each has an IPv4 address of its own here; the last four bytes of
an address under a prefix are the server's.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

from tests.lab import wire
from tests.lab.tunnel import device

_CHECKSUM_AT = {wire.TCP: 16, wire.UDP: 6}


class Translator:
    """Rewrites the packets of one TUN device.

    Args:
        hosts: IPv6 address -> its IPv4 address and the prefix that it uses.
    """

    def __init__(self, hosts: dict[str, tuple[str, str]]) -> None:
        packed = {_packed(six): (_packed(four), _packed(prefix)[:12]) for six, (four, prefix) in hosts.items()}
        self._four = {six: four for six, (four, _) in packed.items()}
        self._six = {four: (six, prefix) for six, (four, prefix) in packed.items()}

    def translate(self, packet: bytes) -> bytes | None:
        """The packet in the other family; None for what is not TCP or UDP, or of nobody."""
        if packet[0] >> 4 == 6:
            source, destination, protocol, hops = packet[8:24], packet[24:40], packet[6], packet[7]
            if source not in self._four or protocol not in _CHECKSUM_AT:
                return None
            ends = self._four[source] + destination[12:]
            segment = _summed(packet[40 : 40 + struct.unpack("!H", packet[4:6])[0]], ends, protocol)
            head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(segment), 0, 0x4000, hops - 1, protocol)
            return head + struct.pack("!H", wire.checksum(head + b"\0\0" + ends)) + ends + segment
        start, protocol = (packet[0] & 15) * 4, packet[9]
        if packet[16:20] not in self._six or protocol not in _CHECKSUM_AT:
            return None
        six, prefix = self._six[packet[16:20]]
        ends = prefix + packet[12:16] + six
        segment = _summed(packet[start : struct.unpack("!H", packet[2:4])[0]], ends, protocol)
        return struct.pack("!IHBB", 6 << 28, len(segment), protocol, packet[8] - 1) + ends + segment


def _packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def _summed(segment: bytes, ends: bytes, protocol: int) -> bytes:
    """The segment with its checksum for these addresses."""
    at = _CHECKSUM_AT[protocol]
    bare = segment[:at] + b"\0\0" + segment[at + 2 :]
    pseudo = ends + struct.pack("!IBBBB", len(bare), 0, 0, 0, protocol)
    return bare[:at] + struct.pack("!H", wire.checksum(pseudo + bare)) + bare[at + 2 :]


async def main(config: dict[str, Any]) -> None:
    """Make the device, say `ready`, translate until killed."""
    routes = [f"route add {prefix}/96 dev nat64" for prefix in config["prefixes"]]
    tun = device("nat64", [*routes, "route add 62.115.254.0/24 dev nat64"], mtu=1500)
    translator = Translator(config["hosts"])

    def carry() -> None:
        changed = translator.translate(os.read(tun, 65536))
        if changed is not None:
            os.write(tun, changed)

    asyncio.get_running_loop().add_reader(tun, carry)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
