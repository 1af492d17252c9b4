"""An exclusive lock on an open file. The operating system releases it when its holder closes the file or dies."""

from __future__ import annotations

import sys
from typing import IO, Any


def lock_file(file: IO[Any]) -> None:
    """Lock a file without waiting.

    Raises:
        OSError: another process has locked it.
    """
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - there only

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - there only

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
