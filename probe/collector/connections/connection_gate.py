"""Read the head of a connection's first request, in little memory and a short time, before aiohttp sees the connection.

aiohttp has no deadline for a request's head, and makes a parser and a task for every connection. Here a stranger who
says nothing costs some kilobytes, for ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

from aiohttp import web

from probe.collector.connections.client_prefix import Client, TrustedProxies
from probe.collector.connections.connection_limits import ConnectionLimits
from probe.collector.connections.request_handler import GuardedHandler

HEAD_SECONDS = 10.0
"""From the connection until the head of its first request is whole."""
MAX_HEAD_BYTES = 16 * 1024
"""Bytes of a request's head, with what came of its body along with it."""
SWEEP_SECONDS = 1.0
MAX_AT_ONCE = 32
"""Connections that are accepted or ended before other work has its turn: a flood comes and times out in waves."""
WAVE_SECONDS = 0.01
"""Between two portions of the connections that are too late."""
BACKLOG = 1024
"""Connections that the kernel holds until they are accepted."""
_END_OF_HEAD = b"\r\n\r\n"
_REFUSAL = b"HTTP/1.1 %s\r\nServer: probe\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BUSY = _REFUSAL % b"429 Too Many Requests"
_LATE = _REFUSAL % b"408 Request Timeout"
_BAD = _REFUSAL % b"400 Bad Request"
_LARGE = _REFUSAL % b"431 Request Header Fields Too Large"


class ConnectionGate:
    """Makes the protocols of new connections, and ends those whose head takes too long.

    Args:
        server: aiohttp's server, for the connections whose first head is whole.
        limits: counts the connections.
        proxies: whose connections are not counted by source.
    """

    def __init__(
        self,
        server: Callable[[], web.Server],
        limits: ConnectionLimits,
        proxies: TrustedProxies,
    ) -> None:
        self.server = server
        self.limits = limits
        self.proxies = proxies
        self.loop = asyncio.get_running_loop()
        self.waiting: OrderedDict[HeadReader, float] = OrderedDict()
        self._sweep = self.loop.call_later(min(SWEEP_SECONDS, HEAD_SECONDS), self._end_late)

    def __call__(self) -> HeadReader:
        """The protocol of a new connection."""
        return HeadReader(self)

    def begin(self, reader: HeadReader) -> None:
        """A connection waits for its first head from now on."""
        self.waiting[reader] = self.loop.time() + HEAD_SECONDS

    def close(self) -> None:
        """Drop the connections that still wait."""
        self._sweep.cancel()
        for reader in tuple(self.waiting):
            reader.drop()

    def _end_late(self) -> None:
        now = self.loop.time()
        pause = min(SWEEP_SECONDS, HEAD_SECONDS)
        for number, (reader, deadline) in enumerate(list(islice(self.waiting.items(), MAX_AT_ONCE + 1))):
            if deadline > now:
                break
            if number == MAX_AT_ONCE:
                pause = WAVE_SECONDS
                break
            self.limits.count("slow_head")
            reader.refuse(_LATE)
        self._sweep = self.loop.call_later(pause, self._end_late)


class HeadReader(asyncio.Protocol):
    """Collects the head of the first request, then hands the connection over."""

    __slots__ = ("_client", "_gate", "_head", "_transport")

    def __init__(self, gate: ConnectionGate) -> None:
        self._gate = gate
        self._transport: asyncio.Transport | None = None
        self._client = Client()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection. Its address is not kept."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 create_server makes these alone
        self._transport = transport
        self._client = self._gate.proxies.peer(take_address(transport))
        if self._gate.limits.admit(self, self._client):
            self._gate.begin(self)
        else:
            self.refuse(_BUSY)

    def data_received(self, data: bytes) -> None:
        """Add to the head; hand the connection over when it is whole."""
        if self._transport is None:
            return
        begins = max(0, len(self._head) - len(_END_OF_HEAD) + 1)
        self._head += data
        if self._head.find(_END_OF_HEAD, begins) >= 0:
            self._hand_over()
        elif len(self._head) > MAX_HEAD_BYTES:
            self.refuse(_LARGE)
        elif not self._head.lstrip(b"\r\n")[:1].isalpha() and self._head.strip(b"\r\n"):
            self.refuse(_BAD)  # not HTTP: a ClientHello, or noise

    def eof_received(self) -> None:
        """The other side sends no more, and the head is not whole: close."""

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place free."""
        del error
        self._leave()
        self._transport = None

    def refuse(self, answer: bytes) -> None:
        """Answer with a fixed text and close."""
        transport = self._leave()
        if transport is not None:
            transport.write(answer)
            # What is not sent at once is not worth a place.
            transport.abort() if transport.get_write_buffer_size() else transport.close()

    def drop(self) -> None:
        """Close at once."""
        transport = self._leave()
        if transport is not None:
            transport.abort()

    def _leave(self) -> asyncio.Transport | None:
        transport, self._transport = self._transport, None
        self._gate.waiting.pop(self, None)
        self._gate.limits.release(self)
        return transport

    def _hand_over(self) -> None:
        transport, self._transport = self._transport, None
        assert transport is not None  # noqa: S101 the caller has looked
        self._gate.waiting.pop(self, None)
        handler = GuardedHandler(self._gate.server(), self._gate.loop, self._gate.limits, self._client)
        self._gate.limits.replace(self, handler)
        head, self._head = self._head, b""
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(head)


class GuardedSite(web.BaseSite):
    """Listens on an address and lets connections in through a `ConnectionGate`."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, gate: ConnectionGate) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._address = (host, port)
        self._gate = gate

    @property
    def name(self) -> str:
        """The URL of the address."""
        return "http://{}:{}".format(*self._address)

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the address cannot be listened on.
        """
        await super().start()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._gate, *self._address, backlog=MAX_AT_ONCE)
        self._server = server
        for each in server.sockets if sys.platform != "win32" else ():
            # asyncio accepts as many connections in one go as the kernel may hold, so the two are set apart.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(each.fileno())) as same:
                same.listen(BACKLOG)


def take_address(transport: asyncio.Transport) -> str:
    """The peer's address, which the transport then no longer has: nothing that logs a request can name it."""
    peer = transport.get_extra_info("peername")
    known = getattr(transport, "_extra", None)
    if isinstance(known, dict):
        with contextlib.suppress(TypeError):
            known["peername"] = None
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
