"""Perform the step `Send`: send 64 KiB in one connection without a page that takes uploads.

The data are padded HEAD requests, each sent after the answer to the one before, as dpi-detector and dpi-ch do it: a
server reads a long header field that it does not know and ignores it. Servers usually accept fields of 8 KiB and a
hundred requests per connection (nginx: `large_client_header_buffers`, `keepalive_requests`; Apache httpd:
`LimitRequestFieldSize`, `MaxKeepAliveRequests`); the others close the connection.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import SplitResult, urlsplit

import h11
import msgspec

from probe.measure.connect import open_connection
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
"""Size of the header field that pads a request."""
MAX_REQUESTS = MAX_FREEZE_BYTES // PADDING_BYTES
"""Requests in one connection."""
MAX_ANSWER_BYTES = 16_384
"""Size of one answer, which has no body; informational answers count."""
MAX_STEP_TIMEOUTS = 4
"""Time limit of all requests together, in step time-outs: 16 answers on a line of 600 ms take one."""


class UploadProgress(msgspec.Struct):
    """Progress of the requests, kept when they fail.

    Attributes:
        sent: bytes of the requests that were answered.
        status: of the latest answer.
        stall: longest wait for an answer, in seconds.
        last: arrival of the latest bytes, of `time.monotonic`.
    """

    sent: int = 0
    answers: int = 0
    status: int = 0
    stall: float = 0.0
    last: float = 0.0


async def send(step: Send, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Connect, perform the handshake, send requests; all of it is one observation."""
    async with tools.connection(step.address):
        emit(await _sending(step, tools, timestamps))


async def _sending(step: Send, tools: Tools, timestamps: Timestamps) -> Sending:
    parts = urlsplit(step.url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    sni = step.sni or parts.hostname or ""
    loop = asyncio.get_running_loop()
    start = loop.time()
    opened = await open_connection(step.address, port, tools, timestamps)
    if opened.sock is None:
        connection = opened.observation
        failed: FailureInfo | None = FailureInfo(connection.failure or Failure.BUG, connection.detail)
        return _observation(step, sni, failed, timestamps.fields(start, loop.time()), opened=False)
    stream, seen = await tls_handshake(opened, ClientHello(step.address, port, sni, step.verify), tools, timestamps)
    if stream is None:
        failed = FailureInfo(seen.failure or Failure.BUG, seen.detail)
        return _observation(step, sni, failed, timestamps.fields(start, loop.time()))
    start = loop.time()
    progress = UploadProgress(last=time.monotonic())
    failed = await _try_requests(stream, parts, tools, progress)
    return _observation(
        step,
        sni,
        failed,
        timestamps.fields(start, loop.time()),
        sent=progress.sent,
        answers=progress.answers,
        status=progress.status,
        complete=progress.sent >= MAX_FREEZE_BYTES,
        stall=round(progress.stall * 1000),
        quiet=_milliseconds_since(progress.last) if failed is not None and failed.failure is Failure.TIMEOUT else 0,
    )


def _observation(step: Send, sni: str, failed: FailureInfo | None, fields: dict[str, Any], **facts: Any) -> Sending:
    return Sending(
        url=step.url,
        address=step.address,
        sni=sni,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **facts,
        **fields,
    )


def _milliseconds_since(moment: float) -> int:
    return round((time.monotonic() - moment) * 1000)


async def _try_requests(
    stream: Stream, parts: SplitResult, tools: Tools, progress: UploadProgress
) -> FailureInfo | None:
    """Send requests and close the stream; return how they failed, None when enough was sent."""
    try:
        await _requests(stream, parts, tools, progress)
    except Exception as error:
        failed = classify(error, Operation.STREAM)
        if failed.failure is Failure.BUG:
            raise
        return failed
    finally:
        stream.close()
    return None


async def _requests(stream: Stream, parts: SplitResult, tools: Tools, progress: UploadProgress) -> None:
    """Send requests until enough of them were answered.

    Raises:
        OSError: the connection broke, or the time was up.
        EOFError: the server closed, or announced that it will.
        OperationError: the answer is not HTTP, or too long.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_ANSWER_BYTES)
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    padding = ("X-Padding", "0123456789abcdef" * (PADDING_BYTES // 16))
    headers = [("Host", bracketed(parts.hostname or "") + port), *BROWSER_HEADERS, padding]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    deadline = time.monotonic() + MAX_STEP_TIMEOUTS * tools.timeout
    for _ in range(MAX_REQUESTS):
        data = http.send(h11.Request(method="HEAD", target=target, headers=headers)) or b""
        http.send(h11.EndOfMessage())
        began = time.monotonic()
        with StepTimeout(max(0.0, min(tools.timeout, deadline - began))):
            tools.pace.budget.count(len(data))
            await stream.send(data)
            await _answer(stream, http, progress)
        progress.stall = max(progress.stall, time.monotonic() - began)
        progress.sent += len(data)
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
