"""HTTP/1.1: one GET over a stream, bounded in every direction (h11 does the protocol wherever it is not plain)."""

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
"""Bytes before the body, informational answers included. Browsers refuse more than 256 KiB, servers rarely send 8."""
MAX_BODY_BYTES = 524288
"""Bytes of the decoded body that are read (design: bodies to 512 KiB)."""
MAX_WIRE_BYTES = 2 * MAX_BODY_BYTES
"""Bytes read altogether: an encoded body that decodes to nothing must end too."""

_EVENTS_PER_TURN = 128
"""Events after which everybody else gets a turn: a body in chunks of one byte makes ten thousand events a read."""

# A Firefox on Windows asks so; a request that names us would mark the volunteer. No brotli: the standard library lacks
# it.
BROWSER_HEADERS = (
    ("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("Upgrade-Insecure-Requests", "1"),
)
_BROWSER = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_HEADERS) + "\r\n"
_SAYABLE = re.compile(r"[!-~]+")


@dataclass(slots=True)
class HttpResponse:
    """What has come so far; filled while it comes, so that a failure keeps what there was.

    Attributes:
        status: 0 until the status line came.
        headers: in order, names lower case, values as octets.
        body: decoded.
        complete: the whole body came, or as much as our bound allows.
    """

    status: int = 0
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    def header(self, name: str) -> bytes:
        """The first field of this (lower case) name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")


class _Decoder:
    """Takes the content coding off, never yielding more than is asked for."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding in ("gzip", "x-gzip")
        self._deflate = coding == "deflate"
        self._inflate = None if not coding else zlib.decompressobj(wbits=47 if self._gzip else 15)

    def feed(self, data: bytes, room: int) -> bytes:
        """Decode; at most `room` bytes.

        Raises:
            zlib.error: the bytes are not of this coding.
        """
        if self._inflate is None:
            return data[:room]
        if self._inflate.eof:  # what follows the end would only pile up
            return b""
        try:
            return self._inflate.decompress(data, room)
        except zlib.error:
            if not self._deflate:
                raise
        # Half of all servers send raw deflate under this name (RFC 9110 section 8.4.1.2, note).
        self._deflate = False
        self._inflate = zlib.decompressobj(wbits=-15)
        return self._inflate.decompress(data, room)


async def get(stream: Stream, host: str, target: str, reply: HttpResponse) -> None:
    """Ask for `target` and read the answer into `reply`.

    Args:
        stream: a connection that stands.
        host: as the Host header has it.
        target: path and query.
        reply: filled.

    Raises:
        OSError: the connection broke (ssl.SSLError under TLS).
        EOFError: the other side closed before the answer was complete.
        OperationError: it is not HTTP, or a bound was reached.
    """
    if not _SAYABLE.fullmatch(host) or not _SAYABLE.fullmatch(target):
        raise ValueError(f"{host!r} and {target!r} do not make a request")
    await stream.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{_BROWSER}".encode("ascii"))
    first = await stream.receive()
    head = parse_simple_head(first)
    try:
        if head is None:
            await _ResponseReader(stream, reply).read(first)
        else:
            await _read_body(stream, reply, head, first[head.size :])
    except zlib.error as error:
        raise operation_error(Failure.GARBAGE, f"content coding: {error}") from error


async def _read_body(stream: Stream, reply: HttpResponse, head: ResponseHead, data: bytes) -> None:
    """Read on after a usual head, up to its length or our bound."""
    reply.status = head.status
    reply.headers = head.headers
    decoder = _decoder(reply)
    left = head.length
    wire = 0
    for turn in count(1):
        data = data[:left]
        left -= len(data)
        wire += len(data)
        reply.body += decoder.feed(data, MAX_BODY_BYTES - len(reply.body))
        reply.complete = not left or len(reply.body) >= MAX_BODY_BYTES
        if reply.complete:
            return
        if wire > MAX_WIRE_BYTES:
            raise operation_error(Failure.TOO_MUCH, "body")
        if turn % _EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
        data = await stream.receive()
        if not data:
            raise EOFError


def _decoder(reply: HttpResponse) -> _Decoder:
    coding = reply.header("content-encoding").decode("latin-1").strip().lower()
    return _Decoder(coding if coding in ("gzip", "x-gzip", "deflate") else "")


class _ResponseReader:
    """Reads one answer of any kind, event by event."""

    def __init__(self, stream: Stream, reply: HttpResponse) -> None:
        self._closed = False
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER_BYTES)
        # What was asked decides what may be answered; the octets themselves are on their way.
        self._http.send(h11.Request(method="GET", target="/", headers=[("Host", "")]))
        self._http.send(h11.EndOfMessage())
        self._reply = reply
        self._received = 0
        self._decoder = _Decoder("")

    async def read(self, first: bytes) -> None:
        """To the end of the answer, which begins with these bytes."""
        try:
            self._feed(first)
            for turn in count(1):
                await self._step()
                if self._reply.complete:
                    return
                if turn % _EVENTS_PER_TURN == 0:
                    await asyncio.sleep(0)
        except ConnectionResetError:
            if not self._page_over:
                raise
            self._reply.complete = True
        except h11.RemoteProtocolError as error:
            if self._closed:
                raise EOFError from error
            raise operation_error(
                Failure.TOO_MUCH if error.error_status_hint == 431 else Failure.GARBAGE, f"HTTP: {error}"
            ) from error

    @property
    def _page_over(self) -> bool:
        """The body has no length of its own, and the page's last tag came: a reset after that cuts nothing off."""
        reply = self._reply
        if not reply.status or reply.header("content-length") or reply.header("transfer-encoding"):
            return False
        return bytes(reply.body[-64:]).rstrip().lower().endswith(b"</html>")

    async def _step(self) -> None:
        """One event of h11's, or more bytes for it."""
        event = self._http.next_event()
        if event is h11.NEED_DATA:
            self._feed(await self._stream.receive())
        elif isinstance(event, h11.Response):
            self._reply.status = event.status_code
            self._reply.headers = [(name.decode("ascii"), value) for name, value in event.headers]
            self._decoder = _decoder(self._reply)
        elif isinstance(event, h11.Data):
            room = MAX_BODY_BYTES - len(self._reply.body)
            self._reply.body += self._decoder.feed(bytes(event.data), room)
            self._reply.complete = len(self._reply.body) >= MAX_BODY_BYTES
        elif isinstance(event, h11.EndOfMessage):
            self._reply.complete = True
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise EOFError

    def _feed(self, data: bytes) -> None:
        self._closed = not data
        self._received += len(data)
        if not self._reply.status and self._received > MAX_HEADER_BYTES:
            raise operation_error(Failure.TOO_MUCH, "header")
        if self._received > MAX_HEADER_BYTES + MAX_WIRE_BYTES:
            raise operation_error(Failure.TOO_MUCH, "body")
        self._http.receive_data(data)


# RFC 9112 sections 4 and 5, without what deserves a closer look: obs-fold, obs-text, tabs, bare line ends.
_USUAL = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [ -~]*)?\r\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[ -~]*\r\n)+)\r\n",
)
_WITHOUT_BODY = (204, 304)
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What stands before a body.

    Attributes:
        status: 200 to 599, but none that has no body.
        headers: in order, names lower case, values as octets.
        length: bytes of the body, as the server says.
        size: bytes of the head itself.
    """

    status: int
    headers: list[tuple[str, bytes]]
    length: int
    size: int


def parse_simple_head(data: bytes) -> ResponseHead | None:
    """The head with which these bytes begin; None when it is not whole or not of the usual kind."""
    found = _USUAL.match(data)
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
