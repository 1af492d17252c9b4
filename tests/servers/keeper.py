"""Run a command, and kill it with all its descendants as soon as standard input ends: `keeper.py COMMAND...`.

Patroni leaves its PostgreSQL running when it is killed, and so would a test that is killed. The keeper is a subreaper
(prctl(2)): orphans among its descendants become its children, so it finds them all. Its standard input is a pipe from
the test, which the kernel closes when the test ends, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def descendants(process: int) -> list[int]:
    """The processes below this one, parents first."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*"):
        with suppress(OSError):
            for child in map(int, (thread / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def kill_descendants() -> None:
    """Kill -9 everything below this process, until nothing is left."""
    while found := descendants(os.getpid()):
        for process in found:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main() -> None:
    """Start the command, and kill everything when standard input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps; the command itself has the default
    sys.stdin.buffer.read()
    kill_descendants()
    child.returncode = 0
    os._exit(0)


if __name__ == "__main__":
    main()
