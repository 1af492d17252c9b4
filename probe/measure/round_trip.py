"""Round trips of a TCP connection as the kernel measured them, and the wait for an answer.

An answer that comes sooner than the path's round trip was not sent by the server. Both figures must err towards the
server: a round trip that is too long, or a wait that is too short, would accuse it.

- The kernel stamps packets itself, so a busy event loop does not lengthen its round trips. A SYN that was sent again
  has none (Karn's algorithm, RFC 6298 section 3).
- A wait begins where the server could first have spoken without being asked: a server that closes each connection at
  once does so one round trip after our ACK, however late the request is. It ends when this program sees the answer, and
  a busy host sees it later, never sooner.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from typing import NamedTuple

_LINUX = struct.Struct("=68xI28xI44xI")
"""`tcpi_rtt`, `tcpi_total_retrans` and `tcpi_min_rtt` of struct tcp_info (linux/tcp.h); round trips in microseconds."""
_DARWIN = struct.Struct("=44xI56xQ")
"""`tcpi_srtt` in milliseconds and `tcpi_txretransmitpackets` of struct tcp_connection_info (netinet/tcp.h)."""
_NOT_MEASURED = 0xFFFFFFFF


class KernelRoundTrip(NamedTuple):
    """The round trips of one connection.

    Attributes:
        smoothed: in microseconds; right after the TCP handshake, that of the SYN. 0 when unknown.
        lowest: the lowest so far, in microseconds; 0 when unknown.
        resent: segments sent again, SYNs included.
    """

    smoothed: int = 0
    lowest: int = 0
    resent: int = 0


def kernel_round_trip(sock: socket.socket) -> KernelRoundTrip:
    """Return the round trips of a connection; zeros where the platform cannot say (Windows, old kernels)."""
    known = _READERS.get(sys.platform)
    if known is None:
        return KernelRoundTrip()
    option, size, parse = known
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, option, size))
    except (OSError, struct.error):
        return KernelRoundTrip()


def parse_linux(info: bytes) -> KernelRoundTrip:
    """Read struct tcp_info.

    Raises:
        struct.error: it is shorter than that of Linux 4.9.
    """
    smoothed, resent, lowest = _LINUX.unpack(info)
    return KernelRoundTrip(smoothed, 0 if lowest == _NOT_MEASURED else lowest, resent)


def parse_darwin(info: bytes) -> KernelRoundTrip:
    """Read struct tcp_connection_info, which has no lowest round trip.

    Raises:
        struct.error: it is too short.
    """
    smoothed, resent = _DARWIN.unpack(info)
    return KernelRoundTrip(smoothed * 1000, 0, resent)


_READERS = {"linux": (11, _LINUX.size, parse_linux), "darwin": (0x106, _DARWIN.size, parse_darwin)}
"""Platform -> the socket option (TCP_INFO; TCP_CONNECTION_INFO), its size and its reader."""


class AnswerTimer:
    """The wait for the first answer: bytes, RST, FIN or alert."""

    __slots__ = ("_answered", "_since")

    def __init__(self) -> None:
        self.start(0.0)

    def start(self, since: float) -> None:
        """Wait anew, since a moment of `time.monotonic`; 0 when it is unknown."""
        self._since = since
        self._answered = 0.0

    def answered(self) -> None:
        """Note that something arrived now; only the first counts."""
        self._answered = self._answered or time.monotonic()

    @property
    def wait(self) -> int:
        """In microseconds; 0 when nothing arrived or the start is unknown."""
        if not self._since or not self._answered:
            return 0
        return max(1, round((self._answered - self._since) * 1e6))
