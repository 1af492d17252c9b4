"""One glance over TCP: connect, send one message, read the beginning of the answer, close."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import ClassVar, Protocol

from probe.measure.failures import FailureInfo, Operation, classify, operation_error
from probe.measure.glance.admission import MAX_GLANCE_BYTES
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import BROKEN, READABLE, Poller
from probe.model.failure import Failure
from probe.model.hop import Layer

RECEIVE_BUFFER_BYTES = 4096
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
        reader: what to say and to read.
        poller: watches the socket.
        deadlines: of the TCP handshake and of the answer.
        seconds: time-out of each of them.
    """

    __slots__ = (
        "_connected", "_data", "_deadlines", "_owner", "_poller", "_reader", "_reads", "_seconds", "_sent", "_sock",
    )  # fmt: skip

    def __init__(
        self, owner: ConnectionOwner, reader: AnswerReader, poller: Poller, deadlines: Deadlines, seconds: float
    ) -> None:
        self._owner = owner
        self._reader = reader
        self._poller = poller
        self._deadlines = deadlines
        self._seconds = seconds
        self._connected = False
        self._data = b""
        self._reads = 0
        self._sent = 0
        self._sock: socket.socket | None = None

    def open(self, address: str, port: int) -> None:
        """Send the SYN. The owner may be told of a failure before this returns."""
        try:
            sock = self._sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, _STREAM)
            if not _NON_BLOCKING:
                sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            _start_connecting(sock, address, port)
        except OSError as error:
            if self._sock is not None:
                self._sock.close()
                self._sock = None
            self._owner.failed(Layer.TCP, classify(error, Operation.CONNECT, at_once=True), 0)
            return
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
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.close()

    def _on_connected(self, events: int) -> bool:
        """Send the message; False where there is nothing more to do now."""
        sock = self._sock
        assert sock is not None  # noqa: S101 - a closed socket reports nothing
        if events & BROKEN and (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
            raise OSError(code, os.strerror(code))
        message = self._reader.message()
        if not message:
            self._see("")
            return False
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


def _start_connecting(sock: socket.socket, address: str, port: int) -> None:
    code = sock.connect_ex((address, port))
    if code not in _STARTED:
        raise OSError(code, os.strerror(code))


_NON_BLOCKING = getattr(socket, "SOCK_NONBLOCK", 0)
_STREAM = socket.SOCK_STREAM | _NON_BLOCKING
