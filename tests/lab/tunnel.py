"""One end of a tunnel: `python -m tests.lab.tunnel CONFIG`. Carries bare IP packets in UDP, each after a delay.

A vantage whose default route is a tunnel sees the network of its far end, as with a VPN. With a delay it is on a line
with a long round trip; netem would do that too, but the kernels that we used lack it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

_SET_DEVICE = 0x400454CA
"""TUNSETIFF (linux/if_tun.h)."""
_BARE_IP = 0x0001 | 0x1000
"""IFF_TUN | IFF_NO_PI."""
MTU = 1400
"""Leaves room for the outer headers within 1,500 octets."""


def device(name: str, commands: list[str], mtu: int = MTU) -> int:
    """Make a TUN device, give it its addresses and routes; its file descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, _SET_DEVICE, struct.pack("16sH22x", name.encode(), _BARE_IP))
    lines = [f"link set {name} mtu {mtu} up", *commands]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)
    return tun


class End:
    """Takes packets from the device to the other end and back."""

    def __init__(self, tun: int, sock: socket.socket, peer: tuple[str, int] | None, delay: float) -> None:
        self._tun = tun
        self._sock = sock
        self._peer = peer
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(tun, self._out)
        self._loop.add_reader(sock, self._in)

    def _out(self) -> None:
        packet = os.read(self._tun, 65536)
        if self._peer is not None:
            self._loop.call_later(self._delay, self._sock.sendto, packet, self._peer)

    def _in(self) -> None:
        packet, sender = self._sock.recvfrom(65536)
        self._peer = (
            self._peer or sender
        )  # the far end takes the address of the near end from its packets, never the other way round
        try:
            os.write(self._tun, packet)
        except OSError:
            return  # no IP packet: for no host of the lab


async def main(config: dict[str, Any]) -> None:
    """Make the device, say `ready`, carry until killed."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("", config["port"]))
    peer = (config["peer"], config["port"]) if config["peer"] else None
    End(device(config["device"], config["commands"]), sock, peer, config["delay"])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
