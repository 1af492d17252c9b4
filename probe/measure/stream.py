"""Bytes to and from a connection that stands, in clear or under TLS.

TLS is driven over memory buffers on our own non-blocking socket: asyncio's TLS transports hold 256 KiB a connection and
hide which bytes came when. Reads are bounded by their callers; here only the handshake has a bound of its own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
from typing import Protocol

from probe.measure.budget import Budget
from probe.measure.failures import operation_error
from probe.measure.flow import TransferMeter
from probe.measure.socket_io import AsyncSocket
from probe.model.failure import Failure

READ_BYTES = 65536
"""Bytes asked from the kernel at once."""
MAX_HANDSHAKE_BYTES = 262144
"""Bytes a server may send before its handshake is over. OpenSSL itself refuses certificate chains over 100 KiB."""

_TCP_INFO_UNACKED = struct.Struct("=24xI")
"""`tcpi_unacked` in Linux' struct tcp_info: eight one-byte fields and four words precede it (linux/tcp.h)."""


class Stream(Protocol):
    """What an exchange needs of a connection."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""

    async def receive(self) -> bytes:
        """The next bytes; none when the other side closed."""

    def close(self) -> None:
        """Let go of the socket; may be called again."""


class TcpStream:
    """A connection in clear. Owns the socket.

    Args:
        sock: connected, non-blocking.
        budget: is told what is read.

    Attributes:
        meter: counts what the socket gives.
    """

    def __init__(self, sock: socket.socket, budget: Budget | None = None) -> None:
        self._socket = AsyncSocket(sock)
        self._budget = budget or Budget()
        self.meter = TransferMeter()

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection broke.
        """
        await self._socket.send(data)

    async def receive(self) -> bytes:
        """The next bytes; none when the other side closed.

        Raises:
            OSError: the connection broke.
        """
        data = await self._socket.receive(READ_BYTES)
        self.meter.count(len(data))
        self._budget.count(len(data))
        return data

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class TlsStream:
    """A connection under TLS. Owns the socket.

    Args:
        sock: connected, non-blocking.
        context: of the client's side.
        name: whose certificate is wanted, and the SNI where it is a name.
        budget: is told what is read.

    Attributes:
        answered: at least one byte came back.
        tls: the TLS session itself, for what it knows of version and certificate.
        meter: counts what the socket gives after the handshake.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str, budget: Budget | None = None) -> None:
        self._socket = AsyncSocket(sock)
        self._budget = budget or Budget()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name or None)
        self.answered = False
        self.meter = TransferMeter()

    async def handshake(self) -> None:
        """From ClientHello to the end of the handshake.

        Raises:
            OSError: the connection broke; ssl.SSLError when TLS did.
            EOFError: the other side closed.
            OperationError: the server said more than a handshake needs.
        """
        received = 0
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLError:
                self._flush_alert()
                raise
            else:
                await self._flush()
                return
            data = await self._socket.receive(READ_BYTES)
            if not data:
                raise EOFError
            self.answered = True
            received += len(data)
            self._budget.count(len(data))
            if received > MAX_HANDSHAKE_BYTES:
                raise operation_error(Failure.TOO_MUCH, "handshake")
            self._incoming.write(data)

    async def send(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            OSError: the connection broke.
        """
        self.tls.write(data)
        await self._flush()

    async def receive(self) -> bytes:
        """The next bytes; none when the other side closed, whether or not it said so under TLS.

        Raises:
            OSError: the connection broke; ssl.SSLError for an alert or bytes that are not TLS.
        """
        while True:
            try:
                return self.tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            data = await self._socket.receive(READ_BYTES)
            self.meter.count(len(data))
            self._budget.count(len(data))
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._socket.send(self._outgoing.read())

    def _flush_alert(self) -> None:
        """Tell the server why we leave, if that costs no waiting."""
        if self._outgoing.pending:
            with contextlib.suppress(OSError):
                self._socket.send_at_once(self._outgoing.read())


def all_acknowledged(sock: socket.socket) -> bool | None:
    """Whether the other side's kernel acknowledged all that we sent; None where the platform does not tell."""
    if sys.platform != "linux":
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
        (unacked,) = _TCP_INFO_UNACKED.unpack_from(info)
    except (OSError, struct.error):
        return None
    return bool(unacked == 0)
