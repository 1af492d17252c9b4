"""Open TCP connections and wait for bytes on non-blocking sockets, cheaply.

asyncio's `sock_connect`, `sock_recv` and `sock_sendall` register the socket with the selector and unregister it at
every wait: two system calls and some forty Python calls, a quarter of what a whole check costs beside its TLS. On Linux
an `AsyncSocket` is registered once, with an epoll of our own (`probe.measure.edge_poller`). Elsewhere it stays
registered with the event loop from its first wait until bytes arrive that nobody waits for. Event loops without
readers (Windows' proactor) use asyncio's calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

from probe.measure.edge_poller import ENDED, READABLE, WRITABLE, EdgePoller, edge_poller
from probe.measure.failures import Operation, OperationError, classify
from probe.measure.step_timeout import StepTimeout

_WOULD_BLOCK = (BlockingIOError, InterruptedError)
_NON_BLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)
_READS_PER_TURN = 32
"""Reads without a wait after which other tasks run: a fast sender must not hold the event loop."""


async def open_tcp(address: str, port: int, seconds: float, segment: int = 0) -> socket.socket:
    """Return a connected non-blocking socket. Close it by the `AsyncSocket` made of it, or by `close_socket`.

    Args:
        address: an IP literal without brackets.
        port: 1 to 65535.
        seconds: time-out of the TCP handshake.
        segment: maximum segment size to ask the other side for; 0 for the system's default. A system that does not
            let it be set (Windows) uses its default.

    Raises:
        OperationError: the connection failed.
    """
    try:
        sock = new_tcp_socket(address, segment)
    except OSError as error:
        raise OperationError(classify(error, Operation.CONNECT, at_once=True)) from error
    turned: list[bool] = []
    try:
        await _connect(sock, (address, port), seconds, turned)
    except BaseException as error:
        close_socket(sock)
        if isinstance(error, Exception):
            # `turned` is filled in once the event loop has turned. An error before that is this host's own refusal (no
            # route): no packet can have come back yet. Later the same error number stands for an ICMP message.
            raise OperationError(classify(error, Operation.CONNECT, at_once=not turned)) from error
        raise
    return sock


async def _connect(sock: socket.socket, where: tuple[str, int], seconds: float, turned: list[bool]) -> None:
    """Connect, and leave the socket watched; `turned` is filled in once the event loop has turned."""
    poller = edge_poller()
    if poller is None:
        loop = asyncio.get_running_loop()
        loop.call_soon(turned.append, True)
        with StepTimeout(seconds):
            await loop.sock_connect(sock, where)
        return
    code = sock.connect_ex(where)
    if code == errno.EINPROGRESS:
        connecting = _EdgeSocket(sock, poller)
        turned.append(True)
        with StepTimeout(seconds):
            while not connecting.writable:
                await connecting.event()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def new_tcp_socket(address: str, segment: int = 0) -> socket.socket:
    """Return a non-blocking socket for a connection to an address, as `open_tcp` uses it.

    Raises:
        OSError: this host has none.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | _NON_BLOCKING)
    try:
        if not _NON_BLOCKING:
            sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if segment and hasattr(socket, "TCP_MAXSEG"):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    except BaseException:
        sock.close()
        raise
    return sock


def adopt(sock: socket.socket, poller: EdgePoller, events: int) -> None:
    """Make the owner of a connected socket that `poller` watches for somebody else, whose last events these are."""
    _EdgeSocket(sock, poller, known=events)


def close_socket(sock: socket.socket) -> None:
    """Close a socket that `open_tcp` returned and that no `AsyncSocket` owns."""
    poller = edge_poller()
    owner = poller.owner(sock) if poller is not None else None
    if isinstance(owner, _EdgeSocket):
        owner.close()
    sock.close()


def async_socket(sock: socket.socket, *, datagrams: bool = False) -> AsyncSocket:
    """Return the owner of a connected, non-blocking socket, of the kind that this event loop allows.

    Args:
        sock: of TCP, or of UDP.
        datagrams: of UDP.
    """
    poller = edge_poller()
    if poller is None:
        return _LevelSocket(sock)
    known = poller.owner(sock)
    return known if isinstance(known, _EdgeSocket) else _EdgeSocket(sock, poller, datagrams=datagrams)


