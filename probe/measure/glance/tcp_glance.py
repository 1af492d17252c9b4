"""One glance over TCP: connect, send one message, read the beginning of the answer, close.

A server's first flight is 1 to 5 KB, and a glance needs its first few hundred bytes. A small receive buffer makes this
host announce a window of one segment, so that the server sends no more before it is told to. Where the answer is seen
in what has arrived, it is not taken out of the buffer: taking it out would announce room for more, and a socket that is
closed with unread bytes sends an RST and no FIN. Measured at nginx over a link of 1,500 bytes, everything from SYN to
RST included:

==============================  ======================  ======================  =========================
..                              TLS 1.3, flight of 4 KB TLS 1.3, flight of 1 KB page of 10 KB
==============================  ======================  ======================  =========================
usual window, all read, FIN     13.1 packets, 5,390 B   10.0 packets, 1,990 B
usual window, RST               9.8 packets, 4,950 B    7.0 packets, 1,840 B    10.0 packets, 11,130 B
window of one segment, RST      9.0 packets, 2,470 B    9.1 packets, 1,970 B    9.0 packets, 2,310 B
==============================  ======================  ======================  =========================

What it costs: a certificate of TLS 1.2 takes a round trip more (15.5 packets, 5,340 B in place of 10.0 and 5,020). Some
middleboxes dislike small windows, a defence against clients that hold servers open, and a filter that reads the
certificates of TLS 1.2 without reassembling segments may miss them in small ones. The first only brings the full look;
the second is left to the regular full look. One segment is what small embedded systems announce, too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import ClassVar, Protocol

from probe.measure.failures import FailureInfo, Operation, classify, operation_error
from probe.measure.glance.admission import MAX_GLANCE_BYTES
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import BROKEN, READABLE, Poller
from probe.model.failure import Failure
from probe.model.hop import Layer

RECEIVE_BUFFER_BYTES = 1536
"""Linux doubles it and announces what is left beside its own records, rounded down to segments: one."""
READ_BYTES = 4096
"""Size of one read from the kernel."""
MAX_READS = 256
"""Reads after which an answer is given up: one that comes in single octets must end, too."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_STARTED = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, 10035})
"""What `connect_ex` returns when the SYN is sent; 10035 is Windows' WSAEWOULDBLOCK."""


class AnswerReader(Protocol):
    """What a glance says over a connection and what it reads.

    Attributes:
        layer: of a failure after the connection.
        late_layer: of a time-out once an answer has begun.
    """

    layer: ClassVar[Layer]
    late_layer: ClassVar[Layer]

    def message(self) -> bytes:
        """Return what to send; empty where the open connection is all that is wanted."""

    def read(self, data: bytes, *, ended: bool) -> str | None:
        """Return what identifies the answer, None where more bytes are needed.

        Args:
            data: all bytes that came.
            ended: whether the other side closed the connection.

        Raises:
            OperationError, EOFError: there will be no answer.
        """


class ConnectionOwner(Protocol):
    """Whose connection it is."""

    def saw(self, seen: str, octets: int) -> None:
        """Take in what identifies the answer, and the bytes in both directions. The connection is closed."""

    def failed(self, layer: Layer, failed: FailureInfo, octets: int) -> None:
        """Take in that there was none, and why."""


