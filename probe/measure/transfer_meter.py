"""How an answer's bytes come in: counted at the socket, under TLS and content coding.

A freeze stops a transfer after 12 to 34 KiB on the wire. Of a compressed page that may be all of it, and of a server
that writes TLS records of 16 KiB it may be no readable byte at all; so what counts is what the socket gave.
"""

from __future__ import annotations

import time

from probe.model.failure import Failure
from probe.model.flow import Flow

MIN_FLOW_BYTES = 16384
"""Bytes of an answer from which on its flow is worth keeping in evidence: smaller pages prove nothing about rates, and
no freeze was seen below 12 KiB."""
MIN_CUT_FLOW_BYTES = 4096
"""Bytes of an answer cut short from which on its flow is kept."""


class TransferMeter:
    """Counts what a socket gives, with the times."""

    __slots__ = ("_bytes", "_first", "_last", "_stall")

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Forget what was counted: the request goes out now."""
        self._bytes = 0
        self._first = self._last = 0.0
        self._stall = 0.0

    def count(self, size: int) -> None:
        """So many bytes came just now; none when the other side closed."""
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
        """What is worth keeping of an answer that ended so, just now; None where it says nothing.

        Silence at the end is that of an answer cut short: one that is complete is over with its last byte.
        """
        silent = failure is Failure.TIMEOUT
        if self._bytes < (MIN_CUT_FLOW_BYTES if silent else MIN_FLOW_BYTES):
            return None
        return Flow(
            bytes=self._bytes,
            took=round((self._last - self._first) * 1000),
            stall=round(self._stall * 1000),
            quiet=round((time.monotonic() - self._last) * 1000) if silent else 0,
        )
