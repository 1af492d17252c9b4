"""The measurements in files of OONI's archive, one at a time, in bounded memory.

A file is JSON Lines, plain or packed with gzip, Zstandard or LZ4; or a tar of such files, as the archive kept until
2020 ("cans"); or one measurement of any layout. What it is shows its beginning, not its name. Zstandard and LZ4 need
the extra `archives`.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from probe.errors import RecordError
from probe.formats.ooni.measurement_header import MAX_LINE_BYTES, SetAside

BUFFER_BYTES = 1 << 20
_GZIP, _ZSTD, _LZ4 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
_ZSTANDARD_PIECE = 512
"""Packed bytes that are unpacked at once: a block of four bytes may hold 128 KiB."""
_TAR_MAGIC_AT = 257
MAX_DOCUMENT_BYTES = MAX_LINE_BYTES
"""Bytes of a file that is one measurement in many lines."""
TOO_LONG = SetAside("a line is too long", f"longer than {MAX_LINE_BYTES} bytes")


class ArchiveRow(msgspec.Struct, frozen=True):
    """One row of a file: a measurement, or what is wrong in its place.

    Attributes:
        file: name of the file without its folder; of a can, the member's name, too.
        number: of the line, from 1.
        line: the measurement's JSON; empty where there is a fault.
        fault: why the row was set aside.
        position: bytes of the file, as it is stored, that were read so far.
    """

    file: str
    number: int
    line: bytes = b""
    fault: SetAside | None = None
    position: int = 0


class _CountedFile(io.RawIOBase):
    """A file that counts the bytes that were read of it."""

    def __init__(self, stream: IO[bytes], head: bytes = b"") -> None:
        self._stream = stream
        self._head = head
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def rows_of(name: str) -> Iterator[ArchiveRow]:
    """The rows of a file; `-` is standard input.

    Raises:
        RecordError: it cannot be opened, or needs a library that is not there.
    """
    try:
        stream = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise RecordError(f"cannot be read: {error.strerror}", where=name, mend="name another file") from error
    try:
        yield from _rows(_CountedFile(stream), "-" if name == "-" else Path(name).name, name)
    finally:
        if name != "-":
            stream.close()


def _rows(counted: _CountedFile, shown: str, where: str) -> Iterator[ArchiveRow]:
    number = 0
    try:
        plain = _unpacked(io.BufferedReader(counted, BUFFER_BYTES), where)
        if _is_tar(plain):
            yield from _rows_of_cans(plain, shown, counted)
            return
        for row in _rows_of_lines(plain, shown, counted):
            number = row.number
            yield row
    except (EOFError, OSError, zlib.error, tarfile.TarError, RuntimeError) as error:
        # lz4 raises RuntimeError for broken frames. What came before the break counts.
        fault = SetAside("the file is torn", str(error)[:120])
        yield ArchiveRow(shown, number + 1, fault=fault, position=counted.position)


def _unpacked(stream: io.BufferedReader, where: str) -> io.BufferedReader:
    """The stream without its packing."""
    head = stream.peek(4)[:4]
    opened: Any
    if head.startswith(_GZIP):
        opened = gzip.GzipFile(fileobj=stream)
    elif head == _ZSTD:
        library = _library("zstandard", where)
        opened = _ZstandardFile(lambda: library.ZstdDecompressor().decompressobj(), stream)
    elif head == _LZ4:
        opened = _library("lz4.frame", where).open(stream, "rb")
    else:
        return stream
    return io.BufferedReader(cast("io.RawIOBase", opened), BUFFER_BYTES)


class _ZstandardFile(io.RawIOBase):
    """The contents of frames of Zstandard, one after the other; the library's own readers take a torn frame for whole.

    Args:
        make: makes the library's decompressor of one frame.
        stream: the packed bytes.
    """

    def __init__(self, make: Callable[[], Any], stream: io.BufferedReader) -> None:
        self._make = make
        self._frame = make()
        self._begun = False
        self._stream = stream
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._fill():
            pass
        data, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)

    def _fill(self) -> bool:
        """Unpack a piece; return whether there was one."""
        piece = self._stream.read(_ZSTANDARD_PIECE)
        if not piece:
            if self._begun:
                raise EOFError("the last frame is not whole")
            return False
        found: list[bytes] = []
        try:
            while piece:
                found.append(self._frame.decompress(piece))
                self._begun = not self._frame.eof
                piece = self._frame.unused_data if self._frame.eof else b""
                if self._frame.eof:
                    self._frame = self._make()
        except Exception as error:  # `ZstdError` is not known without the library
            raise OSError(str(error)) from error
        self._ready = b"".join(found)
        return True


def _library(name: str, where: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        packing = "Zstandard" if name == "zstandard" else "LZ4"
        mend = "install the extra: pip install 'reachability-probe[archives]'"
        raise RecordError(f"is packed with {packing}, which this Python cannot read", where=where, mend=mend) from error


def _is_tar(stream: io.BufferedReader) -> bool:
    head = stream.peek(_TAR_MAGIC_AT + 5)
    return head[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar"


def _rows_of_cans(stream: io.BufferedReader, shown: str, counted: _CountedFile) -> Iterator[ArchiveRow]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is None:
                continue
            inner = _CountedFile(opened)
            name = f"{shown}:{Path(member.name).name[:120]}"
            for row in _rows(inner, name, name):
                yield msgspec.structs.replace(row, position=counted.position)


def _rows_of_lines(stream: io.BufferedReader, shown: str, counted: _CountedFile) -> Iterator[ArchiveRow]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            _skip_line(stream, line)
            yield ArchiveRow(shown, number, fault=TOO_LONG, position=counted.position)
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip() in {b"{", b"["}:
                yield from _rows_of_document(line, stream, shown, counted)
                return
        if line.strip():
            yield ArchiveRow(shown, number, line, position=counted.position)


def _skip_line(stream: io.BufferedReader, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(BUFFER_BYTES)


def _rows_of_document(
    beginning: bytes, stream: io.BufferedReader, shown: str, counted: _CountedFile
) -> Iterator[ArchiveRow]:
    """The rows of a file that is one JSON document in many lines: a measurement, or a list of them."""
    text = beginning + stream.read(MAX_DOCUMENT_BYTES)
    if stream.peek(1):
        yield ArchiveRow(shown, 1, fault=SetAside("not JSON Lines", "one document of many lines, and too long"))
        return
    if beginning.strip() == b"{":
        yield ArchiveRow(shown, 1, text, position=counted.position)
        return
    try:
        parts = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        yield ArchiveRow(shown, 1, fault=SetAside("not JSON", str(error)[:120]), position=counted.position)
        return
    for number, part in enumerate(parts, 1):
        yield ArchiveRow(shown, number, bytes(part), position=counted.position)
