"""Perform the step `Fetch`: one GET of a URL from one address, over TCP or TLS; redirects are not followed."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from probe.measure import html_facts, http_get, page_charset, page_sample
from probe.measure.chain_memory import ChainMemory
from probe.measure.connect import OpenedConnection, open_connection
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.handshake import HTTP_1, HTTP_2, ClientHello, in_slot, more_tolerant, tls_handshake
from probe.measure.handshake_slots import StaleConnectionError
from probe.measure.http_get import HttpResponse
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import TcpStream, TlsStream
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Purpose
from probe.model.observation import Exchange
from probe.model.step import Fetch
from probe.model.target import DEFAULT_PORTS, bracketed, url_parts

if TYPE_CHECKING:
    from probe.measure.connect_at_once import ConnectUnderWay


class _Request(NamedTuple):
    """What is asked for: value of the Host header, target, value of the Cookie header."""

    host: str
    target: str
    cookie: str


async def fetch(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, perform the TLS handshake for https, GET; emit an observation per layer, up to the first that failed.

    Where the server refuses what was offered, it is asked once more with what browsers still offer.
    """
    await _fetch_from(_hello_of(step, tools), step, tools, timestamps, emit)


async def fetch_over(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit, connected: ConnectUnderWay) -> None:
    """Fetch over an established connection, and over further ones where the server is asked once more."""
    opened, hello = connected.take(), _hello_of(step, tools)
    try:
        following = await _fetch_connected(opened, step, hello, tools, timestamps, emit)
    except StaleConnectionError:
        following = replace(hello, has_slot=True)
    finally:
        connected.release()
    await _fetch_from(following, step, tools, timestamps, emit)


def _hello_of(step: Fetch, tools: Tools) -> ClientHello:
    first = step.position.purpose is Purpose.SUBJECT and step.position.attempt == 0
    offered = _first_hello(step)
    return replace(offered, boringssl=True) if first and tools.boringssl is not None else offered


