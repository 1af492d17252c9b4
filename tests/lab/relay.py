"""A proxy that accepts every connection at once: `python -m tests.lab.relay PORT`, on a middlebox.

Satellite and mobile networks accelerate TCP so (RFC 3135): the client's handshake ends near by, and the proxy makes the
connection to the server meanwhile. iptables turns the connections to it; the kernel knows where they were going.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys

_ORIGINAL_DESTINATION = 80
"""SO_ORIGINAL_DST (linux/netfilter_ipv4.h)."""
_PATIENCE_SECONDS = 20.0


def destination(accepted: socket.socket) -> tuple[str, int]:
    """Where the client was connecting to."""
    packed = accepted.getsockopt(socket.SOL_IP, _ORIGINAL_DESTINATION, 16)
    port, address = struct.unpack("!2xH4s8x", packed)
    return socket.inet_ntoa(address), port


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
        writer.write_eof()
    except OSError:
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Connect onwards and carry bytes both ways; a connection that cannot be made resets the client's."""
    address, port = destination(writer.get_extra_info("socket"))
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            far_reader, far_writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        _reset(writer)
        return
    await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
    far_writer.close()
    writer.close()


async def main(port: int) -> None:
    """Listen, say `ready`, relay until killed."""
    await asyncio.start_server(relay, "0.0.0.0", port)  # a namespace of the lab
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
