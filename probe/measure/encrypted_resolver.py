"""Trusted resolvers: DNS over TLS (RFC 7858) and HTTPS (RFC 8484), on connections kept for the next question.

A handshake a question would cost more than all the rest of a check and would hammer the resolver's network; a resolver
that cannot be reached is tried once, and its failure told to everybody who waited meanwhile.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from probe.errors import UsageError
from probe.measure.certificates import TlsContexts
from probe.measure.dns_stream import DnsStreamConnection
from probe.measure.dns_wire import DnsAnswer, DnsQuestion
from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.handshake_slots import ConcurrencyLimits
from probe.measure.pace import PaceLimiter
from probe.measure.socket_io import open_tcp
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TlsStream
from probe.measure.system_lookup import SystemLookups
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.target import bracketed

MAX_CONNECTIONS = 4
"""Connections to one resolver at most: browsers keep one or two."""
MAX_IDLE_SECONDS = 10.0
"""Seconds after which a resting connection is not used again: no NAT forgets it sooner."""
RETRY_INTERVAL_SECONDS = 10.0
"""Seconds during which the failure to reach a resolver is told on without a new try."""
_MAX_ADDRESSES = 3
"""Addresses of a resolver's name that are tried."""


class DnsConnection(Protocol):
    """A connection over which questions are asked."""

    reusable: bool

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Ask and wait for the answer."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class ResolverUrl:
    """A resolver's URL, taken apart. `path` is empty for DNS over TLS."""

    host: str
    port: int
    path: str


def parse_resolver_url(url: str) -> ResolverUrl:
    """Take `https://host[:port]/path` or `tls://host[:port]` apart.

    Raises:
        UsageError: the URL has neither form.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if host and parts.scheme == "https":
        return ResolverUrl(host, port or 443, (parts.path or "/dns-query") + (f"?{parts.query}" if parts.query else ""))
    if host and parts.scheme == "tls" and parts.path in ("", "/"):
        return ResolverUrl(host, port or 853, "")
    raise UsageError(f"{url!r} is no encrypted resolver", mend="write https://host/dns-query or tls://host:853")


class EncryptedResolver:
    """One trusted resolver. Owns its connections; `close` lets go of them."""

    def __init__(  # what a connection needs, each made once for all
        self,
        url: str,
        seconds: float,
        *,
        contexts: TlsContexts,
        concurrency: ConcurrencyLimits,
        pace: PaceLimiter,
        lookups: SystemLookups,
    ) -> None:
        self._url = parse_resolver_url(url)
        self._seconds = seconds
        self._contexts = contexts
        self._concurrency = concurrency
        self._pace = pace
        self._lookups = lookups
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._opening = asyncio.Lock()
        self._idle: list[tuple[float, DnsConnection]] = []
        self._failed: tuple[float, OperationError] | None = None
        self._addresses: tuple[str, ...] = ()

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Ask over a connection that stands, or a new one.

        Raises:
            OperationError: the resolver could not be reached, or did not answer.
        """
        arrived = asyncio.get_running_loop().time()
        async with self._connections:
            link = self._resting()
            if link is not None:
                try:
                    return await self._over(link, question)
                except OperationError as end:
                    if end.info.failure not in (Failure.RESET, Failure.EOF):
                        raise  # it spoke, or was silent: only a closed connection is opened again
            return await self._over(await self._fresh(arrived), question)

    async def _over(self, link: DnsConnection, question: DnsQuestion) -> DnsAnswer:
        good = False
        try:
            with StepTimeout(self._seconds):
                answer = await link.ask(question)
            good = link.reusable
        except Exception as error:
            raise OperationError(classify(error, Operation.STREAM)) from error
        finally:
            if good:
                self._idle.append((asyncio.get_running_loop().time(), link))
            else:
                link.close()
        return answer

    def _resting(self) -> DnsConnection | None:
        """The connection used last, those too long at rest closed."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, link = self._idle.pop()
            if now - since < MAX_IDLE_SECONDS:
                return link
            link.close()
        return None

    async def _fresh(self, arrived: float) -> DnsConnection:
        """A new connection, one opened at a time; or one that came to rest while we waited."""
        loop = asyncio.get_running_loop()
        async with self._opening:
            link = self._resting()
            if link is not None:
                return link
            if self._failed is not None:
                when, end = self._failed
                if when >= arrived or loop.time() - when < RETRY_INTERVAL_SECONDS:
                    raise operation_error(end.info.failure, end.info.detail)
            try:
                link = await self._open()
            except OperationError as end:
                self._failed = (loop.time(), end)
                raise
            self._failed = None
            return link

    async def _open(self) -> DnsConnection:
        last: OperationError | None = None
        addresses = await self._resolved()
        for address in addresses:
            try:
                stream = await self._connect(address)
            except OperationError as end:
                last = end
                continue
            self._addresses = (address, *(other for other in addresses if other != address))
            if not self._url.path:
                return DnsStreamConnection(stream)
            from probe.measure.doh import DohConnection  # noqa: PLC0415 - h11 only where it is used

            port = "" if self._url.port == 443 else f":{self._url.port}"
            return DohConnection(stream, bracketed(self._url.host) + port, self._url.path)
        raise last or operation_error(Failure.NODATA, "the resolver's name has no address")

    async def _resolved(self) -> tuple[str, ...]:
        if self._addresses:
            return self._addresses
        literal = parse_address(self._url.host)
        if literal is not None:
            return (str(literal),)
        found: list[str] = []
        for rrtype in ("A", "AAAA"):
            try:
                found += await self._lookups.addresses(self._url.host, rrtype, self._seconds)
            except OperationError:
                continue
        if not found:
            raise operation_error(Failure.NXDOMAIN, "the resolver's own name does not resolve")
        return tuple(found[:_MAX_ADDRESSES])

    async def _connect(self, address: str) -> TlsStream:
        async with self._pace.slot(address, exclusive=False):
            sock = await open_tcp(address, self._url.port, self._seconds)
            alpn = ("http/1.1",) if self._url.path else ()
            context = self._contexts.get(verify=True, alpn=alpn)
            stream = TlsStream(sock, context, self._url.host, self._pace.budget)
            try:
                async with self._concurrency.handshake_slot():
                    with StepTimeout(self._seconds):
                        await stream.handshake()
            except BaseException as error:
                stream.close()
                if isinstance(error, Exception):
                    end = classify(error, Operation.STREAM)
                    raise operation_error(end.failure, f"TLS {end.detail}".strip()) from error
                raise
            return stream

    def close(self) -> None:
        """Close what rests; what is under way is closed by those who use it."""
        while self._idle:
            self._idle.pop()[1].close()
