"""A lock on the state folder, so that only one agent uses it. The operating system releases it when its holder dies."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import IO

from probe.errors import StateError, StorageError
from probe.file_lock import lock_file

LOCK_FILE = "lock"


class AgentAtWorkError(StateError):
    """Another process has the lock."""


class FolderLock:
    """Locks a state folder for the time of a `with` block; creates the folder when it does not exist.

    Raises:
        AgentAtWorkError: another process holds the lock.
        StorageError: the folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._file: IO[str] | None = None

    def __enter__(self) -> FolderLock:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = self._path.open("a+", encoding="ascii")
        except OSError as error:
            raise StorageError(
                f"cannot be written: {error.strerror}", where=str(self._path.parent), mend="name another: [agent] state"
            ) from error
        try:
            lock_file(self._file)
        except OSError as error:
            holder = self._holder()
            self._file.close()
            raise AgentAtWorkError(
                f"another agent is at work here{holder}", where=str(self._path.parent), mend="wait for it, or stop it"
            ) from error
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _holder(self) -> str:
        try:
            number = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""  # Windows refuses to read a locked file
        return f" (process {number})" if number else ""
