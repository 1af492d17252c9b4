"""Sends 64 KiB in one connection without a page to upload to: padded HEAD requests, each after the answer to the last.

The way of dpi-detector and dpi-ch: a server reads a long header field that it does not know, and forgets it. Usual
servers take fields of 8 KiB and a hundred requests a connection (nginx: `large_client_header_buffers`,
`keepalive_requests`; Apache httpd: `LimitRequestFieldSize`, `MaxKeepAliveRequests`); who does not, closes.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import h11

from probe.measure import connect
from probe.measure.failures import FailureInfo, Operation, classify, operation_error
from probe.measure.handshake import ClientHello, tls_handshake
from probe.measure.http_get import BROWSER_HEADERS
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import Stream
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES
from probe.model.observation import Sending
from probe.model.step import Send
from probe.model.target import DEFAULT_PORTS, bracketed

PADDING_BYTES = 4_096
"""Octets of the field that pads a request."""
MAX_REQUESTS = MAX_FREEZE_BYTES // PADDING_BYTES
"""The most that are made."""
MAX_ANSWER_BYTES = 16_384
"""Octets that one answer may have, informational ones included: it is a header alone."""
MAX_STEP_TIMEOUTS = 4
"""How many times the time-out of a phase all requests together may last: 16 answers on a line of 600 ms take one."""


@dataclass(slots=True)
class UploadProgress:
    """How far it has come; kept where it fails. Times are of `time.monotonic`, in seconds."""

    sent: int = 0
    answers: int = 0
    status: int = 0
    stall: float = 0.0
    last: float = 0.0


async def send(step: Send, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, TLS, requests; one observation of all of it."""
    async with tools.connection(step.address):
        emit(await _sending(step, tools, timestamps))


async def _sending(step: Send, tools: Tools, timestamps: Timestamps) -> Sending:
    parts = urlsplit(step.url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    sni = step.sni or parts.hostname or ""
    loop = asyncio.get_running_loop()
    start = loop.time()
    sock, seen = await connect.open_connection(step.address, port, tools, timestamps)
    if sock is None:
        return Sending(
            url=step.url,
            address=step.address,
            sni=sni,
            opened=False,
            failure=seen.failure,
            detail=seen.detail,
            **timestamps.fields(start, loop.time()),
        )
    stream, shaken = await tls_handshake(sock, ClientHello(step.address, port, sni, step.verify), tools, timestamps)
    progress = UploadProgress()
    failed = None if shaken.failure is None else FailureInfo(shaken.failure, shaken.detail)
    if stream is not None:
        start = loop.time()
        progress.last = time.monotonic()
        try:
            await _requests(stream, parts, tools, progress)
        except Exception as error:
            failed = classify(error, Operation.STREAM)
            if failed.failure is Failure.BUG:
                raise
        finally:
            stream.close()
    silent = stream is not None and failed is not None and failed.failure is Failure.TIMEOUT
    return Sending(
        url=step.url,
        address=step.address,
        sni=sni,
        sent=progress.sent,
        answers=progress.answers,
        status=progress.status,
        complete=progress.sent >= MAX_FREEZE_BYTES,
        stall=round(progress.stall * 1000),
        quiet=round((time.monotonic() - progress.last) * 1000) if silent else 0,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **timestamps.fields(start, loop.time()),
    )


async def _requests(stream: Stream, parts: SplitResult, tools: Tools, progress: UploadProgress) -> None:
    """Requests until enough were answered.

    Raises:
        OSError: the connection broke, or time was up.
        EOFError: the server closed, or said that it will.
        OperationError: it is not HTTP, or a bound was reached.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_ANSWER_BYTES)
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    padding = ("X-Padding", "0123456789abcdef" * (PADDING_BYTES // 16))
    headers = [("Host", bracketed(parts.hostname or "") + port), *BROWSER_HEADERS, padding]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    until = time.monotonic() + MAX_STEP_TIMEOUTS * tools.timeout
    for _ in range(MAX_REQUESTS):
        words = http.send(h11.Request(method="HEAD", target=target, headers=headers)) or b""
        http.send(h11.EndOfMessage())
        began = time.monotonic()
        with StepTimeout(max(0.0, min(tools.timeout, until - began))):
            tools.pace.budget.count(len(words))
            await stream.send(words)
            await _answer(stream, http, progress)
        progress.stall = max(progress.stall, time.monotonic() - began)
        progress.sent += len(words)
        progress.answers += 1
        if progress.sent >= MAX_FREEZE_BYTES:
            return
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            raise EOFError
        http.start_next_cycle()


async def _answer(stream: Stream, http: h11.Connection, progress: UploadProgress) -> None:
    """Read one answer, which has no body."""
    received = 0
    try:
        while True:
            event = http.next_event()
            if isinstance(event, h11.EndOfMessage):
                return
            if isinstance(event, h11.Response):
                progress.status = event.status_code
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                raise EOFError
            elif event is h11.NEED_DATA:
                data = await stream.receive()
                if not data:
                    raise EOFError
                progress.last = time.monotonic()
                received += len(data)
                if received > MAX_ANSWER_BYTES:
                    raise operation_error(Failure.TOO_MUCH, "header")
                http.receive_data(data)
    except h11.RemoteProtocolError as error:
        raise operation_error(Failure.GARBAGE, f"HTTP: {error}") from error
