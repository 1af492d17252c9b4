"""How much a round may cost the line at most, whatever servers and networks do.

A limit that is checked after the fact is none: whoever opens a connection first sets aside the most that one can read,
and gives back what it did not. What would go beyond the budget is not begun and comes out as `unknown`: a fault of this
host's, which says nothing of the network. Packets follow from both limits: a connection without data costs at most the
six or so that the kernel sends in vain, data one for each 1,400 bytes and every second one acknowledged.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from probe.measure.failures import ended
from probe.model.failure import Failure

CEILING = 1_507_328
"""Bytes that one connection reads at most: a handshake of 256 KiB, headers of 64 KiB, 1 MiB of body on the wire and the
last read of both (`stream.MAX_HANDSHAKE`, `exchange.MAX_HEADERS`, `exchange.MAX_WIRE`, twice `stream.READ`)."""


@dataclass(slots=True)
class Budget:
    """Of one round; without limits where they are 0.

    Attributes:
        connections: how many may be begun, UDP flows of QUIC among them.
        octets: how many bytes may be read from them.
        begun, read: what was spent in this round.
        refused: how many connections were not begun for it.
    """

    connections: int = 0
    octets: int = 0
    begun: int = 0
    read: int = 0
    refused: int = 0
    _open: int = 0
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    def renew(self) -> None:
        """A round begins."""
        self.begun = self.read = self.refused = 0

    async def admit(self) -> None:
        """Set aside what one connection may cost; wait while others that are open might still need it.

        Raises:
            Ended: there is not enough left.
        """
        while True:
            if spent := self._spent():
                self.refused += 1
                raise ended(Failure.LOCAL, f"the round's budget of {spent} is spent")
            if not self.octets or self.read + (self._open + 1) * CEILING <= self.octets:
                break
            self._closed.clear()
            await self._closed.wait()
        self.begun += 1
        self._open += 1

    def _spent(self) -> str:
        if self.connections and self.begun >= self.connections:
            return "connections"
        return "bytes" if self.octets and self.read + CEILING > self.octets else ""

    def release(self) -> None:
        """A connection is closed: what it did not read may be read by another."""
        self._open -= 1
        self._closed.set()

    def note(self, count: int) -> None:
        """So many bytes were read; or sent, by the one step that sends much."""
        self.read += count
