"""Let glances connect when the pace limiter, the round's budget and the limit of sockets allow it; no task waits.

Glances that must wait are asked again on every tick of the deadlines. Full looks that wait for the same network or
socket go first: their queues are not looked into, only whether there is something free.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Set
from typing import Protocol

from probe.measure.failures import OperationError
from probe.measure.tools import Tools

MAX_GLANCE_BYTES = 65_536
"""Bytes that the connection of one glance reads at most; reserved from the round's budget."""
_STARVED = float("inf")
"""In place of a time to wait: until there is a socket, or until the budget has room."""
MAX_WAITING = 1024
"""Glances that wait for their connection before no new ones are begun."""


class WaitingGlance(Protocol):
    """A glance that wants to connect to its address."""

    address: str

    def connect(self) -> None:
        """Open the connection now."""

    def refused(self, error: OperationError) -> None:
        """Take in that the round's budget is spent."""

    def drop(self) -> None:
        """End without a result."""


class Admission:
    """The glances that wait for their connection.

    Args:
        tools: with the limits.
        clock: seconds since an arbitrary moment.

    Attributes:
        waiting: number of glances that wait.
    """

    def __init__(self, tools: Tools, clock: Callable[[], float]) -> None:
        self.waiting = 0
        self._tools = tools
        self._clock = clock
        self._queues: dict[str, deque[WaitingGlance]] = {}
        """Network -> glances in their order; one queue, under an empty text, where there is no limit of the pace."""
        self._moments: list[tuple[float, str]] = []
        """A heap: when to try the first glance of a queue again."""
        self._starved: list[str] = []
        """Queues that wait for a socket or for the budget."""
        self._freed = False

    @property
    def has_room(self) -> bool:
        """Whether one more glance may be begun that will connect."""
        return self.waiting < MAX_WAITING

    def enter(self, glance: WaitingGlance) -> None:
        """Have the glance connect as soon as it may, perhaps now."""
        key = self._tools.pace.network(glance.address) if self._tools.pace.rate > 0 else ""
        queue = self._queues.get(key)
        if queue is not None:
            queue.append(glance)
            self.waiting += 1
        elif wait := self._try(glance):
            self._queues[key] = deque((glance,))
            self.waiting += 1
            self._try_again(key, wait)

    def leave(self, address: str, seconds: float = 0.0) -> None:
        """Release what the connection of a glance to this address held, which was open for so long."""
        self._tools.pace.leave(address)
        self._tools.pace.budget.release(MAX_GLANCE_BYTES, seconds)
        self._tools.concurrency.sockets.release()
        self._freed = True

    def admit_freed(self) -> None:
        """Have those connect for whom a glance has left a socket or bytes."""
        if self._freed and self._starved:
            self._admit_starved()

    def admit_waiting(self) -> None:
        """Have those connect that waited and may now; full looks leave sockets, too."""
        self._admit_starved()
        now = self._clock()
        while self._moments and self._moments[0][0] <= now:
            self._admit_queue(heapq.heappop(self._moments)[1])

    def drop(self, unwanted: Set[WaitingGlance]) -> list[WaitingGlance]:
        """Take glances that nobody wants any more out of the queues; return those that were in one."""
        dropped = [glance for queue in self._queues.values() for glance in queue if glance in unwanted]
        for key, queue in self._queues.items():
            self._queues[key] = deque(glance for glance in queue if glance not in unwanted)
        self.waiting -= len(dropped)
        return dropped

    def _admit_starved(self) -> None:
        self._freed = False
        starved, self._starved = self._starved, []
        for key in starved:
            self._admit_queue(key)

    def _admit_queue(self, key: str) -> None:
        queue = self._queues[key]
        while queue:
            if wait := self._try(queue[0]):
                queue.rotate(-1)  # another address of the network may be free
                self._try_again(key, wait)
                return
            queue.popleft()
            self.waiting -= 1
        del self._queues[key]

    def _try_again(self, key: str, wait: float) -> None:
        if wait == _STARVED:
            self._starved.append(key)
        else:
            heapq.heappush(self._moments, (self._clock() + wait, key))

    def _try(self, glance: WaitingGlance) -> float:
        """Have the glance connect, or be refused, and return 0; else return the seconds after which to try again."""
        if not self._tools.concurrency.sockets.try_acquire():
            return _STARVED
        if wait := self._tools.pace.try_enter(glance.address):
            self._tools.concurrency.sockets.release()
            return wait
        try:
            admitted = self._tools.pace.budget.try_admit(MAX_GLANCE_BYTES)
        except OperationError as error:
            self._give_back(glance)
            glance.refused(error)
            return 0.0
        if not admitted:
            self._give_back(glance)
            return _STARVED
        glance.connect()
        return 0.0

    def _give_back(self, glance: WaitingGlance) -> None:
        self._tools.pace.leave(glance.address)
        self._tools.concurrency.sockets.release()
