"""An exclusive lock on a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.file_lock import lock_file


def test_a_locked_file_cannot_be_locked_again_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with path.open("r+b") as other:
        with path.open("r+b") as holder:
            lock_file(holder)
            with pytest.raises(BlockingIOError):
                lock_file(other)
        lock_file(other)
