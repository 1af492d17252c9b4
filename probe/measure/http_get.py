"""HTTP/1.1: one GET over a stream, with a bound on every part of the response."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Sequence
from itertools import count

import msgspec

from probe import USER_AGENT
from probe.measure.failures import operation_error
from probe.measure.response_head import (
    ChunkDecoder,
    ResponseHead,
    begin_of_head,
    end_of_head,
    parse_head,
)
from probe.measure.stream import Stream
from probe.model.failure import Failure

MAX_HEADER_BYTES = 262144
"""Bytes before the body, informational responses included; browsers refuse more."""
MAX_INFORMATIONAL_RESPONSES = 32
"""Responses with a status of 1xx before the final one; servers send one or two (100, 103)."""
MAX_BODY_BYTES = 524288
"""Bytes of the decoded body that are read."""
MAX_WIRE_BYTES = 2 * MAX_BODY_BYTES
"""Bytes of the encoded body: one that decodes to nothing must end, too."""
MAX_COOKIE_BYTES = 8192
"""Size of a Cookie header field; servers refuse longer ones."""
MAX_LENGTH_DIGITS = 12
"""Digits of a stated length: a terabyte; Python refuses to parse numbers of thousands of digits."""

_DECODED_PER_TURN = 8192
"""Bytes of chunks after which other tasks run: a body in chunks of one byte has ten thousand in a read."""
_MAX_UNDECODED_BYTES = 64
"""Bytes of an encoded body that are kept until its coding has proved right."""

# The headers of the browser in `USER_AGENT`, without brotli, which the standard library lacks.
BROWSER_HEADERS = (
    ("User-Agent", USER_AGENT),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Connection", "keep-alive"),
    ("Upgrade-Insecure-Requests", "1"),
)
_BROWSER_FIELDS = "".join(f"{name}: {value}\r\n" for name, value in BROWSER_HEADERS)
_VISIBLE_ASCII = re.compile(r"[!-~]+")
_PRINTABLE_ASCII = re.compile(r"[ -~]*")


class HttpResponse(msgspec.Struct):
    """A response, filled in while it arrives, so that a failure keeps what there was.

    Attributes:
        status: 0 before the status line.
        headers: in order, names in lower case, values as octets.
        names: the names of the fields as they were sent, in order.
        body: decoded.
        complete: the whole body arrived, or as much as the bound allows.
        speaks_h2: the bytes are those of HTTP/2.
        limit: bytes of the body to read at most; with 0 the head alone is asked for (HEAD).
    """

    status: int = 0
    headers: list[tuple[str, bytes]] = msgspec.field(default_factory=list)
    names: tuple[str, ...] = ()
    body: bytearray = msgspec.field(default_factory=bytearray)
    complete: bool = False
    speaks_h2: bool = False
    limit: int = MAX_BODY_BYTES

    def header(self, name: str) -> bytes:
        """Return the first field of this (lower case) name; empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    def values(self, name: str) -> list[bytes]:
        """Return the fields of this (lower case) name, in order."""
        return [value for key, value in self.headers if key == name]

    @property
    def method(self) -> str:
        """The method of the request."""
        return "GET" if self.limit else "HEAD"

    @property
    def stated_length(self) -> int:
        """The length of the body that the head states; 0 where it states none."""
        stated = self.header("content-length")
        return int(stated) if stated.isdigit() and len(stated) <= MAX_LENGTH_DIGITS else 0

    @property
    def page_is_whole(self) -> bool:
        """Whether the body has no stated length and the page's last tag arrived: what ends it then cuts nothing off."""
        if not self.status or self.header("transfer-encoding") or self.header("content-length").isdigit():
            return False
        return bytes(self.body[-64:]).rstrip().lower().endswith(b"</html>")


class ContentDecoder:
    """Decode the content coding, never to more bytes than asked for.

    A body that is not of its coding from the first byte on was never encoded: it is read as it is, as browsers do.
    """

    def __init__(self, response: HttpResponse) -> None:
        coding = response.header("content-encoding").decode("latin-1").strip().lower()
        coded = coding in ("gzip", "x-gzip", "deflate")
        # Half of all servers send raw deflate under the name of deflate (RFC 9110 section 8.4.1.2, note).
        self._formats = [] if not coded else [15, -15] if coding == "deflate" else [47]
        self._inflate = zlib.decompressobj(wbits=self._formats.pop(0)) if coded else None
        self._undecoded = b""
        self._begun = False

    def decode(self, data: bytes, size: int) -> bytes:
        """Return the next decoded bytes, at most `size`.

        Raises:
            zlib.error: the bytes stop being of this coding.
        """
        if self._inflate is None:
            return data[:size]
        if self._inflate.eof or not size:  # unused data would only accumulate
            return b""
        try:
            decoded = self._inflate.decompress(data, size)
        except zlib.error:
            if self._begun:
                raise
            self._inflate = zlib.decompressobj(wbits=self._formats.pop(0)) if self._formats else None
            data, self._undecoded = self._undecoded + data, b""
            return self.decode(data, size)
        if not self._begun:
            self._undecoded += data
            self._begun = bool(decoded) or len(self._undecoded) > _MAX_UNDECODED_BYTES
            self._undecoded = b"" if self._begun else self._undecoded
        return decoded


