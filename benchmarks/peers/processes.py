"""Run one client and count what it cost: CPU seconds, wall seconds, peak memory, and how many checks succeeded."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.testbed import Testbed

STOP_SECONDS, RUN_SECONDS = 0.045, 0.005
"""A host that is ten times slower: the client is stopped for 45 ms of every 50."""


@dataclass(frozen=True)
class Run:
    """One run of one client: seconds of CPU and wall, peak MiB, checks that succeeded and that failed."""

    cpu: float
    wall: float
    memory: float
    succeeded: int
    failed: int = 0

    def rate(self, count: int, start: float = 0.0) -> float:
        """Checks a CPU-second, without the CPU of the start-up; says when some did not succeed."""
        if self.succeeded != count:
            print(f"  ({count - self.succeeded} of {count} checks did not succeed)", flush=True)
        return count / max(self.cpu - start, 1e-9)


def timed(command: list[str], testbed: Testbed, *, stopped: bool = False) -> tuple[float, resource.struct_rusage, str]:
    """Run a command to its end; return its wall seconds, what it used, and its output."""
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(command, env=testbed.environment, stdout=output, stderr=subprocess.DEVNULL)
        if stopped:
            hold_back(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return wall, usage, output.read().decode()


def script(testbed: Testbed, file: str, *arguments: str) -> Run:
    """Run a client of this folder that counts its own CPU after its imports and prints a `Run` as JSON."""
    command = testbed.on_python(str(Path(__file__).with_name(file)), *arguments)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=testbed.environment)
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def hold_back(pid: int) -> None:
    """Stop a process for most of the time until it ends."""
    time.sleep(1.0)  # imports are not compared
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOP_SECONDS)
        os.kill(pid, signal.SIGCONT)
        time.sleep(RUN_SECONDS)


def cpu_of(usage: resource.struct_rusage) -> float:
    """User and system seconds."""
    return usage.ru_utime + usage.ru_stime


def cpu_of_daemon(pid: int) -> float:
    """CPU seconds of a running process so far, by the scheduler's own clock."""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def peak_of_daemon(pid: int) -> float:
    """Peak MiB of a running process."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
