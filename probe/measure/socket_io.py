"""Open TCP connections and wait for bytes on non-blocking sockets, cheaply.

asyncio's `sock_recv` and `sock_sendall` register the socket with the selector and unregister it at every wait: two
system calls and some forty Python calls, a quarter of what a whole check costs beside its TLS. An `AsyncSocket` stays
registered from its first wait until bytes arrive that nobody waits for. Event loops without readers (Windows' proactor)
use asyncio's calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from probe.measure.failures import Operation, OperationError, classify
from probe.measure.step_timeout import StepTimeout

_WOULD_BLOCK = (BlockingIOError, InterruptedError)
_READS_PER_TURN = 32
"""Reads without a wait after which other tasks run: a fast sender must not hold the event loop."""


async def open_tcp(address: str, port: int, seconds: float, segment: int = 0) -> socket.socket:
    """Return a connected non-blocking socket.

    Args:
        address: an IP literal without brackets.
        port: 1 to 65535.
        seconds: time-out of the TCP handshake.
        segment: maximum segment size to ask the other side for; 0 for the system's default. A system that does not
            let it be set (Windows) uses its default.

    Raises:
        OperationError: the connection failed.
    """
    loop = asyncio.get_running_loop()
    turned: list[bool] = []
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise OperationError(classify(error, Operation.CONNECT, at_once=True)) from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if segment and hasattr(socket, "TCP_MAXSEG"):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        # An error raised before the event loop has turned once is this host's own refusal (no route): no packet can
        # have come back yet. Later the same error number stands for an ICMP message.
        loop.call_soon(turned.append, True)
        with StepTimeout(seconds):
            await loop.sock_connect(sock, (address, port))
    except BaseException as error:
        sock.close()
        if isinstance(error, Exception):
            raise OperationError(classify(error, Operation.CONNECT, at_once=not turned)) from error
        raise
    return sock


class AsyncSocket:
    """A connected, non-blocking socket. Owns it: nobody else may close it after the first wait."""

    __slots__ = ("_loop", "_reads", "_registered", "_sock", "_waiter")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._registered = False
        self._reads = 0
        """Reads since the event loop last turned."""
        self._waiter: asyncio.Future[None] | None = None

    async def receive(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; empty when the other side closed. One task at a time may wait.

        Raises:
            OSError: the connection broke.
        """
        self._reads += 1
        if self._reads > _READS_PER_TURN:
            self._reads = 0
            await asyncio.sleep(0)
        while True:
            try:
                return self._sock.recv(size)
            except _WOULD_BLOCK:
                self._reads = 0
                if not self._register():
                    return await self._loop.sock_recv(self._sock, size)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def send(self, data: bytes) -> None:
        """Send all of it; wait only for what the kernel does not take at once.

        Raises:
            OSError: the connection broke.
        """
        try:
            sent = self._sock.send(data)
        except _WOULD_BLOCK:
            sent = 0
        if sent < len(data):
            await self._loop.sock_sendall(self._sock, memoryview(data)[sent:])

    def send_now(self, data: bytes) -> None:
        """Send what the kernel takes without waiting.

        Raises:
            OSError: it takes nothing, or the connection broke.
        """
        self._sock.send(data)

    def close(self) -> None:
        """Unregister and close the socket; may be called again."""
        if self._registered:
            self._registered = False
            self._loop.remove_reader(self._sock)
        self._sock.close()

    def _register(self) -> bool:
        """Have the event loop watch the socket; False where the loop has no readers."""
        if not self._registered:
            try:
                self._loop.add_reader(self._sock, self._on_readable)
            except NotImplementedError:
                return False
            self._registered = True
        return True

    def _on_readable(self) -> None:
        if self._waiter is None:
            self._registered = False
            self._loop.remove_reader(self._sock)
        elif not self._waiter.done():
            self._waiter.set_result(None)
