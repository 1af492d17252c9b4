"""Ask trusted resolvers over TLS (RFC 7858) or HTTPS (RFC 8484), on connections that are kept for the next question.

One handshake per question would cost more than the rest of a check and would burden the resolver's network. A resolver
that does not answer is not asked again for `RETRY_INTERVAL_SECONDS` (a circuit breaker): it would otherwise cost every
target of a list a time-out and a handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from probe.errors import UsageError
from probe.measure.certificates import TlsContexts
from probe.measure.dns_stream import DnsStreamConnection
from probe.measure.dns_wire import DnsAnswer, DnsQuestion, dns_question
from probe.measure.failures import FailureInfo, Operation, OperationError, classify, operation_error
from probe.measure.handshake_slots import ConcurrencyLimits
from probe.measure.pace import PaceLimiter
from probe.measure.socket_io import open_tcp
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TlsStream
from probe.measure.system_lookup import SystemLookups
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.nat64 import synthesised
from probe.model.target import bracketed
from probe.traffic_account import ENCRYPTED_QUERY_TRAFFIC, demand

MAX_CONNECTIONS = 4
"""Connections to one resolver: browsers keep one or two."""
MAX_IDLE_SECONDS = 10.0
"""Age at which an idle connection is closed instead of used: no NAT forgets a connection sooner."""
RETRY_INTERVAL_SECONDS = 60.0
"""Time after a failure during which the resolver is not asked."""
MAX_FAILURES = 2
"""Questions in a row that fail before a resolver that has answered is taken to be down: one may be about a name that
the resolver itself cannot find out about in time."""
COMPARED_NAME = "example.com"
"""A name that exists (RFC 2606) and that no filter has."""
_MAX_ADDRESSES = 3
"""Addresses of a resolver's name that are tried."""


class DnsConnection(Protocol):
    """A connection over which questions are asked."""

    @property
    def reusable(self) -> bool:
        """Whether another question may follow."""

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Send the question and wait for its answer."""

    def close(self) -> None:
        """Close the connection."""


class ResolverUrl(msgspec.Struct, frozen=True):
    """The parts of a resolver's URL. `path` is empty for DNS over TLS."""

    host: str
    port: int
    path: str

    @property
    def name(self) -> str:
        """The host as the server knows it: a zone has no meaning outside this host (RFC 6874 section 4)."""
        return self.host.partition("%")[0]


