"""Memory and rate of `probe sweep` over a register of a million names, in the namespaces of `benchmarks.peers`.

Every name of the register is loaded and scheduled, and any of them would answer; the sweep is ended after a number of
verdicts. Peak memory is that of the sweep and its workers together. The rate counts from the first verdict on, so that
reading the list is not in it; reading has a line of its own. Needs root, nginx and knot; the peer of the rate is
prometheus-blackbox-exporter, where it is installed.

Run: ``python -m benchmarks.sweep [--names 1000000] [--measured 5000] [--jobs 2]``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import others
from benchmarks.peers.processes import cpu_of_daemon, peak_of_daemon
from benchmarks.peers.testbed import REGISTER_ZONES, Testbed, running_testbed

BARE = ("--anchor", "", "--trusted-resolver", "", "--pace", "0", "--round-connections", "0", "--round-bytes", "0")
_GLANCE = b'"rule":"glance.same"'


@dataclass(frozen=True)
class SweepRun:
    """What one run of a sweep cost.

    Attributes:
        reading: CPU seconds until the first verdict.
        rate: verdicts a CPU second after it.
        peak: MiB of all its processes.
        parts: MiB of each.
        measured: verdicts, and how many of them say `reachable`.
    """

    reading: float
    rate: float
    peak: float
    parts: tuple[float, ...]
    measured: tuple[int, int]


def sweep(testbed: Testbed, list_file: Path, measured: int, *, jobs: int, concurrency: int) -> SweepRun:
    """Sweep the list until so many verdicts are written, then end it."""
    with _running(testbed, list_file, "--jobs", str(jobs), "--concurrency", str(concurrency)) as (process, output):
        _until(output, 1, process)
        pids = [process.pid, *_children(process.pid)]
        before, first = sum(map(cpu_of_daemon, pids)), _lines(output)
        _until(output, measured, process)
        spent, last = sum(map(cpu_of_daemon, pids)) - before, _lines(output)
        parts = tuple(map(peak_of_daemon, pids))
    reachable = output.read_bytes().count(b'"status":"reachable"')
    return SweepRun(before, (last - first) / spent, sum(parts), parts, (_lines(output), reachable))


def glances(testbed: Testbed, list_file: Path, count: int, concurrency: int) -> float:
    """Names a CPU second of later passes over so many names, in which most get a glance."""
    every = ("--every", "1", "--concurrency", str(concurrency))
    with _running(testbed, list_file, *every) as (process, output):
        _until(output, count, process)
        before, first = cpu_of_daemon(process.pid), output.read_bytes().count(_GLANCE)
        _until(output, 4 * count, process)
        return (output.read_bytes().count(_GLANCE) - first) / (cpu_of_daemon(process.pid) - before)


@contextmanager
def _running(testbed: Testbed, list_file: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A sweep, and its output, which is new."""
    output = testbed.folder / f"verdicts-{time.monotonic()}"
    command = ["-m", "probe", "sweep", str(list_file), "--output", str(output), "--timeout", "5", *words, *BARE]
    process = subprocess.Popen(testbed.on_python(*command), env=testbed.environment, stderr=subprocess.DEVNULL)
    try:
        yield process, output
    finally:
        process.terminate()  # a shell starts its background jobs deaf to SIGINT
        process.wait()


def _until(output: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    while _lines(output) < lines:
        if process.poll() is not None:
            raise RuntimeError(f"the sweep ended with status {process.returncode}")
        time.sleep(0.2)


def _lines(output: Path) -> int:
    return output.read_bytes().count(b"\n") if output.exists() else 0


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--names", type=int, default=1_000_000)
    options.add_argument("--measured", type=int, default=5_000, help="verdicts after which a sweep is ended")
    options.add_argument("--jobs", type=int, nargs="*", default=[1, 2])
    options.add_argument("--concurrency", type=int, default=64)
    chosen = options.parse_args()
    missing = [name for name in ("ip", "nginx", "knotd") if shutil.which(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")
    with running_testbed(100) as testbed:
        zones = REGISTER_ZONES
        urls = [f"https://s{number}.{zones[number % len(zones)]}/" for number in range(chosen.names)]
        list_file = testbed.folder / "register"
        list_file.write_text("\n".join(urls) + "\n")
        for jobs in chosen.jobs:
            run = sweep(testbed, list_file, chosen.measured, jobs=jobs, concurrency=chosen.concurrency)
            parts = " + ".join(f"{part:.0f}" for part in run.parts)
            print(f"{jobs} process(es): peak {run.peak:.0f} MiB ({parts}), read in {run.reading:.1f} CPU-s,")
            print(f"  {run.rate:.0f} names a CPU-second, {run.measured[1]} of {run.measured[0]} reachable", flush=True)
        list_file.write_text("\n".join(urls[: chosen.measured]) + "\n")
        again = glances(testbed, list_file, chosen.measured, chosen.concurrency)
        print(f"later passes over {chosen.measured} names: {again:.0f} names a CPU-second by glances", flush=True)
        if shutil.which(others.EXPORTER) is None:
            print(f"{others.EXPORTER} is not installed: no peer")
            return
        peer = others.exporter(testbed, urls[: chosen.measured], concurrency=50)
        print(f"{others.EXPORTER}: {peer.rate(chosen.measured):.0f} names a CPU-second, peak {peer.memory:.0f} MiB")
        print("  (it is given one name after the other and holds none)")


if __name__ == "__main__":
    main()
