"""The keeper of a process that leaves descendants behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import keeper

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) and /proc")
ORPHANS = "sleep 600 & setsid sleep 600 & echo $$ $(pgrep -P $$ sleep); wait"
"""A shell that leaves two processes behind when it is killed, one of them in a session of its own."""


def test_orphans_are_killed_when_the_keeper_s_parent_is_killed() -> None:
    """The parent dies by SIGKILL, so it can close nothing itself."""
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {keeper.__file__!r}, 'sh', '-c', {ORPHANS!r}], stdin=subprocess.PIPE)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    processes = [int(word) for word in parent.stdout.readline().split()]
    assert len(processes) >= 2
    assert all(is_alive(process) for process in processes)

    parent.kill()
    parent.communicate()

    ends = time.monotonic() + 60
    while any(is_alive(process) for process in processes):
        assert time.monotonic() < ends
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether a process runs: neither gone nor a zombie."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def test_descendants_are_found_below_their_parents() -> None:
    """A child of a child is a descendant, and comes after it."""
    shell = subprocess.Popen(["sh", "-c", "echo; sleep 600; true"], stdout=subprocess.PIPE)
    assert shell.stdout is not None
    shell.stdout.readline()
    try:
        found: list[int] = []
        while len(found) < 2 or found[0] != shell.pid:
            below = keeper.descendants(os.getpid())
            found = below[below.index(shell.pid) :][:2]
        assert Path(f"/proc/{found[1]}/comm").read_text() in {"sleep\n", "sh\n"}
    finally:
        for process in reversed(found):
            os.kill(process, 9)
        shell.communicate()
