"""The arguments of every step: the shared resources, the timestamps of its observations, and the way to emit them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from probe.lazy import lazy
from probe.measure.chain_memory import ChainMemory
from probe.measure.handshake_slots import MAX_HANDSHAKES, ConcurrencyLimits, Slots
from probe.measure.network_config import ResolverConfig
from probe.measure.network_resolvers import NetworkResolvers
from probe.measure.pace import PaceLimiter
from probe.measure.system_lookup import SystemLookups
from probe.model.hop import StepPosition
from probe.model.observation import Connection, Observation
from probe.model.packets import PacketTrace
from probe.model.step import Step

if TYPE_CHECKING:
    from probe.measure import boringssl as boringssl_tls
    from probe.measure import certificates, encrypted_resolver, own_addresses, syn_scanner
    from probe.measure.boringssl import BoringContexts
    from probe.measure.certificates import TlsContexts
    from probe.measure.encrypted_resolver import EncryptedResolver
    from probe.measure.own_addresses import OwnAddresses
    from probe.measure.syn_scanner import SynScannerClient
else:
    boringssl_tls = lazy("probe.measure.boringssl")
    certificates = lazy("probe.measure.certificates")
    encrypted_resolver = lazy("probe.measure.encrypted_resolver")
    own_addresses = lazy("probe.measure.own_addresses")
    syn_scanner = lazy("probe.measure.syn_scanner")

DEFAULT_TIMEOUT_SECONDS = 10.0
"""Default step time-out: long enough for three SYN retransmissions (1, 2, 4 s: RFC 6298) and an answer."""

MAX_UPLOADS = 2
"""Upload steps at the same time. Each has one request of 4 KiB in flight: an eighth of a second at 512 kbit/s."""

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"
_LAST_LETTERS = "lnrst"
_ENDINGS = (".com", ".com", ".net", ".org")

Emit = Callable[[Observation], None]
"""Called with each observation as soon as it exists."""


class PacketCapture(Protocol):
    """Captures the packets of steps; `probe.measure.watcher.Watcher` does, and is loaded only where it is wanted."""

    async def watch(self, step: Step) -> None:
        """Capture the packets of a step's address, from before its first."""

    async def report(self, seen: Iterable[Observation], since: float, label: str) -> tuple[PacketTrace, ...]:
        """Return what the connections of one measurement showed."""

    async def close(self) -> None:
        """End the capture."""


class Timestamps:
    """Fill in the times and the position of a step's observations.

    Args:
        began: start of the measurement, on the event loop's clock, in seconds.
        position: of the step in its target.
        memory: of the measurement; an empty one when None.

    Attributes:
        memory: cookies and redirects of the measurement that the step belongs to.
    """

    __slots__ = ("_began", "_position", "memory")

    def __init__(self, began: float, position: StepPosition, memory: ChainMemory | None = None) -> None:
        self._began = began
        self._position = position
        self.memory = memory or ChainMemory()

    def fields(self, start: float, end: float) -> dict[str, Any]:
        """Return `at` and `took`, in whole milliseconds, and the position, for a layer from `start` to `end`."""
        position = self._position
        return {
            "at": max(0, int((start - self._began) * 1000)),
            "took": max(0, int((end - start) * 1000)),
            "chain": position.chain,
            "hop": position.hop,
            "attempt": position.attempt,
            "purpose": position.purpose,
        }


