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

from tests.lab import odd_answers

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
_PAGE = odd_answers.PAGE
_SETTINGS, _ACKNOWLEDGED = bytes.fromhex("000000040000000000"), bytes.fromhex("000000040100000000")
"""HTTP/2: an empty SETTINGS frame and the acknowledgement of one (RFC 9113, 6.5)."""


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
    """Answer every ClientHello with a fatal alert, `unrecognized_name` (RFC 6066, 3) unless another is given."""
    await streams[0].read(65536)
    streams[1].write(bytes.fromhex("1503030002") + bytes((2, int(entry["argument"] or 112))))
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


async def _raw(streams: Streams, entry: dict[str, Any]) -> None:
    """One of the answers of `odd_answers.py`; an ordinary page at /next."""
    request = await streams[0].readuntil(b"\r\n\r\n")
    scheme = "https" if entry["certificate"] else "http"
    odd = odd_answers.answer(entry["argument"], entry["host"], scheme)
    later = request.split(b" ")[1] != b"/" and b"\nLocation" in odd
    ordinary = _HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(_PAGE) + _PAGE
    streams[1].write(ordinary if later else odd)
    await streams[1].drain()


async def _cookie(streams: Streams, entry: dict[str, Any]) -> None:
    """Redirect to the same URL until the client brings the cookie that comes with the redirect."""
    request = await streams[0].readuntil(b"\r\n\r\n")
    ordinary = _HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(_PAGE) + _PAGE
    scheme = b"https" if entry["certificate"] else b"http"
    first = odd_answers.COOKIE_FIRST.replace(b"{host}", entry["host"].encode()).replace(b"{scheme}", scheme)
    streams[1].write(ordinary if b"seen=1" in request else first)
    await streams[1].drain()


async def _http2(streams: Streams, entry: dict[str, Any]) -> None:
    """Speak HTTP/2 alone: answer each HEADERS frame with status 200 (0x88 in HPACK) and the page."""
    reader, writer = streams
    await reader.readexactly(24)
    writer.write(_SETTINGS)
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], head[5:9]
        if kind == 4 and not flags & 1:
            writer.write(_ACKNOWLEDGED)
        if kind == 1:
            writer.write(b"\0\0\x01\x01\x04" + stream + b"\x88")
            writer.write(len(_PAGE).to_bytes(3, "big") + b"\0\x01" + stream + _PAGE)
        await writer.drain()


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
    "raw": _raw,
    "cookie": _cookie,
    "http2": _http2,
    "old-dh": _after,
}
_ACCEPTING: set[asyncio.Task[None]] = set()
RAW = frozenset({"deaf", "hang", "eof", "reset", "alert", "garbage"})
"""Kinds that act before TLS: they speak no TLS on port 443 either."""


async def _accept(serving: socket.socket, context: ssl.SSLContext, serve: Callable[..., Awaitable[None]]) -> None:
    """Refuse a client that does not offer `h2`, with the alert for that (RFC 7301, 3.2)."""
    loop = asyncio.get_running_loop()
    underway = set()

    async def take(accepted: socket.socket) -> None:
        try:
            while not (hello := accepted.recv(65536, socket.MSG_PEEK)):
                return
        except BlockingIOError:
            await asyncio.sleep(0.01)
            await take(accepted)
            return
        if b"\x02h2" not in hello:
            await loop.sock_sendall(accepted, bytes.fromhex("15030300020278"))
            accepted.close()
            return
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader, serve)
        await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=context)

    while True:
        accepted, _ = await loop.sock_accept(serving)
        accepted.setblocking(False)
        task = loop.create_task(take(accepted))
        underway.add(task)
        task.add_done_callback(underway.discard)


async def _open(entry: dict[str, Any]) -> asyncio.Server | None:
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
    if context is not None and entry["kind"] == "old-dh":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DHE-RSA-AES128-SHA:DHE-DSS-AES128-SHA:@SECLEVEL=0")
        context.load_dh_params(entry["parameters"])
    if context is not None and entry["kind"] == "http2":
        context.set_alpn_protocols(["h2"])
        family = socket.AF_INET6 if ":" in entry["address"] else socket.AF_INET
        serving = socket.create_server((entry["address"], entry["port"]), family=family)
        serving.setblocking(False)
        _ACCEPTING.add(asyncio.create_task(_accept(serving, context, serve)))
        return None
    return await asyncio.start_server(serve, entry["address"], entry["port"], ssl=context)


async def main(entries: list[dict[str, Any]]) -> None:
    """Open every server, say `ready`, serve until killed."""
    _bomb()  # made before any task waits for it
    servers = [await _open(entry) for entry in entries]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.gather(*(server.serve_forever() for server in servers if server), asyncio.Event().wait())


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