def parse_resolver_url(url: str) -> ResolverUrl:
    """Parse `https://host[:port]/path` or `tls://host[:port]`.

    Raises:
        UsageError: the URL has neither form.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").replace("%25", "%"), parts.port  # RFC 6874 writes a zone so
    except ValueError:
        host, port = "", None
        parts = urlsplit("")
    if host and parts.scheme == "https":
        return ResolverUrl(host, port or 443, (parts.path or "/dns-query") + (f"?{parts.query}" if parts.query else ""))
    if host and parts.scheme == "tls" and parts.path in ("", "/"):
        return ResolverUrl(host, port or 853, "")
    raise UsageError(f"{url!r} is no encrypted resolver", mend="write https://host/dns-query or tls://host:853")


class _Outage(msgspec.Struct, frozen=True):
    """The failure after which a resolver is not asked for a while.

    Attributes:
        at: when, on the monotonic clock.
        connected: the connection was open; the question failed.
    """

    at: float
    info: FailureInfo
    connected: bool


class EncryptedResolver:
    """One trusted resolver and its connections; `close` closes them.

    Until it has answered, one question at a time tries the resolver and the others wait for the result.

    Args:
        url: as in `parse_resolver_url`.
        seconds: step time-out of TCP, TLS and a question.
        contexts, concurrency, pace, lookups: shared by all steps.
        nat64: returns the network's NAT64 prefixes; an IPv4 address that this host has no route for is reached by them.
        monotonic: seconds of the monotonic clock; the event loop's when None.
    """

    def __init__(
        self,
        url: str,
        seconds: float,
        *,
        contexts: TlsContexts,
        concurrency: ConcurrencyLimits,
        pace: PaceLimiter,
        lookups: SystemLookups,
        nat64: Callable[[], tuple[str, ...]] = tuple,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._url = parse_resolver_url(url)
        self._seconds = seconds
        self._contexts = contexts
        self._concurrency = concurrency
        self._pace = pace
        self._lookups = lookups
        self._nat64 = nat64
        self._now = monotonic or asyncio.get_running_loop().time
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._trial = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._idle: list[tuple[float, DnsConnection]] = []
        self._addresses: tuple[str, ...] = ()
        self._answers = False
        self._recurses = False
        """Whether it ever set RA."""
        self._compared = False
        self._comparison = asyncio.Lock()
        self._failures = 0
        self._outage: _Outage | None = None

    async def ask(self, question: DnsQuestion) -> DnsAnswer:
        """Ask over an open connection or a new one.

        Raises:
            OperationError: the resolver could not be reached or did not answer. `Failure.LOCAL` when it was not asked,
                because it failed before.
        """
        answer = await self._admitted(question)
        if answer.recursion is not False:
            return answer
        return answer if await self._sets_recursion() else replace(answer, recursion=None)

    async def _sets_recursion(self) -> bool:
        """Whether the resolver sets RA in other answers: one that never does says nothing of a name by leaving it out.

        Asked at most once, for a name that nobody filters, when an answer came without.
        """
        async with self._comparison:
            if not self._recurses and not self._compared:
                self._compared = True
                with suppress(OperationError):
                    await self._admitted(dns_question(COMPARED_NAME, "A"))
        return self._recurses

    async def _admitted(self, question: DnsQuestion) -> DnsAnswer:
        arrived = self._now()
        self._check_outage(arrived)
        async with self._connections:
            if not self._answers:
                async with self._trial:
                    self._check_outage(arrived, trial=True)
                    if not self._answers:
                        return await self._ask(question, arrived)
            return await self._ask(question, arrived)

    def close(self) -> None:
        """Close the idle connections; those in use are closed by the questions that use them."""
        while self._idle:
            self._idle.pop()[1].close()

    def _check_outage(self, arrived: float, *, trial: bool = False) -> None:
        """Raise OperationError for a question that arrived at this time while the resolver is taken to be down.

        A question that waited for a connection shares the failure to open it. Every other one is not asked.
        """
        outage = self._outage
        if outage is None:
            return
        if outage.at >= arrived and not outage.connected:
            raise OperationError(outage.info)
        tried = self._trial.locked() and not trial
        if tried or outage.at >= arrived or self._now() - outage.at < RETRY_INTERVAL_SECONDS:
            raise operation_error(Failure.LOCAL, f"not asked: the resolver failed before ({outage.info.failure})")

    async def _ask(self, question: DnsQuestion, arrived: float) -> DnsAnswer:
        while True:
            connection = self._take_idle()
            kept = connection is not None
            if connection is None:
                connection, kept = await self._connect_or_wait(arrived)
            try:
                return await self._ask_over(connection, question)
            except OperationError as error:
                if kept and error.info.failure in (Failure.RESET, Failure.EOF):
                    continue  # the server closed the connection while it was idle
                self._count_failure(error.info)
                raise

    async def _ask_over(self, connection: DnsConnection, question: DnsQuestion) -> DnsAnswer:
        reusable = False
        try:
            demand(ENCRYPTED_QUERY_TRAFFIC)
            with StepTimeout(self._seconds):
                answer = await connection.ask(question)
            reusable = connection.reusable
        except Exception as error:
            raise OperationError(classify(error, Operation.STREAM)) from error
        finally:
            if reusable:
                self._idle.append((self._now(), connection))
            else:
                connection.close()
        self._answers = True
        self._failures = 0
        self._outage = None
        self._recurses = self._recurses or bool(answer.recursion)
        return answer

    def _count_failure(self, info: FailureInfo) -> None:
        """Count a question that failed; a resolver that has never answered is down after one."""
        self._failures += 1
        if not self._answers or self._failures >= MAX_FAILURES:
            self._take_down(info, connected=True)

    def _take_down(self, info: FailureInfo, *, connected: bool) -> None:
        if info.failure is not Failure.LOCAL:  # a spent budget or no free file says nothing about the resolver
            self._outage = _Outage(self._now(), info, connected)
            self._answers = False

    def _take_idle(self) -> DnsConnection | None:
        """Return the connection used last; close those that were idle for too long."""
        now = self._now()
        while self._idle:
            since, connection = self._idle.pop()
            if now - since < MAX_IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect_or_wait(self, arrived: float) -> tuple[DnsConnection, bool]:
        """Return a new connection, or one that became idle while another was opened, and whether it was idle."""
        async with self._opening:
            connection = self._take_idle()
            if connection is not None:
                return connection, True
            self._check_outage(arrived, trial=True)
            try:
                return await self._open(), False
            except OperationError as error:
                self._take_down(error.info, connected=False)
                raise

    async def _open(self) -> DnsConnection:
        last: OperationError | None = None
        addresses = await self._resolve()
        through_gateway = (
            synthesised(address, prefix) for prefix in self._nat64() for address in addresses if ":" not in address
        )
        for address in (*addresses, *through_gateway):
            if address not in addresses and (last is None or last.info.failure is not Failure.NO_ROUTE):
                break
            try:
                stream = await self._connect(address)
            except OperationError as error:
                last = error
                continue
            self._addresses = (address, *(other for other in addresses if other != address))
            if not self._url.path:
                return DnsStreamConnection(stream)
            from probe.measure.doh import DohConnection  # noqa: PLC0415 - loads h11 only where it is used

            port = "" if self._url.port == 443 else f":{self._url.port}"
            return DohConnection(stream, bracketed(self._url.name) + port, self._url.path)
        assert last is not None  # noqa: S101 - there is at least one address
        raise last

    async def _resolve(self) -> tuple[str, ...]:
        """Return the resolver's addresses.

        A name that is not found is a fault of this host's configuration (`LOCAL`). NXDOMAIN here would read as the
        trusted resolver's own answer about the target.
        """
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
            raise operation_error(Failure.LOCAL, "not asked: the resolver's own name was not found")
        return tuple(found[:_MAX_ADDRESSES])

    async def _connect(self, address: str) -> TlsStream:
        async with self._pace.slot(address, exclusive=False):
            sock = await open_tcp(address, self._url.port, self._seconds)
            alpn = ("http/1.1",) if self._url.path else ()
            context = self._contexts.get(verify=True, alpn=alpn)
            stream = TlsStream(sock, context, self._url.name, self._pace.budget)
            try:
                async with self._concurrency.handshake_slot():
                    with StepTimeout(self._seconds):
                        await stream.handshake()
            except BaseException as error:
                stream.close()
                if isinstance(error, Exception):
                    info = classify(error, Operation.STREAM)
                    raise operation_error(info.failure, f"TLS {info.detail}".strip()) from error
                raise
            return stream
