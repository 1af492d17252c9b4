"""Servers that misbehave towards every client: `python -m tests.lab.oddities CONFIG`.

The faults and peculiarities are the target's own, the same for every client. The network does nothing.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import socket
import ssl
import struct
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_PAGE = b"<html><head><title>An odd server</title></head><body>" + b"It serves as it can. " * 60 + b"</body></html>"


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN (a linger time of zero)."""
    raw = writer.get_extra_info("socket")
    if raw is None:  # the client has already closed it
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _hang(streams: Streams, entry: dict[str, Any]) -> None:
    """Accept, read, never answer."""
    while await streams[0].read(65536):
        pass


async def _eof(streams: Streams, entry: dict[str, Any]) -> None:
    """Close at the first bytes."""
    await streams[0].read(1)


async def _rst(streams: Streams, entry: dict[str, Any]) -> None:
    """Reset at the first bytes."""
    await streams[0].read(1)
    _reset(streams[1])


async def _alert(streams: Streams, entry: dict[str, Any]) -> None:
    """Answer every ClientHello with a fatal `unrecognized_name` alert (RFC 6066, 3)."""
    await streams[0].read(65536)
    streams[1].write(bytes.fromhex("15030300020270"))
    await streams[1].drain()


async def _garbage(streams: Streams, entry: dict[str, Any]) -> None:
    """Answer with bytes of no protocol."""
    await streams[0].read(65536)
    streams[1].write(bytes(range(128, 256)) * 4)
    await streams[1].drain()


async def _after(streams: Streams, entry: dict[str, Any]) -> None:
    """Send a complete answer with its length, then RST instead of FIN."""
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(_PAGE) + _PAGE)
    await streams[1].drain()
    await asyncio.sleep(0.05)
    _reset(streams[1])


async def _unclosed(streams: Streams, entry: dict[str, Any]) -> None:
    """Answer without a length and end by FIN alone: over TLS, no close_notify."""
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(_HEAD + b"Connection: close\r\n\r\n" + _PAGE)
    await streams[1].drain()
    raw = streams[1].get_extra_info("socket")
    await asyncio.sleep(0.05)
    raw.shutdown(socket.SHUT_WR)


async def _slow(streams: Streams, entry: dict[str, Any]) -> None:
    """Answer after a delay."""
    await streams[0].readuntil(b"\r\n\r\n")
    await asyncio.sleep(float(entry["argument"]))
    streams[1].write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(_PAGE) + _PAGE)
    await streams[1].drain()


