"""Limit the TLS handshakes in progress and the open sockets.

A waiting connection costs a socket: the number of files the system allows is the limit. A handshake costs processor
time: a host that starts more of them than it can finish takes its own lateness for a time-out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from probe.measure.step_deadlines import Deadline

MAX_HANDSHAKES = 48
"""TLS handshakes in progress. With 48, none of 1,400 healthy ones was taken for dead on a host of a tenth the speed."""

SLOT_SECONDS = 0.3
"""Time after which a handshake without an answer counts as waiting and releases its slot. It is longer than nearly
every round trip on land, and short enough that silent servers delay the others little: 48 / 0.3 s = 160 starts a
second."""

MAX_QUEUE_SECONDS = 1.5
"""Time for which an established connection may wait for its slot before no further targets are begun."""

MAX_WAIT_SECONDS = 8.0
"""Time after which a connection that waited for its slot is replaced by a new one. Servers close connections on which
nothing comes (some after 10 s, nginx after 60), and the end of such a one would look like a filter's."""

SPARE_FILES = 64
"""Files left for everything else: state, log, terminal, libraries."""


class Slots:
    """So many slots, given out first come, first served. `asyncio.Semaphore` cannot be asked for one without waiting.

    Attributes:
        free: slots that nobody has.
    """

    __slots__ = ("_waiting", "free")

    def __init__(self, count: int) -> None:
        self.free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def try_acquire(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.free <= 0 or self._waiting:
            return False
        self.free -= 1
        return True

    async def acquire(self) -> None:
        """Wait for a slot."""
        if self.try_acquire():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            else:
                with suppress(ValueError):  # `release` has taken it out
                    self._waiting.remove(turn)
            raise

    def release(self) -> None:
        """Give a slot back: to the first that waits, else to whoever comes."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1

    async def __aenter__(self) -> None:
        if not self.try_acquire():
            await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class StaleConnectionError(Exception):
    """A connection waited for its slot for so long that the server may have given it up."""


class HandshakeSlot(Deadline):
    """One slot of the handshakes in progress; released once, at the latest on leaving the `async with`.

    Args:
        slots: of the handshakes.
        queue: the moments at which those that wait began to, in order.

    Attributes:
        waited: for how many seconds.
    """

    __slots__ = ("_held", "_queue", "_slots", "waited")

    def __init__(self, slots: Slots, queue: deque[float]) -> None:
        super().__init__()
        self._slots = slots
        self._queue = queue
        self._held = False
        self.waited = 0.0

    async def __aenter__(self) -> HandshakeSlot:
        if not self._slots.try_acquire():
            await self._wait()
        self._held = True
        self.begin(asyncio.get_running_loop(), SLOT_SECONDS)
        return self

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._queue.append(began)
        try:
            await self._slots.acquire()
        finally:
            self._queue.remove(began)
        self.waited = loop.time() - began

    async def __aexit__(self, *_: object) -> None:
        self.cancel()
        self.release()

    def passed(self, lateness: float) -> None:  # noqa: ARG002 - the shape of every deadline
        """Let the next handshake start while this one still waits."""
        self.release()

    def release(self) -> None:
        """Release the slot; may be called again."""
        if self._held:
            self._held = False
            self._slots.release()


class ConcurrencyLimits:
    """Slots of handshakes and of sockets.

    Args:
        handshakes: in progress at the same time.
        sockets: open at the same time; as many as the system lets this process have when 0.
    """

    def __init__(self, handshakes: int = MAX_HANDSHAKES, sockets: int = 0) -> None:
        self.sockets = Slots(sockets or max(16, open_files() - SPARE_FILES))
        self._handshakes = Slots(handshakes)
        self._queue: deque[float] = deque()

    def handshake_slot(self) -> HandshakeSlot:
        """Return a slot to enter with `async with`."""
        return HandshakeSlot(self._handshakes, self._queue)

    def is_behind(self) -> bool:
        """Whether established connections wait for so long that no further ones are to be opened."""
        return bool(self._queue) and asyncio.get_running_loop().time() - self._queue[0] > MAX_QUEUE_SECONDS


def open_files() -> int:
    """Return how many files this process may have open, after it has raised its soft limit (to at most 16,384)."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 512  # the C library's limit there; sockets do not count against it, but the event loop has bounds, too
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def take_at_once(lock: asyncio.Lock) -> bool:
    """Acquire a lock or a semaphore if that needs no waiting; return whether it is acquired."""
    if lock.locked():
        return False
    acquiring = lock.acquire()
    try:
        acquiring.send(None)
    except StopIteration:  # it did not wait, as the documentation of both says
        return True
    acquiring.close()
    return False