class Tools:
    """Resources that all steps share. Use as `async with Tools(...) as tools:`; leaving closes the kept connections.

    Args:
        timeout: step time-out in seconds, for each of TCP, TLS, HTTP and a DNS question.
        pace: limits the rate of connections; one a second to a network when None.
        handshakes: TLS handshakes in progress at the same time.
        sockets: sockets open at the same time; as many as the system allows when 0.
        boringssl: let BoringSSL perform the first handshake with each https page.

    Attributes:
        timeout, pace: as given.
        concurrency: limits of handshakes and sockets.
        boringssl: BoringSSL's contexts; None where it is not wanted.
        lookups: getaddrinfo.
        resolvers: the network's resolvers during this pass.
        localisation_lock: held while one interfering hop is located. Routers send only about one ICMP Time Exceeded a
            second to a host (Linux: `icmp_ratelimit`).
        going: cleared while no new connection may be opened, since the line is looked at without traffic of our own.
        upload_slots: held by each upload step. The uplink of a volunteer is narrow, and congestion that we cause must
            not look like a freeze.
        watcher: captures packets; None where that is not wanted or not possible.
    """

    def __init__(
        self,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        pace: PaceLimiter | None = None,
        *,
        handshakes: int = MAX_HANDSHAKES,
        sockets: int = 0,
        boringssl: bool = False,
    ) -> None:
        self.timeout = timeout
        self.pace = pace or PaceLimiter()
        self._contexts: TlsContexts | None = None
        self.boringssl: BoringContexts | None = boringssl_tls.BoringContexts() if boringssl else None
        self.concurrency = ConcurrencyLimits(handshakes, sockets)
        self.lookups = SystemLookups()
        self._own: frozenset[str] = frozenset()
        self._own_addresses: OwnAddresses | None = None
        self.resolvers = NetworkResolvers()
        self.localisation_lock = asyncio.Lock()
        self.going = asyncio.Event()
        self.going.set()
        self.upload_slots = asyncio.Semaphore(MAX_UPLOADS)
        self.watcher: PacketCapture | None = None
        self._syn_scanner: SynScannerClient | None = None
        self._encrypted: dict[str, EncryptedResolver] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resolvers.cancel()
        if self._syn_scanner is not None:
            await self._syn_scanner.close()
        for resolver in self._encrypted.values():
            resolver.close()
        self._encrypted.clear()

    @property
    def contexts(self) -> TlsContexts:
        """TLS contexts, made with the first step that needs one."""
        if self._contexts is None:
            self._contexts = certificates.TlsContexts()
        return self._contexts

    @property
    def lack_authorities(self) -> bool:
        """Whether a certificate did not verify because this host has no trusted authorities at all."""
        return self._contexts is not None and self._contexts.lack_authorities

    def begin_pass(self, config: ResolverConfig, *, ipv6: bool, own: Iterable[str] = ()) -> None:
        """Begin a new pass over a list, with this host's resolvers as they are now.

        Args:
            config: how the host asks its resolvers.
            ipv6: whether the host has a route for IPv6.
            own: addresses of this host, which no observation may repeat.
        """
        self._own = frozenset(own)
        self._own_addresses = None
        self.resolvers.cancel()
        self.resolvers = NetworkResolvers(config.servers, ipv6=ipv6, seconds=self.timeout)
        self.lookups.patience_seconds = config.patience_seconds

    def without_own_addresses(self, observations: tuple[Observation, ...]) -> tuple[Observation, ...]:
        """Return the observations without addresses of this host, which others repeat in what they answer."""
        if not self._own or all(type(one) is Connection for one in observations):  # a handshake of TCP says no text
            return observations
        if self._own_addresses is None:
            self._own_addresses = own_addresses.OwnAddresses(self._own)
        return self._own_addresses.removed(observations)

    def connection(self, address: str) -> ConnectionSlot:
        """Wait, in `async with`, until a connection to this address may be opened.

        The pace limiter decides, and the limit of sockets.
        """
        return ConnectionSlot(self.going, self.pace, self.concurrency.sockets, address)

    def try_connection(self, address: str) -> bool:
        """Take what `connection` waits for, if that needs no waiting; `leave_connection` gives it back."""
        sockets = self.concurrency.sockets
        if not self.going.is_set() or not sockets.try_acquire():
            return False
        if self.pace.try_slot(address):
            return True
        sockets.release()
        return False

    def leave_connection(self, address: str, seconds: float) -> None:
        """Give back what `try_connection` took so many seconds ago."""
        self.concurrency.sockets.release()
        self.pace.leave_slot(address, exclusive=True, seconds=seconds)

    def syn_scanner(self) -> SynScannerClient:
        """Return the client of the SYN scanner; the same one every time. Its process starts with the first sweep."""
        if self._syn_scanner is None:
            self._syn_scanner = syn_scanner.SynScannerClient()
        return self._syn_scanner

    def encrypted(self, url: str) -> EncryptedResolver:
        """Return the trusted resolver of this URL; the same one every time.

        Raises:
            UsageError: it is not the URL of an encrypted resolver.
        """
        resolver = self._encrypted.get(url)
        if resolver is None:
            resolver = self._encrypted[url] = encrypted_resolver.EncryptedResolver(
                url,
                self.timeout,
                contexts=self.contexts,
                concurrency=self.concurrency,
                pace=self.pace,
                lookups=self.lookups,
                nat64=lambda: self.resolvers.nat64_prefixes,
            )
        return resolver


class ConnectionSlot:
    """Permission to open one connection, to be used in `async with`."""

    __slots__ = ("_address", "_began", "_going", "_pace", "_sockets")

    def __init__(self, going: asyncio.Event, pace: PaceLimiter, sockets: Slots, address: str) -> None:
        self._going = going
        self._pace = pace
        self._sockets = sockets
        self._address = address

    async def __aenter__(self) -> None:
        if not self._going.is_set():
            await self._going.wait()
        await self._pace.enter_slot(self._address, urgent=False, exclusive=True)
        if not self._sockets.try_acquire():
            try:
                await self._sockets.acquire()
            except BaseException:
                self._pace.leave_slot(self._address, exclusive=True, seconds=0.0)
                raise
        self._began = time.monotonic()

    async def __aexit__(self, *_: object) -> None:
        self._sockets.release()
        self._pace.leave_slot(self._address, exclusive=True, seconds=time.monotonic() - self._began)


def random_name() -> str:
    """Return a name that nobody can have on a list: ten to thirteen letters that can be spoken, and a common ending.

    Random letters alone would tell an observer that a program made them up: names of that kind are what malware asks
    for, and are looked for. 10^10 names and more make it unlikely that one of them exists.
    """
    length, last, ending, *octets = os.urandom(15)
    letters = zip(octets[::2], octets[1::2], strict=True)
    syllables = [_CONSONANTS[one % len(_CONSONANTS)] + _VOWELS[two % len(_VOWELS)] for one, two in letters]
    closing = ("", *_LAST_LETTERS)[last % (len(_LAST_LETTERS) + 1)]
    return f"{''.join(syllables[: 5 + length % 2])}{closing}{_ENDINGS[ending % len(_ENDINGS)]}"
