"""Perform the step `Handshake`: a TLS handshake over a new TCP connection; and the handshake alone, for other steps."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from probe.measure import handshake_slots
from probe.measure.certificates import unverified_facts, verified_facts
from probe.measure.connect import OpenedConnection, open_connection
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.handshake_slots import StaleConnectionError
from probe.measure.round_trip import kernel_round_trip
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TlsStream, all_acknowledged
from probe.measure.tls_alerts import NO_APPLICATION_PROTOCOL
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Certificate, TlsHandshake
from probe.model.step import Handshake

if TYPE_CHECKING:
    from probe.measure.connect_at_once import ConnectUnderWay

HTTP_1 = "http/1.1"
HTTP_2 = "h2"
_LEGACY_ALERTS = frozenset({"handshake_failure", "insufficient_security"})
"""Alerts of servers that find no cipher suite or key exchange which they support."""
_REFUSALS = frozenset({Failure.ALERT, Failure.GARBAGE, Failure.CERTIFICATE})
"""Failures that another ClientHello may mend."""
_LEGACY_REASONS = (
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "DH_KEY_TOO_SMALL",
    "WRONG_SIGNATURE_TYPE",
    "EE certificate key too weak",
    "CA certificate key too weak",
)
"""OpenSSL's reasons for refusing a server that browsers accept."""


class ClientHello(msgspec.Struct, frozen=True):
    """Content and destination of a ClientHello.

    Attributes:
        sni: the server name. For an IP literal none is sent (RFC 6066 section 3), but the certificate is verified for
            it.
        verify: a certificate that does not verify ends the handshake.
        alpn: protocols offered, in order.
        legacy: accept what browsers still accept and OpenSSL by itself does not (`TlsContexts.get`).
        boringssl: let BoringSSL perform the handshake where the settings want it and the certificate is verified.
        has_slot: the caller holds the slot of the handshake.
    """

    address: str
    port: int
    sni: str
    verify: bool = True
    alpn: tuple[str, ...] = (HTTP_1,)
    legacy: bool = False
    boringssl: bool = False
    has_slot: bool = False


def more_tolerant(hello: ClientHello, seen: TlsHandshake, alpn: tuple[str, ...]) -> ClientHello | None:
    """Return the ClientHello with which a browser may succeed where this one was refused; None where there is none.

    Most servers need neither, so that the offer is made only after a refusal, and each at most once. Where BoringSSL or
    the server refused, OpenSSL asks again: only its refusal counts (`probe.measure.boringssl`).

    Args:
        hello: the one that was refused.
        seen: how.
        alpn: protocols to offer where the server speaks none of those that were offered.
    """
    if seen.alert == NO_APPLICATION_PROTOCOL and hello.alpn == (HTTP_1,):
        return replace(hello, alpn=alpn)
    if hello.boringssl:
        return replace(hello, boringssl=False) if seen.failure in _REFUSALS else None
    refused = seen.alert in _LEGACY_ALERTS or any(reason in seen.detail for reason in _LEGACY_REASONS)
    if refused and not hello.legacy and seen.failure in _REFUSALS:
        return replace(hello, legacy=True)
    return None


