"""Bytes of a socket, waited for without registering with the event loop at every wait.

asyncio's `sock_recv` and `sock_sendall` ask the selector to watch a socket and to stop watching it each time they wait:
two system calls and some forty Python calls, a quarter of what a whole check cost beside its TLS. Here a socket is
watched from the first wait on, until bytes come that nobody waits for. Loops that complete operations in place of
watching sockets (Windows' default) have no such thing, and do it their own way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from probe.measure.failures import Operation, OperationError, classify
from probe.measure.step_timeout import StepTimeout

_LATER = (BlockingIOError, InterruptedError)


class AsyncSocket:
    """A connected, non-blocking socket. Owns it: nobody else may close it once bytes were waited for."""

    __slots__ = ("_loop", "_sock", "_waiter", "_watched")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._watched = False
        self._waiter: asyncio.Future[None] | None = None

    async def receive(self, most: int) -> bytes:
        """The next bytes; none when the other side closed. One at a time may wait.

        Raises:
            OSError: the connection broke.
        """
        while True:
            try:
                return self._sock.recv(most)
            except _LATER:
                if not self._watch():
                    return await self._loop.sock_recv(self._sock, most)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def send(self, data: bytes) -> None:
        """Send all of it: at once as far as the kernel takes it.

        Raises:
            OSError: the connection broke.
        """
        try:
            sent = self._sock.send(data)
        except _LATER:
            sent = 0
        if sent < len(data):
            await self._loop.sock_sendall(self._sock, memoryview(data)[sent:])

    def send_at_once(self, data: bytes) -> None:
        """Send what the kernel takes without waiting.

        Raises:
            OSError: it takes nothing, or the connection broke.
        """
        self._sock.send(data)

    def close(self) -> None:
        """Let go of the socket; may be called again."""
        if self._watched:
            self._watched = False
            self._loop.remove_reader(self._sock)
        self._sock.close()

    def _watch(self) -> bool:
        if not self._watched:
            try:
                self._loop.add_reader(self._sock, self._arrived)
            except NotImplementedError:
                return False
            self._watched = True
        return True

    def _arrived(self) -> None:
        if self._waiter is None:
            self._watched = False
            self._loop.remove_reader(self._sock)
        elif not self._waiter.done():
            self._waiter.set_result(None)


async def open_tcp(address: str, port: int, seconds: float, segment: int = 0) -> socket.socket:
    """A connected non-blocking socket.

    Args:
        address: an IP literal without brackets.
        port: 1 to 65535.
        seconds: how long the TCP handshake may last.
        segment: the largest segment that the other side is asked to send; 0 for the usual. Where a system does not
            let that be chosen (Windows), it is the usual.

    Raises:
        OperationError: it did not come to stand.
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
        # An error that is raised before the event loop has turned once is this host's own refusal (no route): no packet
        # can have come back yet. Later the same error number is an ICMP message.
        loop.call_soon(turned.append, True)
        with StepTimeout(seconds):
            await loop.sock_connect(sock, (address, port))
    except BaseException as error:
        sock.close()
        if isinstance(error, Exception):
            raise OperationError(classify(error, Operation.CONNECT, at_once=not turned)) from error
        raise
    return sock
