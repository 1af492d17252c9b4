"""Perform the step `Fetch`: one GET of a URL from one address, over TCP or TLS; redirects are not followed."""

from __future__ import annotations

import asyncio
import hashlib
from urllib.parse import SplitResult, urlsplit

from probe.measure import html_facts, page_sample
from probe.measure.connect import open_connection
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
    """Connect, perform the TLS handshake for https, GET; emit an observation per layer, up to the first that failed."""
    async with tools.connection(step.address):
        await fetch_in_slot(step, tools, timestamps, emit)


async def fetch_in_slot(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Fetch for a caller that holds the slot of the connection."""
    parts = urlsplit(step.url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    opened = await open_connection(step.address, port, tools, timestamps, step.segment)
    if opened.sock is None:
        emit(opened.observation)
        return
    stream: TcpStream | TlsStream | None = None
    secure = False
    try:
        emit(opened.observation)
        if parts.scheme == "https":
            hello = ClientHello(step.address, port, step.sni or parts.hostname or "", step.verify)
            stream, handshake = await tls_handshake(opened, hello, tools, timestamps)
            emit(handshake)
            secure = handshake.verified
        else:
            stream = TcpStream(opened.sock, tools.pace.budget)
            stream.timer.start(opened.established)
        if stream is not None:
            emit(await _get(stream, parts, step, tools, timestamps, secure=secure))
    finally:
        (stream or opened.sock).close()


async def _get(
    stream: TcpStream | TlsStream,
    parts: SplitResult,
    step: Fetch,
    tools: Tools,
    timestamps: Timestamps,
    *,
    secure: bool,
) -> Exchange:
    loop = asyncio.get_running_loop()
    response = HttpResponse()
    failed = None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port
    host = bracketed(parts.hostname or "") + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")
    start = loop.time()
    stream.meter.start()
    try:
        with StepTimeout(tools.timeout):
            await get(stream, host, target, response)
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        if failed.failure is Failure.BUG:
            raise
        if failed.failure is not Failure.TIMEOUT:
            stream.timer.answered()
    flow = stream.meter.flow(failed.failure if failed else None)
    fields = timestamps.fields(start, loop.time())
    fields |= {"wait": stream.timer.wait, "floor": stream.lowest_round_trip}
    return exchange_of(response, failed, step, secure=secure, flow=flow, fields=fields)


def exchange_of(
    response: HttpResponse,
    failed: FailureInfo | None,
    step: Fetch,
    *,
    secure: bool,
    fields: dict[str, object],
    flow: Flow | None = None,
) -> Exchange:
    """Return the observation of a response, or of the part of it that arrived."""
    body = bytes(response.body)
    charset = html_facts.charset(body, response.header("content-type").decode("latin-1"))
    sampled = step.position.purpose is Purpose.SUBJECT and page_sample.is_sampled(
        status=response.status, secure=secure, length=len(body)
    )
    return Exchange(
        url=step.url,
        address=step.address,
        secure=secure,
        status=response.status,
        location=html_facts.location(response.status, response.header("location"), step.url),
        title=html_facts.title(body, charset),
        headers=html_facts.header_names(response.headers),
        length=len(body),
        sha256=hashlib.sha256(body).hexdigest()[:32] if response.status else "",
        complete=response.complete,
        server=page_sample.server_name(response.header("server")) if sampled else "",
        sample=page_sample.page_sample(body, charset) if sampled else "",
        flow=flow,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **fields,  # type: ignore[arg-type]
    )