async def _fetch_from(hello: ClientHello | None, step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    while hello is not None:
        offered = hello
        try:
            async with in_slot(offered, tools), tools.connection(step.address):
                hello = await _fetch_once(step, offered, tools, timestamps, emit)
        except StaleConnectionError:
            hello = replace(offered, has_slot=True)


async def fetch_in_slot(step: Fetch, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Fetch once, for a caller that holds the slot of the connection."""
    await _fetch_once(step, _first_hello(step), tools, timestamps, emit)


def _first_hello(step: Fetch) -> ClientHello:
    parts = url_parts(step.url)
    return ClientHello(step.address, parts.port or DEFAULT_PORTS[parts.scheme], step.sni or parts.host, step.verify)


async def _fetch_once(
    step: Fetch, hello: ClientHello, tools: Tools, timestamps: Timestamps, emit: Emit
) -> ClientHello | None:
    """Fetch over one connection; return the ClientHello to try next, None where there is none."""
    opened = await open_connection(step.address, hello.port, tools, timestamps, step.segment)
    if opened.sock is None:
        emit(opened.observation)
        return None
    try:
        emit(opened.observation)
    except BaseException:
        opened.sock.close()
        raise
    return await _fetch_connected(opened, step, hello, tools, timestamps, emit)


async def _fetch_connected(  # noqa: PLR0917 - a step's four arguments, and where it stands
    opened: OpenedConnection, step: Fetch, hello: ClientHello, tools: Tools, timestamps: Timestamps, emit: Emit
) -> ClientHello | None:
    """Fetch over an established connection, and close it; return the ClientHello to try next."""
    assert opened.sock is not None  # noqa: S101 - it is established
    stream: TcpStream | TlsStream | None = None
    secure = False
    alpn = ""
    try:
        if step.url.startswith("https:"):
            stream, handshake = await tls_handshake(opened, hello, tools, timestamps)
            emit(handshake)
            if stream is None:
                return more_tolerant(hello, handshake, (HTTP_2, HTTP_1))
            secure, alpn = handshake.verified, handshake.alpn
        else:
            stream = TcpStream(opened.sock, tools.pace.budget)
            stream.timer.start(opened.established)
        response, exchange = await _get(stream, alpn, step, tools, timestamps, secure=secure)
        if response.speaks_h2 and isinstance(stream, TlsStream) and HTTP_2 not in hello.alpn:
            return replace(hello, alpn=(HTTP_2, HTTP_1))
        emit(exchange)
    finally:
        (stream or opened.sock).close()
    return None


async def _get(
    stream: TcpStream | TlsStream,
    alpn: str,
    step: Fetch,
    tools: Tools,
    timestamps: Timestamps,
    *,
    secure: bool,
) -> tuple[HttpResponse, Exchange]:
    loop = asyncio.get_running_loop()
    response = HttpResponse() if step.body_limit is None else HttpResponse(limit=step.body_limit)
    failed = None
    request = _request(step, timestamps.memory)
    start = loop.time()
    stream.meter.start()
    try:
        with StepTimeout(tools.timeout):
            if alpn == HTTP_2:
                from probe.measure import http2_get  # noqa: PLC0415 - few servers speak nothing else

                await http2_get.get(stream, request.host, request.target, response, request.cookie)
            else:
                await http_get.get(stream, request.host, request.target, response, request.cookie)
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        if failed.failure is Failure.BUG:
            raise
        if failed.failure is not Failure.TIMEOUT:
            stream.timer.answered()
        elif response.page_is_whole:  # the server keeps the connection open after a page without a length
            response.complete, failed = True, None
    flow = stream.meter.flow(failed.failure if failed else None)
    fields = timestamps.fields(start, loop.time())
    if step.position.purpose is not Purpose.SUBJECT:
        fields |= {"wait": stream.timer.wait, "floor": stream.lowest_round_trip}
    elif isinstance(stream, TcpStream):
        fields["wait"] = stream.timer.wait
    return response, exchange_of(
        response, failed, step, secure=secure, flow=flow, fields=fields, memory=timestamps.memory
    )


def _request(step: Fetch, memory: ChainMemory) -> _Request:
    parts = url_parts(memory.true_url(step.url))
    port = parts.port
    host = bracketed(parts.host) + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")
    cookies = memory.cookies(step.position.chain, step.position.hop, step.url)
    return _Request(host, parts.target, http_get.cookie_field(cookies) if cookies else "")


def exchange_of(
    response: HttpResponse,
    failed: FailureInfo | None,
    step: Fetch,
    *,
    secure: bool,
    fields: dict[str, object],
    flow: Flow | None = None,
    memory: ChainMemory | None = None,
) -> Exchange:
    """Return the observation of a response, or of the part of it that arrived."""
    memory = memory or ChainMemory()
    asked = memory.true_url(step.url)
    body = bytes(response.body)
    text = page_charset.decoded(body, response.header("content-type").decode("latin-1"))
    location = html_facts.location(response.status, response.header("location"), asked)
    sampled = _is_sampled(response, step, secure=secure)
    return Exchange(
        url=step.url,
        address=step.address,
        secure=secure,
        status=response.status,
        location=memory.redact(location, asked) if location else "",
        sets_cookie=bool(location) and _keep_cookies(response, step, memory),
        title=html_facts.title(text),
        headers=html_facts.header_names(response.headers),
        head=page_sample.head_names(response.names) if sampled and not secure else (),
        length=len(body) if response.limit else response.stated_length,
        sha256=hashlib.sha256(body).hexdigest()[:32] if response.status else "",
        complete=response.complete,
        server=page_sample.server_name(response.header("server")) if sampled else "",
        sample=page_sample.page_sample(text, asked) if sampled else "",
        flow=flow,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **fields,  # type: ignore[arg-type]
    )


def _is_sampled(response: HttpResponse, step: Fetch, *, secure: bool) -> bool:
    """Whether evidence carries a sample: of the subject's pages, and of a comparison with one in clear text."""
    compared = step.position.purpose is Purpose.NEUTRAL and step.url.startswith("http:")
    return (compared or step.position.purpose is Purpose.SUBJECT) and page_sample.is_sampled(
        status=response.status, secure=secure, length=len(response.body)
    )


def _keep_cookies(response: HttpResponse, step: Fetch, memory: ChainMemory) -> bool:
    """Keep the cookies of a redirect for the requests that follow it."""
    position = step.position
    if position.purpose is not Purpose.SUBJECT:
        return False
    return memory.take_cookies(position.chain, position.hop, step.url, response.values("set-cookie"))
