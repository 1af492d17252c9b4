"""Limit the rate of connections to one network, and their number to one address.

The pace decides whether a measurement is right: from about four to twelve close TLS handshakes on, some networks freeze
all new ones to that destination (net4people/bbs#516, #546), and the program would report blocks that it caused. Every
connection waits here for its slot, first come, first served.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from probe.measure.budget import Budget
from probe.measure.failures import OperationError
from probe.measure.handshake_slots import take_at_once
from probe.model.address import network_of

MARGIN_SECONDS = 0.05
"""Added to every interval: the delay from our clock to the SYN on the wire varies, and no second on the wire may have
more connections than promised."""
_MAX_NETWORKS = 1024
"""Networks remembered before those not used recently are forgotten."""


class PaceCounters(msgspec.Struct):
    """Totals for evidence and metrics.

    Attributes:
        connections: that were allowed.
        waited: seconds that all of them waited together.
        longest: seconds of the longest wait.
    """

    connections: int = 0
    waited: float = 0.0
    longest: float = 0.0


class _NetworkQueue(msgspec.Struct):
    """The queue of connections to one network.

    Attributes:
        ordinary: held by the first connection that is not urgent, so that only one of them competes for `first`.
        first: held by the connection whose slot is next.
        last: time of the latest slot, in seconds.
        users: connections that wait.
    """

    ordinary: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    first: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    last: float = float("-inf")
    users: int = 0


class _AddressLock(msgspec.Struct):
    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    users: int = 0


class PaceLimiter:
    """Allow so many connections a second to one network, and one at a time to one address.

    Args:
        rate: connections a second to one network; 0 for no limit of either kind (laboratories, one's own network).
        budget: of the round; without limits when None.
        network: returns the network of an address: its AS where that is known, else its /16 or /32.
        monotonic: seconds since an arbitrary moment.
        sleep: waits so many seconds.
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

    @property
    def waiting(self) -> int:
        """How many connections wait for their slot now."""
        return sum(queue.users for queue in self._networks.values())

    @property
    def unlimited(self) -> bool:
        """Whether any number of connections may be opened at once: there is neither a rate nor a budget."""
        budget = self.budget
        return not (self._interval or budget.max_connections or budget.max_bytes or budget.account is not None)

    def count(self, connections: int) -> None:
        """Count connections that nothing limits (`unlimited`)."""
        self.counters.connections += connections
        self.budget.connections += connections

    def slot(self, address: str, *, urgent: bool = False, exclusive: bool = True) -> PaceSlot:
        """Wait, in `async with`, until one connection to this address may be opened; open it in the body.

        Args:
            address: an IP literal.
            urgent: go before those that wait for the same network. For anchors: the whole round waits for them.
            exclusive: allow no other connection to this address until the body ends.

        Raises:
            OperationError: the round's budget is spent.
        """
        return PaceSlot(self, address, urgent=urgent, exclusive=exclusive)

    async def enter_slot(self, address: str, *, urgent: bool, exclusive: bool) -> None:
        """Begin a slot; `leave` ends it. Called by `PaceSlot`."""
        if not self._interval:
            self.counters.connections += 1
        else:
            await self._enter_paced(address, urgent=urgent, exclusive=exclusive)
        try:
            if not self.budget.try_admit():
                await self.budget.admit()
        except BaseException:
            self._leave_address(address, exclusive=exclusive)
            raise

    def try_slot(self, address: str) -> bool:
        """Begin the slot of one connection without waiting, the round's budget included; `leave_slot` ends it."""
        if not self.budget.has_room(1) or self.try_enter(address) > 0:
            return False
        try:
            admitted = self.budget.try_admit()
        except OperationError:
            admitted = False  # raised again where it is waited for
        if not admitted:
            self.counters.connections -= 1
            self._leave_address(address, exclusive=True)
        return admitted

    def leave_slot(self, address: str, *, exclusive: bool, seconds: float) -> None:
        """End a slot that was held for so long."""
        self.budget.release(seconds=seconds)
        self._leave_address(address, exclusive=exclusive)

    def try_enter(self, address: str) -> float:
        """Take the slot of one connection without waiting; return 0, or the seconds after which to try again.

        Connections that wait in `slot` go first. After a 0 the caller opens the connection at once, and calls `leave`
        when it is closed. The round's budget is the caller's to ask.

        Args:
            address: an IP literal.
        """
        if not self._interval:
            self.counters.connections += 1
            return 0.0
        now = self._monotonic()
        self._forget_unused()
        queue = self._networks.setdefault(self._network(address), _NetworkQueue())
        rest = max(0.0, queue.last + self._interval - now)
        if queue.users or address in self._addresses:
            return rest + self._interval
        if rest > 0:
            return rest
        queue.last = now
        own = self._addresses[address] = _AddressLock(users=1)
        take_at_once(own.lock)
        self.counters.connections += 1
        return 0.0

    def leave(self, address: str) -> None:
        """Let others connect to this address: the connection that `try_enter` allowed is closed."""
        own = self._addresses.get(address)
        if own is None:
            return  # there is no limit
        own.lock.release()
        own.users -= 1
        if not own.users:
            del self._addresses[address]

    def network(self, address: str) -> str:
        """The network of an address, whose connections are spaced."""
        return self._network(address)

    def back_off(self, address: str) -> None:
        """Wait twice as long before the next connection to this address's network: a handshake there timed out."""
        queue = self._networks.get(self._network(address)) if self._interval else None
        if queue is not None:
            queue.last = self._monotonic() + self._interval

    async def _enter_paced(self, address: str, *, urgent: bool, exclusive: bool) -> None:
        start = self._monotonic()
        if not exclusive:
            await self._enter(address, start, urgent=urgent)
            return
        own = self._addresses.setdefault(address, _AddressLock())
        own.users += 1
        try:
            await own.lock.acquire()
            try:
                await self._enter(address, start, urgent=urgent)
            except BaseException:
                own.lock.release()
                raise
        except BaseException:
            self._forget_address(address, own)
            raise

    def _leave_address(self, address: str, *, exclusive: bool) -> None:
        if self._interval and exclusive:
            own = self._addresses[address]
            own.lock.release()
            self._forget_address(address, own)

    def _forget_address(self, address: str, own: _AddressLock) -> None:
        own.users -= 1
        if not own.users:
            del self._addresses[address]

    async def _enter(self, address: str, start: float, *, urgent: bool) -> None:
        network = self._network(address)
        self._forget_unused()
        queue = self._networks.setdefault(network, _NetworkQueue())
        queue.users += 1
        try:
            if urgent:
                async with queue.first:
                    await self._wait_for_interval(queue)
            else:
                async with queue.ordinary, queue.first:
                    await self._wait_for_interval(queue)
        finally:
            queue.users -= 1
        waited = self._monotonic() - start
        self.counters.connections += 1
        self.counters.waited += waited
        self.counters.longest = max(self.counters.longest, waited)

    async def _wait_for_interval(self, queue: _NetworkQueue) -> None:
        """Wait until the interval after the latest slot has passed, also when a sleep ends early."""
        while (rest := queue.last + self._interval - self._monotonic()) > 0:
            await self._sleep(rest)
        queue.last = self._monotonic()

    def _forget_unused(self) -> None:
        if len(self._networks) > _MAX_NETWORKS:
            now = self._monotonic()
            unused = [
                name for name, queue in self._networks.items() if not queue.users and now - queue.last > self._interval
            ]
            for name in unused:
                del self._networks[name]


class PaceSlot:
    """The slot of one connection, to be used in `async with`.

    Args:
        pace: whose slot it is.
        address, urgent, exclusive: as in `PaceLimiter.slot`.
    """

    __slots__ = ("_address", "_began", "_exclusive", "_pace", "_urgent")

    def __init__(self, pace: PaceLimiter, address: str, *, urgent: bool, exclusive: bool) -> None:
        self._pace = pace
        self._address = address
        self._urgent = urgent
        self._exclusive = exclusive

    async def __aenter__(self) -> None:
        await self._pace.enter_slot(self._address, urgent=self._urgent, exclusive=self._exclusive)
        self._began = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._began
        self._pace.leave_slot(self._address, exclusive=self._exclusive, seconds=seconds)
