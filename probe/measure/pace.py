"""How gently we open connections.

PaceLimiter is correctness: from about four to twelve close TLS handshakes on, some networks freeze all new ones to that
destination (net4people/bbs#516, #546), and we would report what we caused ourselves. The limit holds by construction:
whoever opens a connection waits for its turn here, first come first served.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from probe.measure.budget import Budget
from probe.model.address import network_of

MARGIN_SECONDS = 0.05
"""Seconds added to every interval: from our clock to the SYN on the wire it takes now more, now less, and no second on
the wire may see more connections than were promised."""
_MAX_NETWORKS = 1024
"""Destinations remembered before those that are long at rest are forgotten."""


@dataclass(slots=True)
class PaceCounters:
    """What was done, for evidence and metrics.

    Attributes:
        connections: connections that were allowed.
        waited: seconds that they waited altogether.
        longest: seconds that one waited at most.
    """

    connections: int = 0
    waited: float = 0.0
    longest: float = 0.0


@dataclass(slots=True)
class _NetworkQueue:
    """The way into one network.

    Attributes:
        queue: those who are not urgent stand here, so that only one of them stands at the door.
        door: whoever holds it waits for the moment.
        last: when the latest turn was given, in seconds.
    """

    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: float = float("-inf")
    users: int = 0


@dataclass(slots=True)
class _AddressLock:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class PaceLimiter:
    """Connections a second to one destination network, and one at a time to one address.

    Args:
        rate: connections a second to one network; 0 for no limit of either kind (laboratories, one's own network).
        budget: what a round may cost; without limits when None.
        network: the network of an address; the AS where a look-up is at hand, else the /16 or /32 around it.
        monotonic: seconds since an arbitrary moment.
        sleep: waits so many of them.
    """

    def __init__(
        self,
        rate: float = 1.0,
        *,
        budget: Budget | None = None,
        network: Callable[[str], str] = network_of,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rate = rate
        self.counters = PaceCounters()
        self.budget = budget or Budget()
        self._interval = 1 / rate + MARGIN_SECONDS if rate > 0 else 0.0
        self._network = network
        self._monotonic = monotonic
        self._sleep = sleep
        self._networks: dict[str, _NetworkQueue] = {}
        self._addresses: dict[str, _AddressLock] = {}

    @asynccontextmanager
    async def slot(self, address: str, *, urgent: bool = False, exclusive: bool = True) -> AsyncIterator[None]:
        """Open one connection to this address inside.

        Args:
            address: an IP literal.
            urgent: overtakes those who wait for the same network (anchors: what the whole round hangs on).
            exclusive: no other connection to this address until the body is left.

        Raises:
            OperationError: the round's budget is spent.
        """
        async with self._slot(address, urgent=urgent, exclusive=exclusive):
            await self.budget.admit()
            try:
                yield
            finally:
                self.budget.release()

    @asynccontextmanager
    async def _slot(self, address: str, *, urgent: bool, exclusive: bool) -> AsyncIterator[None]:
        if not self._interval:
            self.counters.connections += 1
            yield
            return
        start = self._monotonic()
        if not exclusive:
            await self._enter(address, start, urgent=urgent)
            yield
            return
        own = self._addresses.setdefault(address, _AddressLock())
        own.users += 1
        try:
            async with own.lock:
                await self._enter(address, start, urgent=urgent)
                yield
        finally:
            own.users -= 1
            if not own.users:
                del self._addresses[address]

    def back_off(self, address: str) -> None:
        """A handshake with this address met silence: from now its network is left alone twice as long as usual."""
        gate = self._networks.get(self._network(address)) if self._interval else None
        if gate is not None:
            gate.last = self._monotonic() + self._interval

    async def _enter(self, address: str, start: float, *, urgent: bool) -> None:
        network = self._network(address)
        self._sweep()
        gate = self._networks.setdefault(network, _NetworkQueue())
        gate.users += 1
        try:
            if urgent:
                async with gate.door:
                    await self._moment(gate)
            else:
                async with gate.queue, gate.door:
                    await self._moment(gate)
        finally:
            gate.users -= 1
        waited = self._monotonic() - start
        self.counters.connections += 1
        self.counters.waited += waited
        self.counters.longest = max(self.counters.longest, waited)

    async def _moment(self, gate: _NetworkQueue) -> None:
        """Wait until the network has rested; a sleep that ends early is slept on."""
        while (rest := gate.last + self._interval - self._monotonic()) > 0:
            await self._sleep(rest)
        gate.last = self._monotonic()

    def _sweep(self) -> None:
        if len(self._networks) > _MAX_NETWORKS:
            now = self._monotonic()
            rested = [
                name for name, gate in self._networks.items() if not gate.users and now - gate.last > self._interval
            ]
            for name in rested:
                del self._networks[name]
