"""Small real servers on loopback; each misbehaves in one way."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import cast

import trustme

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PAGE = b"<html><head><title>Lab  page</title></head><body>" + b"x" * 200 + b"</body></html>"


@asynccontextmanager
async def serving(talk: Talk, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Run a TCP (or TLS) server that does `talk` on each connection; yield its port."""
    talking: set[asyncio.Task[object] | None] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            talking.discard(asyncio.current_task())
            writer.close()

    # A full queue of connections would drop SYNs, which the kernel sends again a second later.
    server = await asyncio.start_server(accept, host, 0, ssl=context, limit=1 << 20, backlog=1024)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(talking):
            if task is not None:
                task.cancel()
        await asyncio.sleep(0.01)


@contextmanager
def shaking_hands(context: ssl.SSLContext) -> Iterator[int]:
    """Run a server that performs handshakes and sends the alert of one that fails, which asyncio's does not."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                with accepted, suppress(OSError), context.wrap_socket(accepted, server_side=True) as session:
                    session.read()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def closed_port() -> int:
    """Return a port of 127.0.0.1 where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with an RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def request(reader: asyncio.StreamReader) -> bytes:
    """Read the head of one request."""
    return await reader.readuntil(b"\r\n\r\n")


def answer(
    body: bytes = PAGE, status: str = "200 OK", headers: str = "", *, content: str = "text/html", length: bool = True
) -> bytes:
    """Return an HTTP response."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content}\r\n{size}{headers}\r\n".encode() + body


def page_of(data: bytes) -> Talk:
    """Return a server that reads a request and answers with these bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(data)
        await writer.drain()

    return talk


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read and never answer."""
    while await reader.read(65536):
        pass


async def forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, piece: bytes) -> None:
    """After a request, send `head` and then the same piece without an end."""
    await request(reader)
    writer.write(head)
    while not writer.is_closing():
        writer.write(piece)
        await writer.drain()


def bomb() -> bytes:
    """Return a response whose gzip body of 64 KiB decodes to 64 MiB."""
    body = gzip.compress(bytes(64 << 20), compresslevel=9)
    return answer(body, headers="Content-Encoding: gzip\r\n")


def server_context(ca: trustme.CA, *names: str, **dates: datetime) -> ssl.SSLContext:
    """Return a server's context with a certificate of this authority for these names, valid between `dates`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **dates).configure_cert(context)
    return context


class Resolver(asyncio.DatagramProtocol):
    """A DNS server over UDP: `react` gets each query and yields (seconds to wait, bytes) to send back."""

    def __init__(self, react: Callable[[bytes], list[tuple[float, bytes]]]) -> None:
        self.queries: list[tuple[bytes, tuple[str, int]]] = []
        self._react = react

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send what `react` returns."""
        self.queries.append((data, addr))
        for wait, reply in self._react(data):
            asyncio.get_running_loop().call_later(wait, self._send, reply, addr)

    def _send(self, reply: bytes, addr: tuple[str, int]) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(reply, addr)


@asynccontextmanager
async def resolving(react: Callable[[bytes], list[tuple[float, bytes]]]) -> AsyncIterator[tuple[Resolver, int]]:
    """Run a UDP resolver; yield it and its port."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Resolver(react), local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


def question_of(query: bytes) -> bytes:
    """Return the question section of a query, without the OPT record that may follow."""
    return query[12 : query.index(b"\0", 12) + 5]


def reply_to(query: bytes, *addresses: str, rcode: int = 0, truncated: bool = False) -> bytes:
    """Return an answer to an A query with these IPv4 addresses."""
    flags = 0x8180 | rcode | (0x0200 if truncated else 0)
    records = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) for address in addresses
    )
    return query[:2] + struct.pack("!5H", flags, 1, len(addresses), 0, 0) + question_of(query) + records
