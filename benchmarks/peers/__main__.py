"""Compare with other programs on the same servers, in one run: `python -m benchmarks.peers [--row 4]`.

Clients are pinned to the first core, servers and the driver of a peer to the second. CPU is user + system time of the
client without its start-up (nmap and zmap: with it). Cases alternate (A B A B); the figure is the median of the rounds'
ratios. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import sys

from benchmarks.peers.rows import PARTS, Options, Part
from benchmarks.peers.testbed import Testbed, running_testbed

TOOLS = ("ip", "taskset", "nginx", "knotd", "curl", "sysctl", "iptables")
"""What the testbed itself needs."""
NAMES = 10_000


def lacking() -> list[str]:
    """What this host lacks for the testbed."""
    found = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        found.insert(0, "root on Linux (network namespaces)")
    return found


def line(part: Part, testbed: Testbed, options: Options) -> str:
    """Measure a part and return its row of the table."""
    if missing := part.missing():
        return f"| {part.row} | {part.what} | {part.least} | {part.aim} | not measured: needs {', '.join(missing)} | |"
    result = part.measure(testbed, options)
    beside = f"{result.ours} : {result.theirs}" if result.theirs else result.ours
    return f"| {part.row} | {part.what} | {part.least} | {part.aim} | **{result.figure}** | {beside} |"


def main() -> int:
    """Build the testbed, measure the chosen rows, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.partition("\n")[0])
    known = sorted({part.row for part in PARTS})
    parser.add_argument("--row", type=int, action="append", choices=known, help="repeatable; all by default")
    parser.add_argument("--count", type=int, default=0, help="checks a run; each row's own number by default")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if missing := lacking():
        sys.stderr.write(f"peers: nothing measured: needs {', '.join(missing)}\n")
        return 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the testbed is removed also then
    options = Options(given.count, given.rounds)
    with running_testbed(max(NAMES, given.count)) as testbed:
        print("| # | what | at least | aim | measured | ours : theirs |\n| --- | --- | ---: | ---: | ---: | --- |")
        for part in PARTS:
            if not given.row or part.row in given.row:
                print(line(part, testbed, options), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
