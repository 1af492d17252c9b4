"""Limit the TLS handshakes in progress and the open sockets.

A waiting connection costs a socket: the number of files the system allows is the limit. A handshake costs processor
time: a host that starts more of them than it can finish takes its own lateness for a time-out.
"""

from __future__ import annotations

import asyncio

MAX_HANDSHAKES = 48
"""TLS handshakes in progress. With 48, none of 1,400 healthy ones was taken for dead on a host of a tenth the speed."""

SLOT_SECONDS = 0.3
"""Time after which a handshake without an answer counts as waiting and releases its slot. It is longer than nearly
every round trip on land, and short enough that silent servers delay the others little: 48 / 0.3 s = 160 starts a
second."""

SPARE_FILES = 64
"""Files left for everything else: state, log, terminal, libraries."""


class HandshakeSlot:
    """One slot of the handshakes in progress; released once, at the latest on leaving the `async with`."""

    __slots__ = ("_held", "_slots", "_timer")

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False

    async def __aenter__(self) -> HandshakeSlot:
        await self._slots.acquire()
        self._held = True
        self._timer = asyncio.get_running_loop().call_later(SLOT_SECONDS, self.release)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
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
        self.sockets = asyncio.Semaphore(sockets or max(16, open_files() - SPARE_FILES))
        self._handshakes = asyncio.Semaphore(handshakes)

    def try_socket(self) -> bool:
        """Take one of the open sockets without waiting; return whether there was one, to be released in `sockets`."""
        return take_at_once(self.sockets)

    def handshake_slot(self) -> HandshakeSlot:
        """Return a slot to enter with `async with`."""
        return HandshakeSlot(self._handshakes)


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


def take_at_once(lock: asyncio.Lock | asyncio.Semaphore) -> bool:
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
