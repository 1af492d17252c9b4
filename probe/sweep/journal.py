"""The journal of a sweep: which targets have a verdict, so that a sweep that was killed goes on where it stopped.

A file of a header and records of one size, each with a checksum. It is only appended to. A record that a crash has torn
and whatever follows it are removed when the journal is read. Records are written after the verdicts that they stand for
are safely on the disk, so the journal never claims more than the output has.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple
from zlib import crc32

from probe.errors import StateError, StorageError
from probe.file_lock import lock_file
from probe.sweep.target_names import DIGEST_BYTES, KEY_BYTES

PASS_BEGUN = 100
"""Kind of the record with which a pass over all targets begins: earlier records count for earlier passes."""
PASS_COMPLETE = 101
"""Kind of the record after the last verdict of a pass."""
OUTPUT_OPENED = 102
"""Kind of the record that says from where on the following verdicts stand in which output; its digest is the path's."""

_MAGIC = b"probesw1"
_BODY = struct.Struct(f"<{DIGEST_BYTES}sIBxxxQ")
_CHECKSUM = struct.Struct("<I")
RECORD_BYTES = _BODY.size + _CHECKSUM.size
_HEADER_BYTES = len(_MAGIC) + KEY_BYTES
_RECORDS_A_READ = 4096


class JournalRecord(NamedTuple):
    """One record.

    Attributes:
        digest: of the target (`TargetNames.digest`).
        second: Unix second of the verdict.
        kind: the code of its status, or one of the constants above.
        end: size of the output when the verdict had been written; 0 where the output is a stream.
    """

    digest: bytes
    second: int
    kind: int
    end: int


class Journal:
    """An open journal; no other process can open it meanwhile.

    Args:
        path: of the file; it is created when it does not exist.
        key: for the digests, where the file is new.

    Attributes:
        key: for the digests (`TargetNames`).

    Raises:
        StateError: another process has opened it, or it is not the journal of a sweep.
        StorageError: it cannot be written.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._file = _opened(path)
        try:
            self.key = self._begin(key)
        except BaseException:
            self._file.close()
            raise

    def read(self) -> Iterator[JournalRecord]:
        """The records in their order; call it once, before the first `write`. Removes what a crash has torn."""
        good = _HEADER_BYTES
        self._file.seek(good)
        while piece := self._file.read(RECORD_BYTES * _RECORDS_A_READ):
            for start in range(0, len(piece) - RECORD_BYTES + 1, RECORD_BYTES):
                body = piece[start : start + _BODY.size]
                if _CHECKSUM.unpack_from(piece, start + _BODY.size)[0] != crc32(body):
                    break
                yield JournalRecord(*_BODY.unpack(body))
                good += RECORD_BYTES
            else:
                if len(piece) % RECORD_BYTES == 0:
                    continue
            break
        self._file.truncate(good)
        self._file.seek(good)

    def write(self, records: Iterable[JournalRecord]) -> None:
        """Append records; they are on the disk when it returns."""
        self._file.write(b"".join(map(_packed, records)))
        os.fsync(self._file.fileno())

    def replace(self, records: Iterable[JournalRecord]) -> None:
        """Replace all records, so that a journal of many passes does not grow for ever.

        The new journal is written beside the old one and takes its place when it is whole.
        """
        new = self._path.with_name(self._path.name + ".new")
        with new.open("wb") as file:
            file.write(_MAGIC + self.key)
            packed = map(_packed, records)
            while piece := b"".join(islice(packed, _RECORDS_A_READ)):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        self._file.close()  # Windows replaces no open file
        new.replace(self._path)
        self._file = _opened(self._path)
        self._begin(self.key)
        self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self, key: bytes) -> bytes:
        """Lock the file and read its header; write one where a crash left none. Return the key."""
        try:
            lock_file(self._file)
        except OSError as error:
            raise StateError(
                "another sweep is at work with it", where=str(self._path), mend="wait for it, or stop it"
            ) from error
        head = self._file.read(_HEADER_BYTES)
        if len(head) == _HEADER_BYTES and head.startswith(_MAGIC):
            return head[len(_MAGIC) :]
        if not (_MAGIC + bytes(KEY_BYTES)).startswith(head[: len(_MAGIC)]) or len(head) == _HEADER_BYTES:
            raise StateError("not the state of a sweep", where=str(self._path), mend="name another file")
        self._file.seek(0)
        self._file.truncate()
        self._file.write(_MAGIC + key)
        return key


def _opened(path: Path) -> IO[bytes]:
    """Open the file for reading and writing, unbuffered; only this user may read what is watched."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(path), mend="name another") from error
    return os.fdopen(descriptor, "r+b", 0)


def _packed(record: JournalRecord) -> bytes:
    body = _BODY.pack(*record)
    return body + _CHECKSUM.pack(crc32(body))
