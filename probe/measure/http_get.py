"""HTTP/1.1: one GET over a stream, with a bound on every part of the response.

A response of the usual form is read by one regular expression: a general parser costs a tenth of a whole check, and
nine responses in ten do not need it. Every other response goes to h11. A test compares the two.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass, field
from itertools import count

import h11

from probe.measure.failures import operation_error
from probe.measure.stream import Stream
from probe.model.failure import Failure

MAX_HEADER_BYTES = 65536
"""Bytes before the body, informational responses included. Browsers refuse more than 256 KiB, servers rarely send 8."""
MAX_BODY_BYTES = 524288
"""Bytes of the decoded body that are read."""
MAX_WIRE_BYTES = 2 * MAX_BODY_BYTES
"""Bytes of the encoded body: one that decodes to nothing must end, too."""

_EVENTS_PER_TURN = 128
"""Protocol events after which other tasks run: a body in chunks of one byte has ten thousand in a read."""

# The headers of Firefox on Windows: a request that names this program would expose the volunteer. Without brotli, which
# the standard library lacks.
BROWSER_HEADERS = (
    ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("Upgrade-Insecure-Requests", "1"),
)
_BROWSER = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_HEADERS) + "\r\n"
_VISIBLE_ASCII = re.compile(r"[!-~]+")


@dataclass(slots=True)
class HttpResponse:
    """A response, filled in while it arrives, so that a failure keeps what there was.

    Attributes:
        status: 0 before the status line.
        headers: in order, names in lower case, values as octets.
        body: decoded.
        complete: the whole body arrived, or as much as the bound allows.
    """

    status: int = 0
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    def header(self, name: str) -> bytes:
        """Return the first field of this (lower case) name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")


