"""One glance over QUIC: send an Initial, read the first answer, close the socket.

Nothing is sent in reply: the server, which may not send more than three times what it got before our address is proven
(RFC 9000 section 8.1), gives up by itself. A CONNECTION_CLOSE would be another 1,200 bytes.
"""

from __future__ import annotations

import os
import socket

from probe.measure.failures import FailureInfo, Operation, classify, operation_error
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import Poller
from probe.measure.glance.quic_initial import ID_BYTES, InitialAnswer, pack_initial, quic_hello
from probe.measure.glance.shared_resolver import try_schedule
from probe.measure.glance.tcp_glance import NON_BLOCKING, ConnectionOwner
from probe.model.failure import Failure
from probe.model.hop import Layer

DATAGRAM = socket.SOCK_DGRAM | NON_BLOCKING
_MAX_DATAGRAMS = 64
"""Datagrams that are read: a server sends three before it hears more."""
_MAX_DATAGRAM_BYTES = 2048


class QuicGlance:
    """A UDP socket, the Initials sent from it and the answer. It ends by itself, with one call of its owner.

    An Initial is repeated as a DNS query is: each datagram may be lost.

    Args:
        owner: told the end.
        name: the server name; empty for none.
        poller: watches the socket.
        deadlines: of the answer.
        seconds: time-out of the answer.
    """

    __slots__ = (
        "_answer", "_client", "_datagrams", "_deadlines", "_hello", "_octets", "_owner", "_poller", "_schedule",
        "_server", "_sock", "_tries",
    )  # fmt: skip

    def __init__(self, owner: ConnectionOwner, name: str, poller: Poller, deadlines: Deadlines, seconds: float) -> None:
        ids = os.urandom(2 * ID_BYTES)
        self._server, self._client = ids[:ID_BYTES], ids[ID_BYTES:]
        self._hello = quic_hello(name, self._client)
        self._answer = InitialAnswer(self._server, self._client)
        self._owner = owner
        self._poller = poller
        self._deadlines = deadlines
        self._schedule = try_schedule(seconds)
        self._sock: socket.SocketType | None = None
        self._tries = self._datagrams = self._octets = 0

    def open(self, address: str, port: int) -> None:
        """Send the Initial. The owner may be told of a failure before this returns."""
        sock = None
        try:
            sock = socket.SocketType(socket.AF_INET6 if ":" in address else socket.AF_INET, DATAGRAM)
            if not NON_BLOCKING:
                sock.setblocking(False)
            sock.connect((address, port))
            self._send(sock)
        except Exception as error:  # noqa: BLE001 - a fault of ours is an observation, too
            if sock is not None:
                sock.close()
            self._owner.failed(Layer.QUIC, classify(error, Operation.DATAGRAM, at_once=True), 0)
            return
        self._sock = sock
        self._poller.watch_reading(sock, self)
        self._deadlines.set(self, self._schedule[0])

    def ready(self, events: int) -> None:
        """Read datagrams."""
        del events
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - a fault of ours is an observation, too
            self._fail(classify(error, Operation.DATAGRAM))

    def expire(self) -> None:
        """Send the Initial again, or end."""
        if self._sock is not None and self._tries < len(self._schedule):
            try:
                self._send(self._sock)
            except OSError as error:
                self._fail(classify(error, Operation.DATAGRAM))
            else:
                self._deadlines.set(self, self._schedule[self._tries - 1])
        elif self._datagrams and not self._answer.replied:
            self._fail(FailureInfo(Failure.GARBAGE, "the datagrams that came are no replies"))
        else:
            self._fail(FailureInfo(Failure.TIMEOUT))

    def close(self) -> None:
        """End without telling the owner."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._deadlines.clear(self, self._schedule[self._tries - 1])
            self._poller.forget(sock)
            sock.close()

    def _send(self, sock: socket.SocketType) -> None:
        message = pack_initial(self._server, self._client, self._hello, self._tries)
        self._tries += 1
        self._octets += len(message)
        try:
            sock.send(message)
        except (BlockingIOError, InterruptedError):
            return  # as good as lost: it is sent again

    def _read(self) -> None:
        while self._sock is not None:
            try:
                data = self._sock.recv(_MAX_DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            self._datagrams += 1
            self._octets += len(data)
            if self._datagrams > _MAX_DATAGRAMS:
                raise operation_error(Failure.TOO_MUCH, "datagrams")
            seen = self._answer.read(data)
            if seen is not None:
                self.close()
                self._owner.saw(seen, self._octets)

    def _fail(self, failed: FailureInfo) -> None:
        self.close()
        self._owner.failed(Layer.QUIC, failed, self._octets)
