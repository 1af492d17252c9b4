"""TLS: a handshake on a connection that stands, and what it showed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from probe.measure import connect
from probe.measure.certificates import unverified_facts, verified_facts
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TlsStream, all_acknowledged
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Certificate, TlsHandshake
from probe.model.step import Handshake


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What is said in a ClientHello, and to whom.

    Attributes:
        sni: the server name; for an IP literal none is sent (RFC 6066 section 3), but the certificate is verified for
        it.
        verify: whether a certificate that does not verify ends the handshake.
        alpn: protocols offered, in order.
    """

    address: str
    port: int
    sni: str
    verify: bool = True
    alpn: tuple[str, ...] = ("http/1.1",)


async def tls_handshake(
    sock: socket.socket, hello: ClientHello, tools: Tools, timestamps: Timestamps
) -> tuple[TlsStream | None, TlsHandshake]:
    """Shake hands; the stream is the caller's to close, None (and the socket closed) when there is none."""
    loop = asyncio.get_running_loop()
    verify = hello.verify and bool(hello.sni)
    stream: TlsStream | None = None
    failed: FailureInfo | None = None
    acked = None
    start = loop.time()
    try:
        async with tools.concurrency.handshake_slot():
            # Made here and not before: a TLS session takes more memory than everything else of a target that waits.
            context = tools.contexts.get(verify=verify, alpn=hello.alpn)
            stream = TlsStream(sock, context, hello.sni, tools.pace.budget)
            start = loop.time()
            with StepTimeout(tools.timeout):
                await stream.handshake()
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        if failed.failure is Failure.TIMEOUT:
            acked = all_acknowledged(sock)
            tools.pace.back_off(hello.address)
        (stream or sock).close()
        if failed.failure is Failure.BUG:
            raise
    except BaseException:
        (stream or sock).close()
        raise
    fields = timestamps.fields(start, loop.time())
    answered = stream is not None and stream.answered
    if failed is None and stream is not None:
        return stream, _succeeded(hello, stream.tls, verify=verify, fields=fields)
    shown = Certificate(error=failed.detail) if failed and failed.failure is Failure.CERTIFICATE else None
    return None, TlsHandshake(
        address=hello.address,
        port=hello.port,
        sni=hello.sni,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        alert=failed.alert if failed else "",
        answered=answered,
        acked=acked,
        certificate=shown,
        **fields,
    )


def _succeeded(hello: ClientHello, tls: ssl.SSLObject, *, verify: bool, fields: dict[str, object]) -> TlsHandshake:
    if verify:
        certificate = verified_facts(tls)
    else:
        der = tls.getpeercert(binary_form=True)
        certificate = unverified_facts(der, hello.sni, datetime.now(UTC)) if der else None
    return TlsHandshake(
        address=hello.address,
        port=hello.port,
        sni=hello.sni,
        verified=verify,
        version=tls.version() or "",
        alpn=tls.selected_alpn_protocol() or "",
        answered=True,
        certificate=certificate,
        **fields,  # type: ignore[arg-type]
    )


async def handshake(step: Handshake, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, shake hands, close."""
    async with tools.connection(step.address):
        sock, seen = await connect.open_connection(step.address, step.port, tools, timestamps, step.segment)
        if sock is None:
            emit(seen)
            return
        stream = None
        try:
            emit(seen)
            hello = ClientHello(step.address, step.port, step.sni, step.verify, step.alpn)
            stream, shaken = await tls_handshake(sock, hello, tools, timestamps)
            emit(shaken)
        finally:
            (stream or sock).close()
