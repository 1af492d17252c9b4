"""This program as the benchmark runs it: the whole command, with verdicts and evidence as JSON Lines."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.processes import Run, cpu_of, script, timed
from benchmarks.peers.testbed import Testbed

PROBE = Path(sys.executable).parent / "probe"
BARE = ("--anchor", "", "--trusted-resolver", "", "--pace", "0")
"""No anchors, no trusted resolver, no pace limit: what a healthy target itself costs."""


def check(
    testbed: Testbed,
    targets: Sequence[str],
    *,
    concurrency: int = 50,
    timeout: float = 5.0,
    stopped: bool = False,
    options: Sequence[str] = (),
    tls: str = "openssl",
) -> Run:
    """`probe check --json` over the targets, with the TLS library `tls`."""
    (testbed.folder / "list").write_text("\n".join(targets) + "\n")
    command = [
        "env",
        f"PROBE_MEASURE_TLS={tls}",
        str(PROBE),
        "check",
        "--json",
        "--targets",
        str(testbed.folder / "list"),
        *BARE,
        *options,
    ]
    command += ["--concurrency", str(concurrency), "--timeout", str(timeout)]
    wall, usage, output = timed(testbed.on_client(*command), testbed, stopped=stopped)
    statuses = Counter(json.loads(line)["status"] for line in output.splitlines())
    succeeded = statuses.pop("reachable", 0)
    return Run(cpu_of(usage), wall, usage.ru_maxrss / 1024, succeeded, statuses.total())


def check_rate(
    testbed: Testbed,
    targets: Sequence[str],
    *,
    concurrency: int = 50,
    options: Sequence[str] = (),
    tls: str = "openssl",
) -> float:
    """Checks a CPU-second; the start-up is that of a run over one target just before."""
    start = check(testbed, targets[:1], options=options, tls=tls)
    return check(testbed, targets, concurrency=concurrency, options=options, tls=tls).rate(len(targets), start.cpu)


def glance_rate(testbed: Testbed, targets: Sequence[str], *, passes: int = 5) -> float:
    """Glances a CPU-second over targets that were looked at in full before, verdicts and evidence as JSON included."""
    (testbed.folder / "list").write_text("\n".join(targets) + "\n")
    run = script(testbed, "glance_client.py", str(testbed.folder / "list"), str(passes))
    return run.rate(len(targets) * passes)
