"""HTTP/2: one GET over a stream whose server speaks nothing else, with a bound on every part of the response."""

from __future__ import annotations

import asyncio
import zlib

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from probe.measure.failures import operation_error
from probe.measure.http_get import (
    BROWSER_HEADERS,
    MAX_HEADER_BYTES,
    MAX_WIRE_BYTES,
    ContentDecoder,
    HttpResponse,
    check_request,
)
from probe.measure.stream import Stream
from probe.model.failure import Failure

MAX_EVENTS = 20_000
"""Frames that are handled: a body of 1 MiB in frames of 64 bytes has as many; floods of empty frames have more."""
MAX_HEADER_LIST_BYTES = 65_536
"""Decoded header fields of one response (SETTINGS_MAX_HEADER_LIST_SIZE); HPACK expands a small frame a thousandfold."""
_EVENTS_PER_TURN = 128
"""Events after which other tasks run."""
_HOP_BY_HOP = frozenset({"connection", "upgrade-insecure-requests"})


async def get(stream: Stream, host: str, target: str, response: HttpResponse, cookie: str = "") -> None:
    """Request `target` over HTTP/2 and read the response into `response`; arguments and errors as in `http_get.get`.

    Args:
        stream: an open connection on which `h2` was negotiated.
        host: value of `:authority`.
        target: path and query.
        response: filled in.
        cookie: value of the Cookie header; empty for none.

    Raises:
        OSError: the connection broke (ssl.SSLError under TLS).
        EOFError: the other side closed before the response was complete.
        OperationError: the response is not HTTP/2, or exceeds a bound.
    """
    check_request(host, target, cookie)
    exchange = _Http2Exchange(stream, response)
    try:
        await exchange.send(host, target, cookie)
        await exchange.read()
    except (h2.exceptions.ProtocolError, zlib.error) as error:
        raise operation_error(Failure.GARBAGE, f"HTTP/2: {type(error).__name__}") from error


class _Http2Exchange:
    """One request and its response on a connection of its own."""

    def __init__(self, stream: Stream, response: HttpResponse) -> None:
        self._stream = stream
        self._response = response
        self._decoder = ContentDecoder(response)
        config = h2.config.H2Configuration(client_side=True, header_encoding=None, validate_inbound_headers=False)
        self._http = h2.connection.H2Connection(config)
        self._http.local_settings.update(
            {
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: MAX_WIRE_BYTES,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_BYTES,
            }
        )
        self._received = 0
        self._events = 0

    async def send(self, host: str, target: str, cookie: str) -> None:
        """Send the preface and the request."""
        self._http.initiate_connection()
        self._http.increment_flow_control_window(MAX_WIRE_BYTES)
        fields = [(name.lower(), value) for name, value in BROWSER_HEADERS if name.lower() not in _HOP_BY_HOP]
        pseudo = [(":method", self._response.method), (":path", target), (":authority", host), (":scheme", "https")]
        cookies = [("cookie", cookie)] if cookie else []
        self._http.send_headers(1, [*pseudo, *fields, *cookies], end_stream=True)
        await self._flush()

    async def read(self) -> None:
        """Read until the response is complete, or as much of its body as is wanted."""
        while True:
            data = await self._stream.receive()
            if not data:
                raise EOFError
            self._received += len(data)
            if self._received > MAX_HEADER_BYTES + MAX_WIRE_BYTES:
                raise operation_error(Failure.TOO_MUCH, "HTTP/2")
            # Small pieces: a read of 64 KiB can hold seven thousand frames.
            for at in range(0, len(data), 1024):
                for event in self._http.receive_data(data[at : at + 1024]):
                    await self._count()
                    self._handle(event)
                    if self._response.complete:
                        return
            await self._flush()

    async def _count(self) -> None:
        self._events += 1
        if self._events > MAX_EVENTS:
            raise operation_error(Failure.TOO_MUCH, "frames")
        if self._events % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)

    def _handle(self, event: h2.events.Event) -> None:
        response = self._response
        match event:
            case h2.events.ResponseReceived():
                fields = [(bytes(name).decode("latin-1").lower(), bytes(value)) for name, value in event.headers or ()]
                response.headers = [(name, value) for name, value in fields if not name.startswith(":")]
                response.status = _status(dict(fields).get(":status", b""))
                self._decoder = ContentDecoder(response)
            case h2.events.DataReceived():
                size = response.limit - len(response.body)
                response.body += self._decoder.decode(bytes(event.data or b""), size)
                response.complete = len(response.body) >= response.limit
            case h2.events.StreamEnded():
                response.complete = True
            case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                raise EOFError(f"HTTP/2 error {event.error_code}")
            case _:
                pass

    async def _flush(self) -> None:
        data = self._http.data_to_send()
        if data:
            await self._stream.send(data)


def _status(value: bytes) -> int:
    if len(value) != 3 or not value.isdigit():
        raise operation_error(Failure.GARBAGE, "HTTP/2: no status")
    return int(value)
