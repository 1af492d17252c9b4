"""Bytes of a socket, waited for without registering with the event loop at every wait.

asyncio's `sock_recv` and `sock_sendall` ask the selector to watch a socket and to stop watching it each time they wait:
two system calls and some forty Python calls, a quarter of what a whole check cost beside its TLS. Here a socket is
watched from the first wait on, until bytes come that nobody waits for. Loops that complete operations in place of
watching sockets (Windows' default) have no such thing, and do it their own way.
"""

from __future__ import annotations

import asyncio
import socket

_LATER = (BlockingIOError, InterruptedError)


class Inlet:
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