async def _changing(streams: Streams, entry: dict[str, Any]) -> None:
    """A page whose text changes with each request and whose title does not."""
    await streams[0].readuntil(b"\r\n\r\n")
    body = _PAGE.replace(b"It serves", b"%x serves" % id(streams)) * (1 + id(streams) // 64 % 5)
    streams[1].write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await streams[1].drain()


async def _ladder(streams: Streams, entry: dict[str, Any]) -> None:
    """Redirect to the next number without end."""
    request = await streams[0].readuntil(b"\r\n\r\n")
    path = request.split(b" ")[1].decode("latin-1").strip("/")
    step = int(path) + 1 if path.isdigit() else 1
    scheme = "https" if entry["certificate"] else "http"
    location = f"{scheme}://{entry['host']}/{step}".encode()
    streams[1].write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
    await streams[1].drain()


async def _endless(streams: Streams, entry: dict[str, Any]) -> None:
    """A body without an end."""
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(_HEAD + b"Connection: close\r\n\r\n" + _PAGE)
    while not streams[0].at_eof():
        streams[1].write(b"x" * 65536)
        await streams[1].drain()
        await asyncio.sleep(0.01)  # 6 MB/s: endless for the probe, and a small load for two cores


async def _stall(streams: Streams, entry: dict[str, Any]) -> None:
    """Announce a large page, send its first bytes, and stop."""
    await streams[0].readuntil(b"\r\n\r\n")
    size = int(entry["argument"])
    streams[1].write(_HEAD + b"Content-Length: 262144\r\n\r\n" + (_PAGE * (size // len(_PAGE) + 1))[:size])
    await streams[1].drain()
    await streams[0].read(1)


async def _crawl(streams: Streams, entry: dict[str, Any]) -> None:
    """Send a page of 100 kB at a low rate."""
    await streams[0].readuntil(b"\r\n\r\n")
    body = (_PAGE * 100)[:100_000]
    piece = int(entry["argument"]) // 10
    streams[1].write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
    for start in range(0, len(body), piece):
        streams[1].write(body[start : start + piece])
        await streams[1].drain()
        await asyncio.sleep(0.1)


async def _answer(streams: Streams, headers: bytes, body: bytes) -> None:
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(_HEAD + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await streams[1].drain()
    await streams[0].read(1)


async def _gzip_bomb(streams: Streams, entry: dict[str, Any]) -> None:
    """Thirty megabytes of zeros, compressed to thirty kilobytes."""
    await _answer(streams, b"Content-Encoding: gzip\r\n", _bomb())


async def _brotli_bomb(streams: Streams, entry: dict[str, Any]) -> None:
    """A content coding that the request did not offer."""
    await _answer(streams, b"Content-Encoding: br\r\n", b"\xcf\xff\xff\x7f\xf8" + b"\x27\x00\xe2\xb1" * 10_000)


async def _headers(streams: Streams, entry: dict[str, Any]) -> None:
    """A header without an end."""
    await streams[0].readuntil(b"\r\n\r\n")
    streams[1].write(_HEAD)
    while not streams[0].at_eof():
        streams[1].write(b"X-More: and more\r\n" * 100)
        await streams[1].drain()
        await asyncio.sleep(0.01)


async def _loris(streams: Streams, entry: dict[str, Any]) -> None:
    """Headers at one byte every tenth of a second (slow-loris)."""
    await streams[0].readuntil(b"\r\n\r\n")
    for octet in b"HTTP/1.1 200 OK\r\n" + b"X-Slowly: and more slowly\r\n" * 100:
        streams[1].write(bytes((octet,)))
        await streams[1].drain()
        await asyncio.sleep(0.1)


async def _deaf(streams: Streams, entry: dict[str, Any]) -> None:
    """Accept, read nothing, send nothing."""
    streams[1].transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(600)


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(30_000_000), 9)


KINDS: dict[str, Callable[[Streams, dict[str, Any]], Awaitable[None]]] = {
    "hang": _hang,
    "eof": _eof,
    "reset": _rst,
    "alert": _alert,
    "garbage": _garbage,
    "after": _after,
    "unclosed": _unclosed,
    "slow": _slow,
    "changing": _changing,
    "ladder": _ladder,
    "endless": _endless,
    "stall": _stall,
    "crawl": _crawl,
    "gzip-bomb": _gzip_bomb,
    "brotli-bomb": _brotli_bomb,
    "headers": _headers,
    "loris": _loris,
    "deaf": _deaf,
}
RAW = frozenset({"deaf", "hang", "eof", "reset", "alert", "garbage"})
"""Kinds that act before TLS: they speak no TLS on port 443 either."""


async def _open(entry: dict[str, Any]) -> asyncio.Server:
    act = KINDS[entry["kind"]]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await act((reader, writer), entry)
        except (OSError, EOFError):
            pass  # the client closed the connection
        finally:
            writer.close()

    context = None
    if entry["certificate"] and entry["kind"] not in RAW:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(entry["certificate"])
    return await asyncio.start_server(serve, entry["address"], entry["port"], ssl=context)


async def main(entries: list[dict[str, Any]]) -> None:
    """Open every server, say `ready`, serve until killed."""
    _bomb()  # made before any task waits for it
    servers = [await _open(entry) for entry in entries]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers), asyncio.Event().wait())


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
