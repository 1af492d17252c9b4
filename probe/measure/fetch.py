"""The whole of one URL at one address: TCP, TLS where https, one GET, in one connection; redirects are not followed."""

from __future__ import annotations

import asyncio
import hashlib
from urllib.parse import SplitResult, urlsplit

from probe.measure import connect, html_facts, page_sample
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.handshake import ClientHello, tls_handshake
from probe.measure.http_get import HttpResponse, get
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TcpStream, TlsStream
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Purpose
from probe.model.observation import Exchange
from probe.model.step import Fetch
from probe.model.target import DEFAULT_PORTS, bracketed


async def fetch(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, TLS, GET; an observation a layer, up to the first that failed."""
    async with tools.connection(step.address):
        await fetch_in_slot(step, tools, timestamps, emit)


async def fetch_in_slot(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """The same for one who already has the right to the connection."""
    parts = urlsplit(step.url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    sock, seen = await connect.open_connection(step.address, port, tools, timestamps, step.segment)
    if sock is None:
        emit(seen)
        return
    stream: TcpStream | TlsStream | None = None
    secure = False
    try:
        emit(seen)
        if parts.scheme == "https":
            hello = ClientHello(step.address, port, step.sni or parts.hostname or "", step.verify)
            stream, shaken = await tls_handshake(sock, hello, tools, timestamps)
            emit(shaken)
            secure = shaken.verified
        else:
            stream = TcpStream(sock, tools.pace.budget)
        if stream is not None:
            emit(await _exchange(stream, parts, step, tools, timestamps, secure=secure))
    finally:
        (stream or sock).close()


async def _exchange(
    stream: TcpStream | TlsStream,
    parts: SplitResult,
    step: Fetch,
    tools: Tools,
    timestamps: Timestamps,
    *,
    secure: bool,
) -> Exchange:
    loop = asyncio.get_running_loop()
    reply = HttpResponse()
    failed = None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port
    host = bracketed(parts.hostname or "") + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")
    start = loop.time()
    stream.meter.start()
    try:
        with StepTimeout(tools.timeout):
            await get(stream, host, target, reply)
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        if failed.failure is Failure.BUG:
            raise
    flow = stream.meter.flow(failed.failure if failed else None)
    return described(reply, failed, step, secure=secure, flow=flow, fields=timestamps.fields(start, loop.time()))


def described(
    reply: HttpResponse,
    failed: FailureInfo | None,
    step: Fetch,
    *,
    secure: bool,
    fields: dict[str, object],
    flow: Flow | None = None,
) -> Exchange:
    """The observation of an answer, or of as much of it as came."""
    body = bytes(reply.body)
    charset = html_facts.charset(body, reply.header("content-type").decode("latin-1"))
    sampled = step.position.purpose is Purpose.SUBJECT and page_sample.is_sampled(
        status=reply.status, secure=secure, length=len(body)
    )
    return Exchange(
        url=step.url,
        address=step.address,
        secure=secure,
        status=reply.status,
        location=html_facts.location(reply.status, reply.header("location"), step.url),
        title=html_facts.title(body, charset),
        headers=html_facts.header_names(reply.headers),
        length=len(body),
        sha256=hashlib.sha256(body).hexdigest()[:32] if reply.status else "",
        complete=reply.complete,
        server=page_sample.server_name(reply.header("server")) if sampled else "",
        sample=page_sample.page_sample(body, charset) if sampled else "",
        flow=flow,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **fields,  # type: ignore[arg-type]
    )
