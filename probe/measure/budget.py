"""How much a round may cost the line at most, whatever servers and networks do.

A limit that is checked after the fact is none: whoever opens a connection first sets aside the most that one can read,
and gives back what it did not. What would go beyond the budget is not begun and comes out as `unknown`: a fault of this
host's, which says nothing of the network. Packets follow from both limits: a connection without data costs at most the
six or so that the kernel sends in vain, data one for each 1,400 bytes and every second one acknowledged.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from probe.measure.failures import operation_error
from probe.model.failure import Failure

MAX_CONNECTION_BYTES = 1_507_328
"""Bytes that one connection reads at most: a handshake of 256 KiB, headers of 64 KiB, 1 MiB of body on the wire and the
last read of both (`stream.MAX_HANDSHAKE_BYTES`, `http_get.MAX_HEADER_BYTES`, `http_get.MAX_WIRE_BYTES`, twice
`stream.READ_BYTES`)."""


@dataclass(slots=True)
class Budget:
    """Of one round; without limits where they are 0.

    Attributes:
        connections: how many may be begun, UDP flows of QUIC among them.
        octets: how many bytes may be read from them.
        begun, read: what was spent in this round.
        refused: how many connections were not begun for it.
    """

    max_connections: int = 0
    max_bytes: int = 0
    connections: int = 0
    bytes_read: int = 0
    refused: int = 0
    _open: int = 0
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """A round begins."""
        self.connections = self.bytes_read = self.refused = 0

    async def admit(self) -> None:
        """Set aside what one connection may cost; wait while others that are open might still need it.

        Raises:
            OperationError: there is not enough left.
        """
        while True:
            if spent := self._spent():
                self.refused += 1
                raise operation_error(Failure.LOCAL, f"the round's budget of {spent} is spent")
            if not self.max_bytes or self.bytes_read + (self._open + 1) * MAX_CONNECTION_BYTES <= self.max_bytes:
                break
            self._closed.clear()
            await self._closed.wait()
        self.connections += 1
        self._open += 1

    def _spent(self) -> str:
        if self.max_connections and self.connections >= self.max_connections:
            return "connections"
        return "bytes" if self.max_bytes and self.bytes_read + MAX_CONNECTION_BYTES > self.max_bytes else ""

    def release(self) -> None:
        """A connection is closed: what it did not read may be read by another."""
        self._open -= 1
        self._closed.set()

    def count(self, size: int) -> None:
        """So many bytes were read; or sent, by the one step that sends much."""
        self.bytes_read += size
