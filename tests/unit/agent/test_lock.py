"""The lock on a state folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from probe.agent.lock import FolderLock
from probe.errors import ExitStatus, StateError, StorageError

HOLD = "import sys, time; from pathlib import Path; from probe.agent.lock import FolderLock\n"
HOLD += "with FolderLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_a_second_agent_is_refused_with_the_holders_process_id(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "state"), pytest.raises(StateError) as caught, FolderLock(tmp_path / "state"):
        pass

    assert f"another agent is at work here (process {os.getpid()})" in str(caught.value)
    assert caught.value.status == ExitStatus.USAGE


def test_the_lock_is_free_after_its_holder_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with FolderLock(tmp_path):
            pass


def test_the_lock_of_a_killed_agent_is_free(tmp_path: Path) -> None:
    """The operating system releases it, however the process ended."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(StateError), FolderLock(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    with FolderLock(tmp_path):
        pass


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"cannot be written: .* \(name another: \[agent\] state\)"):
        FolderLock(tmp_path / "file" / "state").__enter__()
