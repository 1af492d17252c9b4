"""What steps need and what is made once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from probe.measure.certificates import TlsContexts
from probe.measure.encrypted_resolver import EncryptedResolver
from probe.measure.handshake_slots import ConcurrencyLimits
from probe.measure.pace import PaceLimiter
from probe.measure.system_lookup import SystemLookups
from probe.model.hop import StepPosition
from probe.model.observation import Observation

if TYPE_CHECKING:
    from probe.measure.watcher import Watcher

DEFAULT_TIMEOUT_SECONDS = 10.0
"""Seconds a phase may last unless told otherwise: three SYN retransmissions (1, 2, 4 s: RFC 6298) and an answer."""

_MAX_UPLOADS = 2
"""Who may send 64 KiB at once: one request of 4 KiB each is under way, an eighth of a second at 512 kbit/s."""


class Tools:
    """Use as `async with Tools(...) as tools:`; leaving closes the connections to the trusted resolvers.

    Args:
        timeout: seconds that any single phase (TCP, TLS, HTTP, a DNS question) may last.
        pace: how gently connections are opened; one a second to a network when None.
        handshakes: TLS handshakes at work at once.
        sockets: sockets open at once; as many as the system allows when 0.

    Attributes:
        timeout, pace: as given.
        contexts: TLS contexts.
        concurrency: how much is at work at once.
        lookups: getaddrinfo.
        search: held by the one search for a place on the path that is under way: routers say only about once a second
            to one host that a packet ran out of them (Linux: `icmp_ratelimit`).
        sending: held by each of the few who send much at once: a volunteer's line upwards is narrow, and what we fill
            ourselves we must not call frozen.
        watcher: captures packets; None where that is not asked for or not possible.
    """

    def __init__(
        self,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        pace: PaceLimiter | None = None,
        *,
        handshakes: int = 48,
        sockets: int = 0,
    ) -> None:
        self.timeout = timeout
        self.pace = pace or PaceLimiter()
        self.contexts = TlsContexts()
        self.concurrency = ConcurrencyLimits(handshakes, sockets)
        self.lookups = SystemLookups()
        self.localisation_lock = asyncio.Lock()
        self.upload_slots = asyncio.Semaphore(_MAX_UPLOADS)
        self.watcher: Watcher | None = None
        self._encrypted: dict[str, EncryptedResolver] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for resolver in self._encrypted.values():
            resolver.close()
        self._encrypted.clear()

    @asynccontextmanager
    async def connection(self, address: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """The right to one connection to this address, by pace and by the files at hand."""
        async with self.pace.slot(address, urgent=urgent), self.concurrency.sockets:
            yield

    def encrypted(self, url: str) -> EncryptedResolver:
        """The trusted resolver of this URL.

        Raises:
            UsageError: the URL is none of an encrypted resolver.
        """
        resolver = self._encrypted.get(url)
        if resolver is None:
            resolver = self._encrypted[url] = EncryptedResolver(
                url,
                self.timeout,
                contexts=self.contexts,
                concurrency=self.concurrency,
                pace=self.pace,
                lookups=self.lookups,
            )
        return resolver


Emit = Callable[[Observation], None]
"""Called with each observation as soon as it exists."""


class Timestamps:
    """Gives observations of one step their place and their times.

    Args:
        began: when the measurement began, on the event loop's clock, in seconds.
        position: the step's.
    """

    __slots__ = ("_began", "_place")

    def __init__(self, began: float, position: StepPosition) -> None:
        self._began = began
        self._place = position

    def fields(self, start: float, end: float) -> dict[str, Any]:
        """`at`, `took` (whole milliseconds) and the place, of a layer that lasted from `start` to `end`."""
        position = self._place
        return {
            "at": max(0, int((start - self._began) * 1000)),
            "took": max(0, int((end - start) * 1000)),
            "chain": position.chain,
            "hop": position.hop,
            "attempt": position.attempt,
            "purpose": position.purpose,
        }