async def get(stream: Stream, host: str, target: str, response: HttpResponse, cookie: str = "") -> None:
    """Request `target` with the response's method and read the response into `response`.

    Args:
        stream: an open connection.
        host: value of the Host header.
        target: path and query.
        response: filled in.
        cookie: value of the Cookie header; empty for none.

    Raises:
        OSError: the connection broke (ssl.SSLError under TLS).
        EOFError: the other side closed before the response was complete.
        OperationError: the response is not HTTP, or exceeds a bound.
    """
    await stream.send(request_bytes(host, target, cookie, method=response.method))
    received, rest = await _read_head(stream, response)
    response.status, response.headers, response.names = received.status, received.headers, received.names
    if not received.has_body or not response.limit:
        response.complete = True
        return
    try:
        await _read_body(stream, response, received, rest)
    except (zlib.error, ValueError) as error:
        raise operation_error(Failure.GARBAGE, f"body: {error}") from error
    except ConnectionResetError:
        if not response.page_is_whole:
            raise
        response.complete = True


def request_bytes(host: str, target: str, cookie: str = "", *, method: str = "GET") -> bytes:
    """Return a request for `target`, as a browser sends it.

    Raises:
        ValueError: a part has a character that it cannot have.
    """
    check_request(host, target, cookie)
    own = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{_BROWSER_FIELDS}{own}\r\n".encode("ascii")


def check_request(host: str, target: str, cookie: str) -> None:
    """Refuse what would not be one request.

    Raises:
        ValueError: a part has a character that it cannot have.
    """
    fit = _VISIBLE_ASCII.fullmatch(host) and _VISIBLE_ASCII.fullmatch(target) and _PRINTABLE_ASCII.fullmatch(cookie)
    if not fit or len(cookie) > MAX_COOKIE_BYTES:
        raise ValueError(f"{host!r} and {target!r} do not make a request")


async def _read_head(stream: Stream, response: HttpResponse) -> tuple[ResponseHead, bytes]:
    """Read up to the final response's body; return the head, and what arrived of the body."""
    data = bytearray()
    received = searched = 0
    informational = 0
    while True:
        end = end_of_head(data, searched)
        if end is None:
            searched = len(data)
            if received > MAX_HEADER_BYTES:
                raise operation_error(Failure.TOO_MUCH, "header")
            more = await stream.receive()
            if not more:
                raise EOFError
            received += len(more)
            data += more
            begin = begin_of_head(bytes(data[:32]))
            if begin is None:
                response.speaks_h2 = _is_h2_preface(bytes(data[:9]))
                raise operation_error(Failure.GARBAGE, "HTTP: no status line")
            del data[:begin]
            continue
        head = parse_head(bytes(data[:end]))
        if head is None:
            raise operation_error(Failure.GARBAGE, "HTTP: no status line")
        del data[:end]
        if head.status >= 200 or head.status == 101:
            return head, bytes(data)
        searched = 0
        informational += 1
        if informational > MAX_INFORMATIONAL_RESPONSES:
            raise operation_error(Failure.TOO_MUCH, "informational responses")


def _is_h2_preface(data: bytes) -> bool:
    """Whether a server's bytes begin with the SETTINGS frame of HTTP/2 (RFC 9113 section 3.4)."""
    return len(data) == 9 and data[0] == 0 and data[3] == 4 and data[5:] == bytes(4) and data[2] % 6 == 0


async def _read_body(stream: Stream, response: HttpResponse, head: ResponseHead, data: bytes) -> None:
    """Read the body up to its length, its last chunk, the end of the connection or the bound."""
    decoder = ContentDecoder(response)
    chunks = ChunkDecoder() if head.chunked else None
    wire = 0
    while True:
        if head.length is not None:
            data = data[: head.length - wire]
        wire += len(data)
        await _take(data, response, decoder, chunks)
        ended = chunks.ended if chunks is not None else wire == head.length
        response.complete = ended or len(response.body) >= response.limit
        if response.complete:
            return
        if wire > MAX_WIRE_BYTES:
            raise operation_error(Failure.TOO_MUCH, "body")
        data = await stream.receive()
        if not data:
            response.complete = chunks is None and head.length is None
            if response.complete:
                return
            raise EOFError


async def _take(data: bytes, response: HttpResponse, decoder: ContentDecoder, chunks: ChunkDecoder | None) -> None:
    """Add the bytes of the body that these bytes of the connection carry."""
    if chunks is None:
        response.body += decoder.decode(data, response.limit - len(response.body))
        return
    for at in count(0, _DECODED_PER_TURN):
        piece = data[at : at + _DECODED_PER_TURN]
        if not piece:
            return
        if at:
            await asyncio.sleep(0)
        response.body += decoder.decode(chunks.decode(piece), response.limit - len(response.body))


def request_target(path: str, query: str) -> str:
    """Return the target of a request for a URL's path and query."""
    return (path or "/") + (f"?{query}" if query else "")


def cookie_field(cookies: Sequence[tuple[str, str]]) -> str:
    """Return the value of a Cookie header field, with as many cookies as it may hold."""
    value = ""
    for name, content in cookies:
        longer = f"{value}; {name}={content}" if value else f"{name}={content}"
        if len(longer) > MAX_COOKIE_BYTES:
            break
        value = longer
    return value