class TcpGlance:
    """A connection and its answer. It ends by itself, with one call of its owner.

    Args:
        owner: told the end.
        make_reader: makes what says and reads something once the connection is open: a waiting one is to be small.
        poller: watches the socket.
        deadlines: of the TCP handshake and of the answer.
        seconds: time-out of each of them.
    """

    __slots__ = (
        "_connected", "_data", "_deadlines", "_make_reader", "_owner", "_poller", "_reader", "_reads", "_seconds",
        "_sent", "_sock", "_unread",
    )  # fmt: skip

    def __init__(
        self,
        owner: ConnectionOwner,
        make_reader: Callable[[], AnswerReader],
        poller: Poller,
        deadlines: Deadlines,
        seconds: float,
    ) -> None:
        self._owner = owner
        self._make_reader = make_reader
        self._reader: AnswerReader
        self._poller = poller
        self._deadlines = deadlines
        self._seconds = seconds
        self._connected = False
        self._data = b""
        self._reads = 0
        self._sent = 0
        self._unread = False
        self._sock: socket.SocketType | None = None

    def open(self, address: str, port: int) -> None:
        """Send the SYN. The owner may be told of a failure before this returns."""
        sock = None
        try:
            sock = socket.SocketType(socket.AF_INET6 if ":" in address else socket.AF_INET, _STREAM)
            if not NON_BLOCKING:
                sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            _start_connecting(sock, address, port)
        except Exception as error:  # noqa: BLE001 - a fault of ours is an observation, too
            if sock is not None:
                sock.close()
            self._owner.failed(Layer.TCP, classify(error, Operation.CONNECT, at_once=True), 0)
            return
        self._sock = sock
        self._poller.watch_connecting(sock, self)
        self._deadlines.set(self, self._seconds)

    def ready(self, events: int) -> None:
        """Go on: the connection is open, or there is something to read, or it broke."""
        try:
            if not self._connected and not self._on_connected(events):
                return
            if events & (READABLE | BROKEN):
                self._read()
        except Exception as error:  # noqa: BLE001 - a fault of ours is an observation, too
            operation = Operation.STREAM if self._connected else Operation.CONNECT
            self._fail(classify(error, operation))

    def expire(self) -> None:
        """End: the time of the TCP handshake, or of the answer, is over."""
        self._fail(FailureInfo(Failure.TIMEOUT))

    def close(self) -> None:
        """End without telling the owner."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._deadlines.clear(self, self._seconds)
        self._poller.forget(sock)
        if not self._unread:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.close()

    def _on_connected(self, events: int) -> bool:
        """Send the message; False where there is nothing more to do now."""
        sock = self._sock
        assert sock is not None  # noqa: S101 - a closed socket reports nothing
        if events & BROKEN and (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            raise OSError(code, os.strerror(code))
        self._reader = self._make_reader()
        message = self._reader.message()
        if not message:
            self._see("")
            return False
        if _QUICK_ACK:
            # Let the acknowledgement of the answer wait: the RST makes it unnecessary.
            sock.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 0)
        try:
            self._sent = sock.send(message)
        except (BlockingIOError, InterruptedError):
            return False  # not connected yet
        self._connected = True
        if self._sent < len(message):
            raise operation_error(Failure.LOCAL, "the system does not take the message")
        self._poller.connected(sock, self)
        self._deadlines.clear(self, self._seconds)
        self._deadlines.set(self, self._seconds)
        return True

    def _read(self) -> None:
        """Read until there is nothing more: the poller may report an end that came with the last bytes only once."""
        sock = self._sock
        assert sock is not None  # noqa: S101 - as above
        if not self._data and self._sees_unread(sock):
            return
        while True:
            try:
                more = sock.recv(READ_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            self._reads += 1
            data = self._data = self._data + more if self._data else more
            seen = self._reader.read(data, ended=not more)
            if seen is not None:
                self._see(seen)
                return
            if not more:
                raise EOFError
            if self._reads >= MAX_READS or len(data) > MAX_GLANCE_BYTES - READ_BYTES:
                raise operation_error(Failure.TOO_MUCH, "answer")

    def _sees_unread(self, sock: socket.SocketType) -> bool:
        """Look at what has arrived first, without taking it; return whether that is enough."""
        try:
            data = sock.recv(READ_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True  # nothing has
        seen = self._reader.read(data, ended=False) if data else None
        if seen is None:
            return False
        self._data = data
        self._unread = _RESETS_UNREAD
        self._see(seen)
        return True

    def _see(self, seen: str) -> None:
        self.close()
        self._owner.saw(seen, self._sent + len(self._data))

    def _fail(self, failed: FailureInfo) -> None:
        layer = Layer.TCP
        if self._connected:
            begun = failed.failure is Failure.TIMEOUT and self._data
            layer = self._reader.late_layer if begun else self._reader.layer
        self.close()
        self._owner.failed(layer, failed, self._sent + len(self._data))


def _start_connecting(sock: socket.SocketType, address: str, port: int) -> None:
    code = sock.connect_ex((address, port))
    if code not in _STARTED:
        raise OSError(code, os.strerror(code))


NON_BLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)
"""Added to the type of a socket that is not to block; 0 where that takes another call."""
_QUICK_ACK = getattr(socket, "TCP_QUICKACK", 0)
_RESETS_UNREAD = sys.platform == "linux"
"""Linux ends a connection with unread bytes by an RST, as RFC 1122 section 4.2.2.13 says; others do so or not."""
# `socket.SocketType` is the type below `socket.socket`, whose methods in Python cost as much as the system calls.
_STREAM = socket.SOCK_STREAM | NON_BLOCKING
