"""Measure how the bytes of an answer arrive: their rate, the pauses, and what the path did to the packets.

A freeze stops a transfer after 12 to 34 KiB on the wire. A compressed page may be complete by then, and from a server
that writes TLS records of 16 KiB no byte may be readable. So the bytes of the socket are counted, below TLS and content
coding.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import NamedTuple

from probe.model.failure import Failure
from probe.model.flow import FIRST_MARK_BYTES, MAX_MARKS, MIN_ANSWER_BYTES, Flow

MIN_FLOW_BYTES = 16384
"""Bytes of an answer from which its flow is kept in evidence: smaller pages prove nothing about rates, and no
freeze was seen below 12 KiB."""

_LINUX = struct.Struct("=92xI56xI68xI")
"""`tcpi_rcv_rtt`, `tcpi_data_segs_in` and `tcpi_rcv_ooopack` (since Linux 5.4) of struct tcp_info (linux/tcp.h)."""


class PacketArrival(NamedTuple):
    """What the kernel saw of the packets of one connection; zeros where the platform cannot say.

    Attributes:
        lag: the round trip of data, queues on the path included, in microseconds.
        segments: segments with data.
        disordered: those that came out of order, because one before them was lost or late.
    """

    lag: int = 0
    segments: int = 0
    disordered: int = 0


def packet_arrival(sock: socket.socket) -> PacketArrival:
    """Return how the packets of a connection arrived."""
    if sys.platform != "linux":
        return PacketArrival()
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LINUX.size)
        return PacketArrival(*_LINUX.unpack(info))
    except (OSError, struct.error):
        return PacketArrival()


class TransferMeter:
    """Measure the arrival of one answer after the other in a connection.

    Args:
        sock: of the connection; open until the last `flow`.
    """

    __slots__ = ("_bytes", "_first", "_last", "_marks", "_sock", "_stall")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.start()

    def start(self) -> None:
        """Start anew; called when the request is sent."""
        self._bytes = 0
        self._first = self._last = 0.0
        self._stall = 0.0
        self._marks: list[int] = []

    def count(self, size: int) -> None:
        """Count bytes that arrive now; 0 when the other side closed."""
        if not size:
            return
        now = time.monotonic()
        if self._bytes:
            self._stall = max(self._stall, now - self._last)
        else:
            self._first = now
        self._last = now
        self._bytes += size
        while len(self._marks) < MAX_MARKS and self._bytes >= FIRST_MARK_BYTES << len(self._marks):
            self._marks.append(round((now - self._first) * 1000))

    def flow(self, failure: Failure | None) -> Flow | None:
        """Return the flow of an answer that just ended with this failure; None when it is too small to show anything.

        Only a time-out has silence at its end: a complete answer ends with its last byte.
        """
        silent = failure is Failure.TIMEOUT
        if self._bytes < (MIN_ANSWER_BYTES if silent else MIN_FLOW_BYTES):
            return None
        packets = packet_arrival(self._sock)
        return Flow(
            bytes=self._bytes,
            took=round((self._last - self._first) * 1000),
            stall=round(self._stall * 1000),
            quiet=round((time.monotonic() - self._last) * 1000) if silent else 0,
            marks=tuple(self._marks),
            lag=packets.lag // 1000,
            segments=packets.segments,
            disordered=packets.disordered,
        )
