"""Compare whole checks with other programs: CPU seconds, wall time and results, side by side.

Clients are pinned to the first core, servers and the driver of a peer to the second. CPU is user + system time of the
client without its start-up, which is measured with a list of one target. Cases alternate (A B A B); the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.testbed import CLIENT, SERVER, Testbed, names, running_testbed

PROBE = Path(sys.executable).parent / "probe"
DRIVER = Path(__file__).with_name("driver.py")
BARE = ("--anchor", "", "--trusted-resolver", "", "--pace", "0")


@dataclass(frozen=True)
class Run:
    """One run of one client: seconds of CPU and wall, peak MiB, checks that succeeded and that failed."""

    cpu: float
    wall: float
    memory: float
    succeeded: int
    failed: int


def probe(
    testbed: Testbed, targets: list[str], *, concurrency: int, timeout: float = 5.0, stopped: bool = False
) -> Run:
    """`probe check` over the targets."""
    (testbed.folder / "list").write_text("\n".join(targets) + "\n")
    command = [str(PROBE), "check", "--json", "--targets", str(testbed.folder / "list"), *BARE]
    command += ["--concurrency", str(concurrency), "--timeout", str(timeout)]
    wall, usage, output = _timed(testbed.on_client(*command), testbed, stopped=stopped)
    statuses = Counter(json.loads(line)["status"] for line in output.splitlines())
    succeeded = statuses.pop("reachable", 0)
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, succeeded, statuses.total())


def exporter(testbed: Testbed, targets: list[str], *, concurrency: int, module: str = "http") -> Run:
    """prometheus-blackbox-exporter over the targets; the process that drives it is not counted."""
    command = ["prometheus-blackbox-exporter", f"--config.file={testbed.folder / 'blackbox.json'}", "--log.level=error"]
    command += [f"--web.listen-address={CLIENT}:9115"]
    began = time.monotonic()
    server = subprocess.Popen(testbed.on_client(*command), env=testbed.environment, stderr=subprocess.DEVNULL)
    try:
        _wait_for(testbed)
        (testbed.folder / "list").write_text("\n".join(targets) + "\n")
        before = _spent(server.pid)
        began = time.monotonic()
        driver = [sys.executable, str(DRIVER), str(testbed.folder / "list"), f"http://{CLIENT}:9115", module]
        done = subprocess.run(testbed.on_client(*driver, str(concurrency), core=1), check=True, stdout=subprocess.PIPE)
        wall, spent = time.monotonic() - began, _spent(server.pid) - before
        memory = _peak(server.pid)
    finally:
        server.terminate()
        server.wait()
    succeeded, failed = (int(word) for word in done.stdout.split())
    return Run(spent, wall, memory, succeeded, failed)


def curl(testbed: Testbed, targets: list[str]) -> Run:
    """`curl --parallel` at its highest limit."""
    lines = [f'url = "{target}"\noutput = "/dev/null"' for target in targets]
    (testbed.folder / "curl").write_text("\n".join(lines) + "\n")
    command = ["curl", "--parallel", "--parallel-max", "300", "--connect-timeout", "5", "-m", "10", "-s"]
    command += ["-w", "%{http_code}\n", "--cacert", str(testbed.folder / "ca.pem"), "-K", str(testbed.folder / "curl")]
    wall, usage, output = _timed(testbed.on_client(*command), testbed)
    codes = Counter(output.split())
    succeeded = codes.pop("200", 0)
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, succeeded, codes.total())


def _timed(command: list[str], testbed: Testbed, *, stopped: bool = False) -> tuple[float, resource.struct_rusage, str]:
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(command, env=testbed.environment, stdout=output)
        if stopped:
            _hold_back(process)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return wall, usage, output.read().decode()


def _hold_back(process: subprocess.Popen[bytes]) -> None:
    """Stop the client for 45 of every 50 ms, to simulate a host that is ten times slower."""
    time.sleep(1.0)  # imports are not compared
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.kill(process.pid, 19)
        time.sleep(0.045)
        os.kill(process.pid, 18)
        time.sleep(0.005)


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _wait_for(testbed: Testbed) -> None:
    for _ in range(100):
        done = subprocess.run(
            testbed.on_client("curl", "-s", "-o", "/dev/null", f"http://{CLIENT}:9115/", core=1), check=False
        )
        if done.returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError("the exporter does not answer")


def healthy(testbed: Testbed, count: int, rounds: int) -> None:
    """Whole HTTPS checks and lookups per CPU-second."""
    targets = [f"https://{name}/" for name in names(count)]
    start = statistics.median(probe(testbed, targets[:1], concurrency=1).cpu for _ in range(rounds))
    ours, theirs, lookups = [], [], []
    for _ in range(rounds):
        ours.append(_rate(probe(testbed, targets, concurrency=50), count, start))
        theirs.append(_rate(exporter(testbed, targets, concurrency=50), count, 0.0))
        lookups.append(_rate(probe(testbed, [f"dns://{name}" for name in names(count)], concurrency=50), count, start))
    resolver = [_resolver(testbed, count) for _ in range(rounds)]
    print(f"whole HTTPS checks per CPU-second, {count} targets, 50 at once, median of {rounds}")
    print(f"  probe check                    {statistics.median(ours):8.0f}")
    print(f"  prometheus-blackbox-exporter   {statistics.median(theirs):8.0f}")
    print(f"  ratio                          {_ratio(ours, theirs):8.2f}")
    print("lookups per CPU-second (dns:// checks, verdict included)")
    print(f"  probe check                    {statistics.median(lookups):8.0f}")
    print(f"  dnspython's async resolver     {statistics.median(resolver):8.0f}")
    print(f"  ratio                          {_ratio(lookups, resolver):8.2f}")


def _rate(run: Run, count: int, start: float) -> float:
    if run.succeeded != count:
        print(f"  ({count - run.succeeded} of {count} healthy targets were not found healthy)")
    return count / max(run.cpu - start, 1e-9)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _resolver(testbed: Testbed, count: int) -> float:
    script = Path(__file__).with_name("resolver.py")
    command = testbed.on_client(sys.executable, str(script), SERVER, str(count))
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def mixed(testbed: Testbed, count: int) -> None:
    """Many targets, 3 in 10 silent; also on a host ten times slower."""
    targets = [f"https://{name}/" for name in names(count, silent=0.3)]
    print(f"{count} HTTPS targets, 30 % silent, 5 s a step")
    print(f"  {'':34} {'wall s':>7} {'CPU s':>7} {'MiB':>6} {'healthy called failed':>23}")
    alive = sum(1 for target in targets if target.startswith("https://n"))
    rows = {
        "probe check, 10,000 at once": lambda: probe(testbed, targets, concurrency=10_000),
        "blackbox exporter, 2,000 at once": lambda: exporter(testbed, targets, concurrency=2_000),
        "curl --parallel-max 300": lambda: curl(testbed, targets),
    }
    for name, run in rows.items():
        _row(name, run(), alive)
    slow = targets[: count // 5]
    alive = sum(1 for target in slow if target.startswith("https://n"))
    print(f"the same, {len(slow)} targets, the client stopped 45 ms of every 50")
    _row("probe check, 1,000 at once", probe(testbed, slow, concurrency=1_000, stopped=True), alive)


def _row(name: str, run: Run, alive: int) -> None:
    print(f"  {name:34} {run.wall:7.1f} {run.cpu:7.1f} {run.memory:6.0f} {alive - run.succeeded:23}", flush=True)


def main() -> None:
    """Build the testbed and run the cases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--healthy", type=int, default=1500, help="targets of the first table")
    parser.add_argument("--mixed", type=int, default=10_000, help="targets of the second table")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with running_testbed(max(options.healthy, options.mixed)) as testbed:
        healthy(testbed, options.healthy, options.rounds)
        mixed(testbed, options.mixed)


if __name__ == "__main__":
    main()