class _Decoder:
    """Decode the content coding, never to more bytes than asked for."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding in ("gzip", "x-gzip")
        self._deflate = coding == "deflate"
        self._inflate = None if not coding else zlib.decompressobj(wbits=47 if self._gzip else 15)

    def decode(self, data: bytes, size: int) -> bytes:
        """Return the next decoded bytes, at most `size`.

        Raises:
            zlib.error: the bytes are not of this coding.
        """
        if self._inflate is None:
            return data[:size]
        if self._inflate.eof:  # unused data would only accumulate
            return b""
        try:
            return self._inflate.decompress(data, size)
        except zlib.error:
            if not self._deflate:
                raise
        # Half of all servers send raw deflate by this name (RFC 9110 section 8.4.1.2, note).
        self._deflate = False
        self._inflate = zlib.decompressobj(wbits=-15)
        return self._inflate.decompress(data, size)


async def get(stream: Stream, host: str, target: str, response: HttpResponse) -> None:
    """Request `target` and read the response into `response`.

    Args:
        stream: an open connection.
        host: value of the Host header.
        target: path and query.
        response: filled in.

    Raises:
        OSError: the connection broke (ssl.SSLError under TLS).
        EOFError: the other side closed before the response was complete.
        OperationError: the response is not HTTP, or exceeds a bound.
    """
    if not _VISIBLE_ASCII.fullmatch(host) or not _VISIBLE_ASCII.fullmatch(target):
        raise ValueError(f"{host!r} and {target!r} do not make a request")
    await stream.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{_BROWSER}".encode("ascii"))
    first = await stream.receive()
    head = parse_simple_head(first)
    try:
        if head is None:
            await _ResponseReader(stream, response).read(first)
        else:
            await _read_body(stream, response, head, first[head.size :])
    except zlib.error as error:
        raise operation_error(Failure.GARBAGE, f"content coding: {error}") from error


async def _read_body(stream: Stream, response: HttpResponse, head: ResponseHead, data: bytes) -> None:
    """Read the body after a simple head, up to its length or the bound."""
    response.status = head.status
    response.headers = head.headers
    decoder = _decoder(response)
    left = head.length
    wire = 0
    for turn in count(1):
        data = data[:left]
        left -= len(data)
        wire += len(data)
        response.body += decoder.decode(data, MAX_BODY_BYTES - len(response.body))
        response.complete = not left or len(response.body) >= MAX_BODY_BYTES
        if response.complete:
            return
        if wire > MAX_WIRE_BYTES:
            raise operation_error(Failure.TOO_MUCH, "body")
        if turn % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
        data = await stream.receive()
        if not data:
            raise EOFError


def _decoder(response: HttpResponse) -> _Decoder:
    coding = response.header("content-encoding").decode("latin-1").strip().lower()
    return _Decoder(coding if coding in ("gzip", "x-gzip", "deflate") else "")


class _ResponseReader:
    """Read one response of any form, event by event of h11."""

    def __init__(self, stream: Stream, response: HttpResponse) -> None:
        self._closed = False
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        # h11 must know the request to read the response. The request itself has been sent.
        self._http.send(h11.Request(method="GET", target="/", headers=[("Host", "")]))
        self._http.send(h11.EndOfMessage())
        self._response = response
        self._received = 0
        self._decoder = _Decoder("")

    async def read(self, first: bytes) -> None:
        """Read the response, which begins with these bytes."""
        try:
            self._receive(first)
            for turn in count(1):
                await self._step()
                if self._response.complete:
                    return
                if turn % _EVENTS_PER_TURN == 0:
                    await asyncio.sleep(0)
        except ConnectionResetError:
            if not self._page_is_whole:
                raise
            self._response.complete = True
        except h11.RemoteProtocolError as error:
            if self._closed:
                raise EOFError from error
            raise operation_error(
                Failure.TOO_MUCH if error.error_status_hint == 431 else Failure.GARBAGE, f"HTTP: {error}"
            ) from error

    @property
    def _page_is_whole(self) -> bool:
        """Whether the body has no stated length and the page's last tag arrived: a reset after it cuts nothing off."""
        response = self._response
        if not response.status or response.header("content-length") or response.header("transfer-encoding"):
            return False
        return bytes(response.body[-64:]).rstrip().lower().endswith(b"</html>")

    async def _step(self) -> None:
        """Handle one event of h11, or read more bytes for it."""
        event = self._http.next_event()
        if event is h11.NEED_DATA:
            self._receive(await self._stream.receive())
        elif isinstance(event, h11.Response):
            self._response.status = event.status_code
            self._response.headers = [(name.decode("ascii"), value) for name, value in event.headers]
            self._decoder = _decoder(self._response)
        elif isinstance(event, h11.Data):
            size = MAX_BODY_BYTES - len(self._response.body)
            self._response.body += self._decoder.decode(bytes(event.data), size)
            self._response.complete = len(self._response.body) >= MAX_BODY_BYTES
        elif isinstance(event, h11.EndOfMessage):
            self._response.complete = True
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise EOFError

    def _receive(self, data: bytes) -> None:
        self._closed = not data
        self._received += len(data)
        if not self._response.status and self._received > MAX_HEADER_BYTES:
            raise operation_error(Failure.TOO_MUCH, "header")
        if self._received > MAX_HEADER_BYTES + MAX_WIRE_BYTES:
            raise operation_error(Failure.TOO_MUCH, "body")
        self._http.receive_data(data)


# RFC 9112 sections 4 and 5, without forms that need a closer look: obs-fold, obs-text, tabs, bare line ends.
_SIMPLE_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [ -~]*)?\r\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[ -~]*\r\n)+)\r\n",
)
_WITHOUT_BODY = (204, 304)
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response of the usual form.

    Attributes:
        status: 200 to 599, without those that have no body.
        headers: in order, names in lower case, values as octets.
        length: bytes of the body by Content-Length.
        size: bytes of the head itself.
    """

    status: int
    headers: list[tuple[str, bytes]]
    length: int
    size: int


def parse_simple_head(data: bytes) -> ResponseHead | None:
    """Return the head at the start of these bytes; None when it is incomplete or not of the usual form."""
    found = _SIMPLE_HEAD.match(data)
    if found is None:
        return None
    headers = []
    lengths = []
    for line in found[2].split(b"\r\n")[:-1]:
        field, _, value = line.partition(b":")
        name = field.decode("ascii").lower()
        value = value.strip(b" ")
        if name == "content-length":
            lengths.append(value)
        elif name == "transfer-encoding":
            return None
        headers.append((name, value))
    status = int(found[1])
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or status in _WITHOUT_BODY:
        return None
    return ResponseHead(status, headers, int(lengths[0]), found.end())