class AsyncSocket:
    """A connected, non-blocking socket. Owns it: nobody else may close it after the first wait."""

    __slots__ = ("_loop", "_reads", "_waiter", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._reads = 0
        """Reads since the event loop last turned."""

    async def receive(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; empty when the other side closed. One task at a time may wait.

        Raises:
            OSError: the connection broke.
        """
        raise NotImplementedError

    async def send(self, data: bytes) -> None:
        """Send all of it; wait only for what the kernel does not take at once.

        Raises:
            OSError: the connection broke.
        """
        try:
            sent = self.sock.send(data)
        except _WOULD_BLOCK:
            sent = 0
        if sent < len(data):
            await self._loop.sock_sendall(self.sock, memoryview(data)[sent:])

    def send_now(self, data: bytes) -> None:
        """Send what the kernel takes without waiting.

        Raises:
            OSError: it takes nothing, or the connection broke.
        """
        self.sock.send(data)

    def close(self) -> None:
        """Unregister and close the socket; may be called again."""
        raise NotImplementedError

    def _has_spent_turn(self) -> bool:
        """Count a read; whether it is time to let the event loop turn."""
        self._reads = (self._reads + 1) % (_READS_PER_TURN + 1)
        return not self._reads

    def event(self) -> asyncio.Future[None]:
        """Return what ends with the next event; to be awaited at once."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            waiter = self._waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        """Wake the task that waits, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _EdgeSocket(AsyncSocket):
    """A socket that an `EdgePoller` watches.

    A read of a stream that fills less than its buffer has taken all that had arrived, so that the next one waits for an
    event.
    """

    __slots__ = ("_datagrams", "_ended", "_poller", "_readable", "writable")

    def __init__(
        self, sock: socket.socket, poller: EdgePoller, *, datagrams: bool = False, known: int | None = None
    ) -> None:
        super().__init__(sock)
        self._datagrams = datagrams
        self._poller = poller
        self._readable = self._ended = self.writable = False
        if known is None:
            poller.watch(self)  # tells at once of what has arrived already
        else:
            poller.take_over(self)
            self.on_events(known)

    def on_events(self, events: int) -> None:
        """Note the events, and wake the task that waits."""
        if events & READABLE:
            self._readable = True
            if events & ENDED:
                self._ended = True
        if events & WRITABLE:
            self.writable = True
        self._wake()

    async def receive(self, size: int) -> bytes:
        """Return what has arrived, else wait for an event."""
        if self._has_spent_turn():
            await asyncio.sleep(0)
        while True:
            while not self._readable:
                self._reads = 0
                await self.event()
            try:
                data = self.sock.recv(size)
            except _WOULD_BLOCK:
                self._readable = self._ended
                if self._ended:
                    await asyncio.sleep(0)
                continue
            if len(data) < size and not self._datagrams:
                self._readable = self._ended or not data
            return data

    def close(self) -> None:
        """Unregister and close the socket; may be called again."""
        self._poller.forget(self)
        self.sock.close()


class _LevelSocket(AsyncSocket):
    """A socket that the event loop watches, where it can."""

    __slots__ = ("_registered",)

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._registered = False

    async def receive(self, size: int) -> bytes:
        """Try to read; where nothing has arrived, let the event loop watch the socket."""
        if self._has_spent_turn():
            await asyncio.sleep(0)
        while True:
            try:
                return self.sock.recv(size)
            except _WOULD_BLOCK:
                self._reads = 0
                if not self._register():
                    return await self._loop.sock_recv(self.sock, size)
            await self.event()

    def close(self) -> None:
        """Unregister and close the socket; may be called again."""
        if self._registered:
            self._registered = False
            self._loop.remove_reader(self.sock)
        self.sock.close()

    def _register(self) -> bool:
        """Have the event loop watch the socket; False where the loop has no readers."""
        if not self._registered:
            try:
                self._loop.add_reader(self.sock, self._on_readable)
            except NotImplementedError:
                return False
            self._registered = True
        return True

    def _on_readable(self) -> None:
        if self._waiter is None or self._waiter.done():
            self._registered = False
            self._loop.remove_reader(self.sock)
        else:
            self._wake()
