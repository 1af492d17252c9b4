"""Read the head of an HTTP/1 response as browsers do, and the chunks of its body.

Servers send heads that RFC 9112 forbids and every browser accepts: a blank before the colon, a line without a colon,
bare line feeds, a NUL, an empty line before the status line, a field twice. A strict parser would say that such a
server does not work. Every function here is linear in the size of its input.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_STATUS_LINE = re.compile(rb"HTTP/?(?:[0-9]{1,3}(?:\.[0-9]{1,3})?)?[ \t]{1,8}([1-9][0-9]{2})(?![0-9])", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_BLANK = b" \t\r\0"
MAX_LINES_BEFORE_STATUS = 8
"""Empty lines before the status line; RFC 9112 section 2.2 asks servers for such tolerance, browsers have it too."""
_MAX_KEPT_NAME_BYTES = 48
"""Length up to which names of fields are kept."""
MAX_CHUNK_LINE_BYTES = 16_384
"""Bytes of a chunk's size line with its extensions, or of one line of the trailer."""


class ResponseHead(msgspec.Struct, frozen=True):
    """The head of a response.

    Attributes:
        status: 100 to 999.
        headers: in order, names in lower case, values as octets.
        names: the names as they were sent, in order.
        length: bytes of the body by Content-Length; None where none is stated.
        chunked: the body comes in chunks.
    """

    status: int
    headers: list[tuple[str, bytes]]
    names: tuple[str, ...]
    length: int | None
    chunked: bool

    @property
    def has_body(self) -> bool:
        """Whether a body may follow (RFC 9112 section 6.3)."""
        return self.status >= 200 and self.status not in {204, 304}


def begin_of_head(data: bytes) -> int | None:
    """Return where the status line begins; None where these bytes cannot begin a response.

    An incomplete `HTTP` at the end may still become one.
    """
    start = 0
    while start < min(len(data), 2 * MAX_LINES_BEFORE_STATUS) and data[start] in b"\r\n":
        start += 1
    return start if data[start : start + 4].upper() == b"HTTP"[: len(data) - start] else None


def end_of_head(data: bytes | bytearray, start: int = 0) -> int | None:
    """Return where the head that is searched from `start` ends, its empty line included; None where it does not."""
    found = _END_OF_HEAD.search(data, max(0, start - 2))
    return found.end() if found else None


def parse_head(data: bytes) -> ResponseHead | None:
    """Return the head in these bytes, which are all of it; None where the status line is none."""
    line, *lines = data.lstrip(b"\r\n").split(b"\n")
    found = _STATUS_LINE.match(line)
    if found is None:
        return None
    names: list[str] = []
    headers: list[tuple[str, bytes]] = []
    folded: list[bytes] = []
    for raw in lines:
        if raw[:1] in (b" ", b"\t") and headers:
            folded.append(raw)
            continue
        if folded:
            _unfold(headers, folded)
        written, colon, value = raw.partition(b":")
        if colon:
            field = _common_name(written) if len(written) <= _MAX_KEPT_NAME_BYTES else _name_of(written)
            if field is not None:
                names.append(field[0])
                headers.append((field[1], value.strip(_BLANK)))
    _unfold(headers, folded)
    chunked = any(name == "transfer-encoding" and b"chunked" in value.lower() for name, value in headers)
    return ResponseHead(int(found[1]), headers, tuple(names), None if chunked else _length(headers), chunked)


def _unfold(headers: list[tuple[str, bytes]], folded: list[bytes]) -> None:
    """Add the continuation lines to the value of the last field (RFC 9112 section 5.2)."""
    if folded:
        name, value = headers[-1]
        headers[-1] = name, b" ".join([value, *(line.strip(_BLANK) for line in folded)])
        folded.clear()


def _length(headers: list[tuple[str, bytes]]) -> int | None:
    """The first length that is a number; a field without one states none."""
    for name, value in headers:
        if name == "content-length" and _LENGTH.fullmatch(first := value.partition(b",")[0].strip(_BLANK)):
            return int(first)
    return None


def _name_of(written: bytes) -> tuple[str, str] | None:
    """The name of a field as it was sent, and in lower case; None where it is none."""
    name = written.strip(_BLANK).decode("latin-1")
    lower = name.lower()
    return (name, lower) if _NAME.fullmatch(lower) else None


_common_name = lru_cache(maxsize=512)(_name_of)
"""Servers send the same few names."""


class ChunkDecoder:
    """Take the data out of the chunks of a body, in pieces of any size (RFC 9112 section 7.1).

    Attributes:
        ended: the last chunk and its trailer arrived.
    """

    def __init__(self) -> None:
        self.ended = False
        self._left = 0
        self._line = bytearray()
        self._trailer = False

    def decode(self, data: bytes) -> bytes:
        """Return the data in the next bytes of the body.

        Raises:
            ValueError: a chunk's size is no number, or a line has no end.
        """
        out = bytearray()
        at = 0
        while at < len(data) and not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                out += piece
                at += len(piece)
                self._left -= len(piece)
                continue
            feed = data.find(b"\n", at)
            stop = len(data) if feed < 0 else feed + 1
            self._line += data[at:stop]
            at = stop
            if len(self._line) > MAX_CHUNK_LINE_BYTES:
                raise ValueError("a line of the chunks has no end")
            if feed >= 0:
                self._end_line(bytes(self._line).strip(_BLANK + b"\n"))
                self._line.clear()
        return bytes(out)

    def _end_line(self, line: bytes) -> None:
        if self._trailer:
            self.ended = not line
        elif line:  # the line end after a chunk's data is empty
            found = _CHUNK_SIZE.match(line)
            if found is None:
                raise ValueError("a chunk's size is no number")
            self._left = int(found.group(), 16)
            self._trailer = not self._left
