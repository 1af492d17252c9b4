"""What glances at each target are compared with, in a file beside the state: a few hundred bytes a target on disk.

Memory holds one offset a target. The file is only appended to. What a crash tears is removed when it is opened again;
a target without a memory is looked at in full, so a loss costs traffic and no verdict.
"""

from __future__ import annotations

import os
import struct
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from zlib import crc32

import msgspec

from probe.errors import StateError, StorageError
from probe.sweep.swept_looks import TargetLooks
from probe.sweep.target_names import DIGEST_BYTES, TargetNames

MAX_RECORD_BYTES = 64 * 1024
"""Bytes of one memory; known answers and addresses are bounded, and come to a few kilobytes at most."""
MAX_WASTE_BYTES = 64 * 1024 * 1024
"""Bytes of outdated records beside as many good ones, from which on the file is written anew when it is opened."""

_MAGIC = b"probelk1"
_HEAD = struct.Struct(f"<II{DIGEST_BYTES}s")
"""Size of the memory, checksum of digest and memory, digest of the target."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(TargetLooks)


class LookStore:
    """The memories of all targets; use it in `with`.

    Args:
        path: of the file, which is created when it does not exist; None for one that ends with the process.
        names: of the targets.

    Raises:
        StateError: the file is something else.
        StorageError: it cannot be written.
    """

    def __init__(self, path: Path | None, names: TargetNames) -> None:
        self._names = names
        self._offsets = array("Q", bytes(8 * len(names)))
        self._path = path
        self._file = self._opened()
        self._end = len(_MAGIC)
        try:
            self._restore()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> LookStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, number: int) -> TargetLooks | None:
        """The memory of a target; None where there is none."""
        offset = self._offsets[number]
        if not offset:
            return None
        self._file.seek(offset)
        size = _HEAD.unpack(self._file.read(_HEAD.size))[0]
        try:
            return _decoder.decode(self._file.read(size))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # an older version wrote it otherwise

    def put(self, number: int, looks: TargetLooks) -> None:
        """Replace the memory of a target."""
        body, digest = _encoder.encode(looks), self._names.digest(number)
        self._file.seek(self._end)
        self._file.write(_HEAD.pack(len(body), crc32(body, crc32(digest)), digest) + body)
        self._offsets[number] = self._end
        self._end += _HEAD.size + len(body)

    def _opened(self) -> IO[bytes]:
        if self._path is None:
            return tempfile.TemporaryFile(buffering=0)
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            where = str(self._path)
            raise StorageError(
                f"cannot be written: {error.strerror}", where=where, mend="name another state"
            ) from error
        return os.fdopen(descriptor, "r+b", 0)

    def _restore(self) -> None:
        magic = self._file.read(len(_MAGIC))
        if not _MAGIC.startswith(magic):
            raise StateError("not the looks of a sweep", where=str(self._path), mend="move it away")
        if magic != _MAGIC:
            self._file.seek(0)
            self._file.write(_MAGIC)
        sizes = array("I", bytes(4 * len(self._offsets)))
        for offset, digest, size in self._scan():
            number = self._names.number_by_digest(digest)
            if number is not None:
                self._offsets[number], sizes[number] = offset, size
        self._file.truncate(self._end)
        if self._path is not None and self._end > 2 * sum(sizes) + MAX_WASTE_BYTES:
            self._compact(self._path)

    def _scan(self) -> Iterator[tuple[int, bytes, int]]:
        """Offset, digest and size of each record, up to the first that is torn; sets the end of the file to it."""
        with os.fdopen(os.dup(self._file.fileno()), "rb") as stream:
            stream.seek(self._end)
            while len(head := stream.read(_HEAD.size)) == _HEAD.size:
                size, checksum, digest = _HEAD.unpack(head)
                if (
                    size > MAX_RECORD_BYTES
                    or len(body := stream.read(size)) < size
                    or crc32(body, crc32(digest)) != checksum
                ):
                    return
                yield self._end, digest, _HEAD.size + size
                self._end += _HEAD.size + size

    def _compact(self, path: Path) -> None:
        """Write the file anew with one record a target."""
        new = path.with_name(path.name + ".new")
        offsets = array("Q", bytes(8 * len(self._offsets)))
        with new.open("wb") as file:
            file.write(_MAGIC)
            for number, offset in enumerate(self._offsets):
                if offset:
                    offsets[number] = file.tell()
                    self._file.seek(offset)
                    head = self._file.read(_HEAD.size)
                    file.write(head + self._file.read(_HEAD.unpack(head)[0]))
            self._end = file.tell()
        self._file.close()  # Windows replaces no open file
        new.replace(path)
        self._offsets = offsets
        self._file = self._opened()
