"""Streaming decompression of gzip files, with bounds on the output and on the work."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from probe.errors import ListError

STEP = 256 * 1024
"""Bytes of output at a time."""
MAX_BYTES = 1024 * 1024 * 1024
"""Bytes of an unpacked file; the largest register has 300 MB."""

MAX_MEMBERS = 20_000
"""Members of a gzip file. Tools that compress in blocks of 64 KiB write 16,384 for a file of `MAX_BYTES`. An empty
member has 20 bytes and gives none, so a bound on sizes does not limit their number."""

_PIECE = 64 * 1024
"""Bytes of input at a time: the decompressor copies what it has not used yet."""
_GZIP = b"\x1f\x8b"


def unpack(chunks: Iterable[bytes], name: str, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
    """The pieces of a file, decompressed when it is gzip and unchanged when it is not.

    Raises:
        ListError: the file has more than `max_bytes` or more than `MAX_MEMBERS` members, or is broken gzip.
    """
    total = 0
    for piece in _unpacked(chunks, name):
        total += len(piece)
        if total > max_bytes:
            raise ListError(f"larger than {max_bytes} bytes", where=name, mend="is it the right file?")
        yield piece


def _unpacked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    pieces = iter(chunks)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(_GZIP):
            break
    if not head.startswith(_GZIP):
        if head:
            yield head
        yield from pieces
        return
    yield from _inflated(_cut(head, pieces), name)


def _cut(head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at most `_PIECE`, none of them empty."""
    for piece in chain([head], pieces):
        for start in range(0, len(piece), _PIECE):
            yield piece[start : start + _PIECE]


def _inflated(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    members = 1
    waiting = next(pieces)
    try:
        while True:
            out = inflater.decompress(waiting, STEP)
            if out:
                yield out
            waiting = inflater.unconsumed_tail
            if inflater.eof:
                # A gzip file may have several members (RFC 1952 section 2.2).
                waiting = inflater.unused_data.lstrip(b"\0")
                while not waiting:  # zeros after a member are padding, as gzip(1) reads them
                    piece = next(pieces, b"")
                    if not piece:
                        return
                    waiting = piece.lstrip(b"\0")
                members += 1
                if members > MAX_MEMBERS:
                    raise ListError(f"more than {MAX_MEMBERS} gzip members", where=name, mend="is it the right file?")
                inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            elif not waiting and not out:
                waiting = next(pieces, b"")
                if not waiting:
                    raise ListError("the gzip file was cut short", where=name, mend="fetch it again")
    except zlib.error as error:
        raise ListError("a broken gzip file", where=name, mend="fetch it again") from error