async def handshake(step: Handshake, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, perform the handshake, close; once more where the server needs what browsers still offer."""
    await _shake_hands_from(_first_hello(step), step, tools, timestamps, emit)


async def handshake_over(
    step: Handshake, tools: Tools, timestamps: Timestamps, emit: Emit, connected: ConnectUnderWay
) -> None:
    """Perform the handshake over an established connection, and over another one where the server needs more."""
    hello = _first_hello(step)
    opened = connected.take()
    following: ClientHello | None
    try:
        following = more_tolerant(hello, await _handshake_connected(opened, hello, tools, timestamps, emit), ())
    except StaleConnectionError:
        following = replace(hello, has_slot=True)
    finally:
        connected.release()
    await _shake_hands_from(following, step, tools, timestamps, emit)


async def _shake_hands_from(
    hello: ClientHello | None, step: Handshake, tools: Tools, timestamps: Timestamps, emit: Emit
) -> None:
    while hello is not None:
        try:
            async with in_slot(hello, tools), tools.connection(step.address):
                seen = await _handshake_once(step, hello, tools, timestamps, emit)
        except StaleConnectionError:
            hello = replace(hello, has_slot=True)
        else:
            hello = None if seen is None else more_tolerant(hello, seen, ())


def in_slot(hello: ClientHello, tools: Tools) -> AbstractAsyncContextManager[object]:
    """Hold the slot of the handshake from before the connection, where the one before waited for it for too long."""
    return tools.concurrency.handshake_slot() if hello.has_slot else nullcontext()


async def handshake_in_slot(step: Handshake, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Perform the handshake once, for a caller that holds the slot of the connection."""
    await _handshake_once(step, _first_hello(step), tools, timestamps, emit)


def _first_hello(step: Handshake) -> ClientHello:
    return ClientHello(step.address, step.port, step.sni, step.verify, step.alpn)


async def _handshake_once(
    step: Handshake, hello: ClientHello, tools: Tools, timestamps: Timestamps, emit: Emit
) -> TlsHandshake | None:
    """Connect, perform the handshake, close; return its observation, None where there was no connection."""
    opened = await open_connection(step.address, step.port, tools, timestamps, step.segment)
    if opened.sock is None:
        emit(opened.observation)
        return None
    try:
        emit(opened.observation)
    except BaseException:
        opened.sock.close()
        raise
    return await _handshake_connected(opened, hello, tools, timestamps, emit)


async def _handshake_connected(
    opened: OpenedConnection, hello: ClientHello, tools: Tools, timestamps: Timestamps, emit: Emit
) -> TlsHandshake:
    """Perform the handshake on an established connection, and close it."""
    assert opened.sock is not None  # noqa: S101 - it is established
    stream = None
    try:
        stream, seen = await tls_handshake(opened, hello, tools, timestamps)
        emit(seen)
        return seen
    finally:
        (stream or opened.sock).close()


async def tls_handshake(
    opened: OpenedConnection, hello: ClientHello, tools: Tools, timestamps: Timestamps
) -> tuple[TlsStream | None, TlsHandshake]:
    """Perform a TLS handshake; return the stream, None when it failed, and the observation.

    The caller closes the stream. After a failure the socket is closed.

    Raises:
        StaleConnectionError: it waited for its slot for too long; a new connection is to be made in the slot.
    """
    sock = opened.sock
    assert sock is not None  # noqa: S101 - callers end where no connection was opened
    attempt = _Attempt(sock, opened.established, hello, tools)
    try:
        await attempt.run()
    except StaleConnectionError:
        attempt.close()
        raise
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        acked = all_acknowledged(sock) if failed.failure is Failure.TIMEOUT else None
        attempt.note_end(failed.failure)
        attempt.close()
        if failed.failure is Failure.BUG:
            raise
        if failed.failure is Failure.CERTIFICATE and not tools.contexts.check_authorities():
            failed = FailureInfo(Failure.LOCAL, "this host trusts no certificate authority")
        if failed.failure is Failure.TIMEOUT:
            tools.pace.back_off(hello.address)
        return None, attempt.failure(failed, acked, timestamps)
    except BaseException:
        attempt.close()
        raise
    attempt.note_end(None)
    return attempt.stream, attempt.success(timestamps)


class _Attempt:
    """One TLS handshake on an open connection. Owns the socket until the handshake succeeds.

    Attributes:
        stream: None until a handshake slot is free, since a TLS session takes most of the memory of a waiting target.
    """

    def __init__(self, sock: socket.socket, established: float, hello: ClientHello, tools: Tools) -> None:
        self.stream: TlsStream | None = None
        self._sock = sock
        self._established = established
        self._wait = 0
        self._floor = 0
        self._hello = hello
        self._tools = tools
        self._verify = hello.verify and bool(hello.sni)
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()

    async def run(self) -> None:
        if self._hello.has_slot:
            await self._perform()
            return
        async with self._tools.concurrency.handshake_slot() as slot:
            if slot.waited > handshake_slots.MAX_WAIT_SECONDS:
                raise StaleConnectionError
            await self._perform()

    async def _perform(self) -> None:
        self.stream = self._new_stream()
        self._start = self._loop.time()
        self.stream.timer.start(self._established)
        with StepTimeout(self._tools.timeout):
            await self.stream.handshake()

    def _new_stream(self) -> TlsStream:
        hello, tools = self._hello, self._tools
        if hello.boringssl and self._verify and tools.boringssl is not None:
            return tools.boringssl.stream(self._sock, hello.sni, hello.alpn, tools.pace.budget)
        context = tools.contexts.get(verify=self._verify, alpn=hello.alpn, legacy=hello.legacy)
        return TlsStream(self._sock, context, hello.sni, tools.pace.budget)

    def close(self) -> None:
        (self.stream or self._sock).close()

    def note_end(self, failure: Failure | None) -> None:
        """Read the kernel's round trip and the wait, before the socket is closed and the next wait begins."""
        self._floor = kernel_round_trip(self._sock).lowest
        if self.stream is None:
            return
        if failure not in {None, Failure.TIMEOUT}:
            self.stream.timer.answered()
        self._wait = self.stream.timer.wait
        self.stream.timer.start(self.stream.sent_at)

    def success(self, timestamps: Timestamps) -> TlsHandshake:
        fields = timestamps.fields(self._start, self._loop.time())
        assert self.stream is not None  # noqa: S101 - the handshake ran on it
        tls = self.stream.tls
        return self._observation(
            fields,
            verified=self._verify,
            version=tls.version() or "",
            alpn=tls.selected_alpn_protocol() or "",
            answered=True,
            certificate=_certificate(tls, self._hello.sni, verified=self._verify),
        )

    def failure(self, failed: FailureInfo, acked: bool | None, timestamps: Timestamps) -> TlsHandshake:
        return self._observation(
            timestamps.fields(self._start, self._loop.time()),
            failure=failed.failure,
            detail=failed.detail,
            alert=failed.alert,
            answered=self.stream is not None and self.stream.answered,
            acked=acked,
            certificate=Certificate(error=failed.detail) if failed.failure is Failure.CERTIFICATE else None,
        )

    def _observation(self, fields: dict[str, Any], **facts: Any) -> TlsHandshake:
        hello = self._hello
        return TlsHandshake(
            address=hello.address,
            port=hello.port,
            sni=hello.sni,
            wait=self._wait,
            floor=0 if fields["purpose"] is Purpose.SUBJECT else self._floor,
            **facts,
            **fields,
        )


def _certificate(tls: ssl.SSLObject, sni: str, *, verified: bool) -> Certificate | None:
    der = tls.getpeercert(binary_form=True)
    if not der:
        return None
    return verified_facts(der) if verified else unverified_facts(der, sni, datetime.now(UTC))
