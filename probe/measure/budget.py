"""Limit the connections and bytes of a round, whatever servers and networks do.

A limit that is checked afterwards does not hold. So a connection first reserves the most that it can read, and returns
what it did not read. A connection that would exceed the budget is not opened, and its target becomes `unknown`: a
reason of this host that says nothing about the network. Packets follow from both limits: a connection without data
costs at most the six or so that the kernel sends in vain, data one per 1,400 bytes and an acknowledgement for every
second one.
"""

from __future__ import annotations

import asyncio

import msgspec

from probe.measure.failures import operation_error
from probe.model.failure import Failure
from probe.traffic_account import (
    NOTHING,
    BudgetSpentError,
    TrafficAccount,
    WireTraffic,
    connection_traffic,
    payload_traffic,
    worst_connection,
)

MAX_CONNECTION_BYTES = 1_703_936
"""Bytes that one connection reads at most: a handshake of 256 KiB, headers of 256 KiB, 1 MiB of body on the wire and
the last read of both (`stream.MAX_HANDSHAKE_BYTES`, `http_get.MAX_HEADER_BYTES`, `http_get.MAX_WIRE_BYTES`, twice
`stream.READ_BYTES`)."""
MAX_CONNECTION_READS = 2048
"""Reads of one connection at most, so that one that comes in single octets costs a bounded number of packets."""


class Budget(msgspec.Struct):
    """The budget of one round; a limit of 0 is none.

    Attributes:
        max_connections: connections to open, QUIC's UDP flows included.
        max_bytes: bytes to read from them.
        connections, bytes_read: spent in this round.
        refused: connections that the budget did not allow.
        account: of the day and the month; None where nobody counts.
    """

    max_connections: int = 0
    max_bytes: int = 0
    connections: int = 0
    bytes_read: int = 0
    refused: int = 0
    account: TrafficAccount | None = None
    _worst: dict[int, WireTraffic] = msgspec.field(default_factory=dict)
    _reserved: int = 0
    _closed: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """Begin a round."""
        self.connections = self.bytes_read = self.refused = 0

    async def admit(self) -> None:
        """Reserve the bytes of one connection; wait while open ones may still need what is left.

        Raises:
            OperationError: the budget is spent.
        """
        while not self.try_admit():
            self._closed.clear()
            await self._closed.wait()

    def try_admit(self, size: int = MAX_CONNECTION_BYTES) -> bool:
        """Reserve the bytes of one connection; False while open ones may still need what is left.

        Args:
            size: bytes that the connection reads at most.

        Raises:
            OperationError: the budget is spent.
        """
        if spent := self._spent(size):
            self.refused += 1
            raise operation_error(Failure.LOCAL, f"the round's budget of {spent} is spent")
        if self.max_bytes and self.bytes_read + self._reserved + size > self.max_bytes:
            return False
        if self.account is not None and not self._reserve(self.account, size):
            return False
        self.connections += 1
        self._reserved += size
        return True

    def release(self, size: int = MAX_CONNECTION_BYTES, seconds: float = 0.0) -> None:
        """Return what a closed connection did not use.

        Args:
            size: as it was reserved.
            seconds: for which it was open.
        """
        self._reserved -= size
        if self.account is not None:
            self.account.settle(self._worst.get(size, NOTHING), connection_traffic(seconds))
        self._closed.set()

    def has_room(self, connections: int) -> bool:
        """Whether so many more connections can be begun, and one more can read the most that it may."""
        if self.max_connections and self.connections + connections > self.max_connections:
            return False
        if self.account is not None and not self.account.has_room(self._worst.get(MAX_CONNECTION_BYTES, NOTHING)):
            return False
        return not self.max_bytes or self.bytes_read + self._reserved + MAX_CONNECTION_BYTES <= self.max_bytes

    def count(self, size: int) -> None:
        """Count bytes read; also bytes sent, by the step that uploads."""
        self.bytes_read += size
        if self.account is not None:
            self.account.charge(payload_traffic(size))

    def count_sent(self, traffic: WireTraffic) -> None:
        """Count what is sent over a connection beside what opens and closes it."""
        if self.account is not None:
            self.account.charge(traffic)

    def _reserve(self, account: TrafficAccount, size: int) -> bool:
        worst = self._worst.get(size)
        if worst is None:
            reads = MAX_CONNECTION_READS if size == MAX_CONNECTION_BYTES else MAX_CONNECTION_READS // 8
            worst = self._worst[size] = worst_connection(size, reads, account.longest)
        try:
            return account.reserve(worst)
        except BudgetSpentError as error:
            self.refused += 1
            raise operation_error(Failure.LOCAL, str(error)) from error

    def _spent(self, size: int) -> str:
        if self.max_connections and self.connections >= self.max_connections:
            return "connections"
        return "bytes" if self.max_bytes and self.bytes_read + size > self.max_bytes else ""
