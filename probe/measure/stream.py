"""Send and receive bytes over a TCP connection, in clear or under TLS, with a bound on what is read.

TLS runs over memory buffers on our own non-blocking socket: asyncio's TLS transports hold 256 KiB per connection and
hide which bytes arrived when. A connection reads at most `MAX_CONNECTION_BYTES` from its socket, record headers and
padding included: one byte of a page can take a TLS record of 16 KiB.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import time
from typing import Protocol

from probe.measure.budget import MAX_CONNECTION_BYTES, MAX_CONNECTION_READS, Budget
from probe.measure.failures import alert_error, operation_error
from probe.measure.round_trip import AnswerTimer, kernel_round_trip
from probe.measure.socket_io import async_socket
from probe.measure.tls_alerts import AlertReader
from probe.measure.transfer_meter import TransferMeter
from probe.model.failure import Failure
from probe.traffic_account import STREAM_TRAFFIC

READ_BYTES = 65536
"""Size of one read from the kernel."""
MAX_HANDSHAKE_BYTES = 262144
"""Bytes a server may send before its handshake is over. OpenSSL itself refuses certificate chains over 100 KiB."""
_MAX_READ_BYTES = MAX_CONNECTION_BYTES - READ_BYTES
"""A read beyond this ends the connection, so that the last read still fits into what the budget reserved."""
_TCP_INFO_UNACKED = struct.Struct("=24xI")
"""`tcpi_unacked` in Linux' struct tcp_info: eight one-byte fields and four words precede it (linux/tcp.h)."""


class Stream(Protocol):
    """A connection as protocols use it."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""

    async def receive(self) -> bytes:
        """Return the next bytes; empty when the other side closed."""

    @property
    def reusable(self) -> bool:
        """Whether enough of the connection's bound is left for another exchange."""

    def close(self) -> None:
        """Close the socket; may be called again."""


class _BoundedSocket:
    """A socket whose reads count against the round's budget and against the bound of one connection."""

    __slots__ = ("_budget", "_read", "_reads", "_sock", "_socket", "close", "send", "send_now")

    def __init__(self, sock: socket.socket, budget: Budget | None) -> None:
        self._sock = sock
        self._socket = async_socket(sock)
        self._budget = budget or Budget()
        self._read = self._reads = 0
        self._budget.count_sent(STREAM_TRAFFIC)
        self.send = self._socket.send
        self.send_now = self._socket.send_now
        self.close = self._socket.close

    async def receive(self) -> bytes:
        data = await self._socket.receive(READ_BYTES)
        self._budget.count(len(data))
        self._read += len(data)
        self._reads += 1
        if self._read > _MAX_READ_BYTES or self._reads > MAX_CONNECTION_READS:
            raise operation_error(Failure.TOO_MUCH, "connection")
        return data

    @property
    def lowest_round_trip(self) -> int:
        return kernel_round_trip(self._sock).lowest

    @property
    def reusable(self) -> bool:
        return self._read < _MAX_READ_BYTES // 2


class TcpStream:
    """A connection in clear. Owns the socket.

    Args:
        sock: connected, non-blocking.
        budget: counts the bytes read.

    Attributes:
        meter: measures the arrival of bytes.
        timer: measures the wait for an answer.
    """

    def __init__(self, sock: socket.socket, budget: Budget | None = None) -> None:
        self._socket = _BoundedSocket(sock, budget)
        self.meter = TransferMeter(sock)
        self.timer = AnswerTimer()

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection broke.
        """
        await self._socket.send(data)

    async def receive(self) -> bytes:
        """Return the next bytes; empty when the other side closed.

        Raises:
            OSError: the connection broke.
            OperationError: the other side sent more than a connection may read.
        """
        data = await self._socket.receive()
        self.timer.answered()
        self.meter.count(len(data))
        return data

    @property
    def lowest_round_trip(self) -> int:
        """The connection's lowest round trip by the kernel's clock, in microseconds; 0 when unknown."""
        return self._socket.lowest_round_trip

    @property
    def reusable(self) -> bool:
        """Whether enough of the connection's bound is left for another exchange."""
        return self._socket.reusable

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class TlsStream:
    """A connection under TLS. Owns the socket.

    Args:
        sock: connected, non-blocking.
        context: of a client.
        name: the name or address the certificate must be for; sent as SNI where it is a name.
        budget: counts the bytes read.

    Attributes:
        answered: at least one byte came back.
        tls: the TLS session, for its version and certificate.
        meter: measures the arrival of bytes on the wire after the handshake.
        timer: measures the wait for the first bytes of the handshake, then for readable data.
        sent_at: when our last flight of the handshake was sent, of `time.monotonic`.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str, budget: Budget | None = None) -> None:
        self._socket = _BoundedSocket(sock, budget)
        self._incoming = self._new_buffer()
        self._outgoing = self._new_buffer()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)
        self.answered = False
        self.meter = TransferMeter(sock)
        self.timer = AnswerTimer()
        self.sent_at = 0.0
        self._alerts = AlertReader()

    @staticmethod
    def _new_buffer() -> ssl.MemoryBIO:
        return ssl.MemoryBIO()

    async def handshake(self) -> None:
        """Perform the handshake, from ClientHello to Finished.

        Raises:
            OSError: the connection broke; ssl.SSLError when TLS failed.
            EOFError: the other side closed.
            OperationError: an alert arrived, or more than a handshake needs.
        """
        received = 0
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError as error:
                self._flush_alert()
                if self._alerts.alert:
                    raise alert_error(self._alerts.alert) from error
                raise
            else:
                await self._flush()
                return
            data = await self._socket.receive()
            self.timer.answered()
            if not data:
                raise EOFError
            self.answered = True
            received += len(data)
            if received > MAX_HANDSHAKE_BYTES:
                raise operation_error(Failure.TOO_MUCH, "handshake")
            self._alerts.feed(data)
            self._incoming.write(data)

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection broke.
        """
        self.tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """Return the next bytes; empty when the other side closed, with or without close_notify.

        Raises:
            OSError: the connection broke; ssl.SSLError for an alert or bytes that are not TLS.
            OperationError: the other side sent more than a connection may read.
        """
        while True:
            try:
                data = self.tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.timer.answered()
                return b""
            else:
                self.timer.answered()
                return data
            data = await self._socket.receive()
            self.meter.count(len(data))
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    @property
    def lowest_round_trip(self) -> int:
        """The connection's lowest round trip by the kernel's clock, in microseconds; 0 when unknown."""
        return self._socket.lowest_round_trip

    @property
    def reusable(self) -> bool:
        """Whether enough of the connection's bound is left for another exchange."""
        return self._socket.reusable

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            self.sent_at = time.monotonic()
            await self._socket.send(self._outgoing.read())

    def _flush_alert(self) -> None:
        """Send the alert that tells the server why we leave, if that costs no waiting."""
        if self._outgoing.pending:
            with contextlib.suppress(OSError):
                self._socket.send_now(self._outgoing.read())


def all_acknowledged(sock: socket.socket) -> bool | None:
    """Return whether the other side's kernel acknowledged all that we sent; None where the platform cannot say."""
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
        (unacked,) = _TCP_INFO_UNACKED.unpack_from(info)
    except (OSError, struct.error):
        return None
    return bool(unacked == 0)
