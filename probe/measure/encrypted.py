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
from probe.measure.connect import open_tcp
from probe.measure.contexts import Contexts
from probe.measure.dns_stream import FramedLink
from probe.measure.failures import Act, Ended, ended, fault
from probe.measure.handshake_slots import Staging
from probe.measure.lookup import Lookups
from probe.measure.pace import Pace
from probe.measure.step_timeout import Phase
from probe.measure.stream import TlsStream
from probe.measure.wire import Answer, Question
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.target import bracketed

LINKS = 4
"""Connections to one resolver at most: browsers keep one or two."""
IDLE = 10.0
"""Seconds after which a resting connection is not used again: no NAT forgets it sooner."""
HOLD_OFF = 10.0
"""Seconds during which the failure to reach a resolver is told on without a new try."""
_ADDRESSES = 3
"""Addresses of a resolver's name that are tried."""


class Link(Protocol):
    """A connection over which questions are asked."""

    reusable: bool

    async def ask(self, question: Question) -> Answer:
        """Ask and wait for the answer."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Where:
    """A resolver's URL, taken apart. `path` is empty for DNS over TLS."""

    host: str
    port: int
    path: str


def where(url: str) -> Where:
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
        return Where(host, port or 443, (parts.path or "/dns-query") + (f"?{parts.query}" if parts.query else ""))
    if host and parts.scheme == "tls" and parts.path in ("", "/"):
        return Where(host, port or 853, "")
    raise UsageError(f"{url!r} is no encrypted resolver", mend="write https://host/dns-query or tls://host:853")


class EncryptedResolver:
    """One trusted resolver. Owns its connections; `close` lets go of them."""

    def __init__(  # what a connection needs, each made once for all
        self, url: str, seconds: float, *, contexts: Contexts, staging: Staging, pace: Pace, lookups: Lookups
    ) -> None:
        self._where = where(url)
        self._seconds = seconds
        self._contexts = contexts
        self._staging = staging
        self._pace = pace
        self._lookups = lookups
        self._places = asyncio.Semaphore(LINKS)
        self._opening = asyncio.Lock()
        self._idle: list[tuple[float, Link]] = []
        self._failed: tuple[float, Ended] | None = None
        self._addresses: tuple[str, ...] = ()

    async def ask(self, question: Question) -> Answer:
        """Ask over a connection that stands, or a new one.

        Raises:
            Ended: the resolver could not be reached, or did not answer.
        """
        arrived = asyncio.get_running_loop().time()
        async with self._places:
            link = self._resting()
            if link is not None:
                try:
                    return await self._over(link, question)
                except Ended as end:
                    if end.fault.failure not in (Failure.RESET, Failure.EOF):
                        raise  # it spoke, or was silent: only a closed connection is opened again
            return await self._over(await self._fresh(arrived), question)

    async def _over(self, link: Link, question: Question) -> Answer:
        good = False
        try:
            with Phase(self._seconds):
                answer = await link.ask(question)
            good = link.reusable
        except Exception as error:
            raise Ended(fault(error, Act.STREAM)) from error
        finally:
            if good:
                self._idle.append((asyncio.get_running_loop().time(), link))
            else:
                link.close()
        return answer

    def _resting(self) -> Link | None:
        """The connection used last, those too long at rest closed."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, link = self._idle.pop()
            if now - since < IDLE:
                return link
            link.close()
        return None

    async def _fresh(self, arrived: float) -> Link:
        """A new connection, one opened at a time; or one that came to rest while we waited."""
        loop = asyncio.get_running_loop()
        async with self._opening:
            link = self._resting()
            if link is not None:
                return link
            if self._failed is not None:
                when, end = self._failed
                if when >= arrived or loop.time() - when < HOLD_OFF:
                    raise ended(end.fault.failure, end.fault.detail)
            try:
                link = await self._open()
            except Ended as end:
                self._failed = (loop.time(), end)
                raise
            self._failed = None
            return link

    async def _open(self) -> Link:
        last: Ended | None = None
        addresses = await self._resolved()
        for address in addresses:
            try:
                stream = await self._connect(address)
            except Ended as end:
                last = end
                continue
            self._addresses = (address, *(other for other in addresses if other != address))
            if not self._where.path:
                return FramedLink(stream)
            from probe.measure.doh import DohLink  # noqa: PLC0415 - h11 only where it is used

            port = "" if self._where.port == 443 else f":{self._where.port}"
            return DohLink(stream, bracketed(self._where.host) + port, self._where.path)
        raise last or ended(Failure.NODATA, "the resolver's name has no address")

    async def _resolved(self) -> tuple[str, ...]:
        if self._addresses:
            return self._addresses
        literal = parse_address(self._where.host)
        if literal is not None:
            return (str(literal),)
        found: list[str] = []
        for rrtype in ("A", "AAAA"):
            try:
                found += await self._lookups.addresses(self._where.host, rrtype, self._seconds)
            except Ended:
                continue
        if not found:
            raise ended(Failure.NXDOMAIN, "the resolver's own name does not resolve")
        return tuple(found[:_ADDRESSES])

    async def _connect(self, address: str) -> TlsStream:
        async with self._pace.turn(address, alone=False):
            sock = await open_tcp(address, self._where.port, self._seconds)
            alpn = ("http/1.1",) if self._where.path else ()
            context = self._contexts.get(verify=True, alpn=alpn)
            stream = TlsStream(sock, context, self._where.host, self._pace.budget)
            try:
                async with self._staging.handshake():
                    with Phase(self._seconds):
                        await stream.handshake()
            except BaseException as error:
                stream.close()
                if isinstance(error, Exception):
                    end = fault(error, Act.STREAM)
                    raise ended(end.failure, f"TLS {end.detail}".strip()) from error
                raise
            return stream

    def close(self) -> None:
        """Close what rests; what is under way is closed by those who use it."""
        while self._idle:
            self._idle.pop()[1].close()
