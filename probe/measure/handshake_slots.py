"""How much is at work at once.

Waiting costs a socket and is not limited beyond the files the system allows; work costs the processor and is: a client
that begins more handshakes than it can finish calls its own lateness a time-out.
"""

from __future__ import annotations

import asyncio

MAX_HANDSHAKES = 48
"""TLS handshakes at work at once. With 48, no healthy one of 1,400 was taken for dead on a host of a tenth the
speed."""

SLOT_SECONDS = 0.3
"""Seconds after which a handshake that nobody answered counts as waiting and gives its place to the next: longer than
nearly every round trip on land, short enough that silent servers do not hold the line up (48 / 0.3 s = 160 starts a
second)."""

SPARE_FILES = 64
"""Files left to everything else: state, log, terminal, the libraries."""


class HandshakeSlot:
    """A place among the handshakes at work; given back once, at the latest on leaving the `async with`."""

    __slots__ = ("_held", "_places", "_timer")

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._held = False

    async def __aenter__(self) -> HandshakeSlot:
        await self._places.acquire()
        self._held = True
        self._timer = asyncio.get_running_loop().call_later(SLOT_SECONDS, self.release)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()
        self.release()

    def release(self) -> None:
        """Let the next one begin."""
        if self._held:
            self._held = False
            self._places.release()


class ConcurrencyLimits:
    """Places for handshakes at work, and for sockets.

    Args:
        handshakes: at work at once.
        sockets: open at once; as many as the system lets this process have when 0.
    """

    def __init__(self, handshakes: int = MAX_HANDSHAKES, sockets: int = 0) -> None:
        self.sockets = asyncio.Semaphore(sockets or max(16, open_files() - SPARE_FILES))
        self._handshakes = asyncio.Semaphore(handshakes)

    def handshake_slot(self) -> HandshakeSlot:
        """`async with` a place among the handshakes at work."""
        return HandshakeSlot(self._handshakes)


def open_files() -> int:
    """How many files this process may have open, after raising its own soft limit as far as it may (at most 16,384)."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return 512  # the C library's limit there; sockets are no files of it, but the event loop has bounds too
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft
