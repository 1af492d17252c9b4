"""The output of a sweep: verdicts as JSON Lines, appended to a file or written to standard output.

What a kill leaves behind is mended when the file is opened again: lines that the journal does not know are read back,
and a last line that is not whole is removed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO

from probe.errors import StorageError
from probe.formats.jsonlines import MAX_LINE_BYTES
from probe.sweep.target_names import DIGEST_BYTES


class VerdictOutput:
    """Where verdicts go; use it in `with`.

    Args:
        path: of the file, which is created when it does not exist; None for standard output.

    Attributes:
        size: bytes of the file; 0 for standard output.
        digest: stands for the path in a journal.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._file: IO[bytes] | None = None
        self.size = 0
        self.digest = bytes(DIGEST_BYTES)
        if path is None:
            return
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise StorageError(f"cannot be written: {error.strerror}", where=str(path), mend="name another") from error
        self.digest = blake2b(os.fsencode(path.resolve()), digest_size=DIGEST_BYTES).digest()
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> VerdictOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def is_stream(self) -> bool:
        """Whether it is standard output."""
        return self._file is None

    def ends_line(self, end: int) -> bool:
        """Whether a line ends at this size of the file, so that its beginning may be one that we wrote."""
        if self._file is None or end > self.size:
            return False
        self._file.seek(max(0, end - 1))
        return end == 0 or self._file.read(1) == b"\n"

    def read_back(self, start: int) -> Iterator[tuple[bytes, int]]:
        """Each whole line from `start` on, and the size of the file after it. Then removes what is no whole line."""
        if self._file is None:
            return
        end = start
        with os.fdopen(os.dup(self._file.fileno()), "rb") as stream:
            stream.seek(start)
            while (line := stream.readline(MAX_LINE_BYTES + 1)).endswith(b"\n"):
                end += len(line)
                yield line, end
        if end < self.size:
            self._file.truncate(end)
            self.size = end

    def end_line(self) -> None:
        """Begin a new line where somebody else's last line has no end."""
        if self._file is not None and not self.ends_line(self.size):
            self.write(b"\n")

    def write(self, line: bytes) -> None:
        """Append a line with its end."""
        if self._file is None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return
        rest = memoryview(line)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.size += len(line)

    def sync(self) -> None:
        """Return when everything written is on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())
