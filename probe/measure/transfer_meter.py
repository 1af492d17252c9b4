"""Measure how the bytes of an answer arrive at the socket, below TLS and content coding.

A freeze stops a transfer after 12 to 34 KiB on the wire. A compressed page may be complete by then, and from a server
that writes TLS records of 16 KiB not one byte may be readable. So bytes of the socket are counted.
"""

from __future__ import annotations

import time

from probe.model.failure import Failure
from probe.model.flow import MIN_ANSWER_BYTES, Flow

MIN_FLOW_BYTES = 16384
"""Bytes of an answer from which its flow is kept in evidence: smaller pages prove nothing about rates, and no
freeze was seen below 12 KiB."""


class TransferMeter:
    """Count the bytes that a socket gives, with their times."""

    __slots__ = ("_bytes", "_first", "_last", "_stall")

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start anew; called when the request is sent."""
        self._bytes = 0
        self._first = self._last = 0.0
        self._stall = 0.0

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

    def flow(self, failure: Failure | None) -> Flow | None:
        """Return the flow of an answer that has just ended so; None when it is too small to show anything.

        Only a time-out has silence at its end: a complete answer ends with its last byte.
        """
        silent = failure is Failure.TIMEOUT
        if self._bytes < (MIN_ANSWER_BYTES if silent else MIN_FLOW_BYTES):
            return None
        return Flow(
            bytes=self._bytes,
            took=round((self._last - self._first) * 1000),
            stall=round(self._stall * 1000),
            quiet=round((time.monotonic() - self._last) * 1000) if silent else 0,
        )
