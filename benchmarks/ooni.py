"""Speed and memory of the reader of OONI measurements, and how soon a change in their series is reported.

``python -m benchmarks.ooni [speed|memory|series]``. Without real measurements beside the project it takes those of the
tests. `speed` compares with a bare `json.loads` loop and, where `OONIDATA_PYTHON` names a Python that has it, with
oonidata's own loader, each in a process of its own and in turns; times are CPU time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

from probe.formats.ooni.measurement_header import SetAside
from probe.model.verdict import Verdict
from probe.ooni.archive import rows_of
from probe.ooni.joining import Joiner
from probe.ooni.network_detectors import NetworkDetectors
from probe.ooni.reading import OoniReader
from probe.ooni.worker_pool import judged_rows
from tests.required import SHARED_DATA
from tests.unit.formats.ooni.measurements import (
    ADDRESS,
    HTTP,
    control,
    doh,
    keys,
    line_of,
    measurement,
    page,
    query,
    tcp,
    tls,
)

ROUNDS = 3
LOADER = """
import sys, time, json
from oonidata.dataclient import load_measurement
import orjson
lines = open(sys.argv[1], "rb").read().splitlines()
began, refused = time.process_time(), 0
for line in lines:
    try:
        load_measurement(orjson.loads(line))
    except Exception:
        refused += 1
print(time.process_time() - began, refused)
"""


def samples() -> list[bytes]:
    """Measurements of Web Connectivity, one line each."""
    real = sorted((SHARED_DATA / "ooni").glob("*/*.json")) if SHARED_DATA.is_dir() else []
    found = [json.dumps(json.loads(path.read_bytes())).encode() for path in real]
    found = [line for line in found if b'"test_name": "web_connectivity"' in line]
    return found or [line_of(measurement()), line_of(measurement(HTTP, keys(requests=[page(HTTP)])))]


def written(folder: Path, size: int, draw: random.Random) -> Path:
    """A file of measurements of about this size; inputs, times and bodies differ, shapes are those of the samples."""
    path = folder / "day.jsonl"
    known = samples()
    total = number = 0
    with path.open("wb") as stream:
        while total < size:
            line = draw.choice(known)
            stamp = f"{datetime(2024, 2, 1) + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}".encode()  # noqa: DTZ001
            stream.write(line.replace(b'"probe_ip"', b'"x_number": %d, "x_stamp": "%s", "probe_ip"' % (number, stamp)))
            stream.write(b"\n")
            total += len(line)
            number += 1
    return path


def read_all(path: Path) -> tuple[float, float]:
    """Judge a file in this process; CPU seconds and elapsed seconds."""
    cpu, wall = time.process_time(), time.monotonic()
    for _ in judged_rows(rows_of(str(path)), 1):
        pass
    return time.process_time() - cpu, time.monotonic() - wall


def decode_all(path: Path) -> tuple[float, float]:
    """Decode a file with `json.loads`; CPU seconds and elapsed seconds."""
    cpu, wall = time.process_time(), time.monotonic()
    with path.open("rb") as stream:
        for line in stream:
            json.loads(line)
    return time.process_time() - cpu, time.monotonic() - wall


def read_in_two(path: Path) -> tuple[float, float]:
    """Judge a file in two processes; CPU seconds of all of them, and elapsed seconds."""
    before, cpu, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time(), time.monotonic()
    for _ in judged_rows(rows_of(str(path)), 2):
        pass
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.process_time() - cpu + children, time.monotonic() - wall


def load_all(path: Path) -> tuple[float, float] | None:
    """Load a file with oonidata in its own environment; None without one."""
    python = os.environ.get("OONIDATA_PYTHON")
    if not python:
        return None
    wall = time.monotonic()
    done = subprocess.run([python, "-c", LOADER, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0]), time.monotonic() - wall


def speed(megabytes: int) -> None:
    """Print measurements and megabytes a CPU-second of each way of reading a file."""
    ways: dict[str, Callable[[Path], tuple[float, float] | None]] = {
        "read and judged, one process": read_all,
        "read and judged, two processes": read_in_two,
        "json.loads": decode_all,
        "oonidata load_measurement": load_all,
    }
    with tempfile.TemporaryDirectory() as name:
        path = written(Path(name), megabytes << 20, random.Random(1))
        count = sum(1 for _ in path.open("rb"))
        size = path.stat().st_size / 1e6
        results: dict[str, list[tuple[float, float]]] = {}
        for _ in range(ROUNDS):
            for way, run in ways.items():
                found = run(path)
                if found is not None:
                    results.setdefault(way, []).append(found)
    print(f"{count} measurements, {size:.0f} MB, median of {ROUNDS} rounds")
    for way, found in results.items():
        cpu = median(one[0] for one in found)
        wall = median(one[1] for one in found)
        print(f"{way:32} {count / cpu:8.0f} a CPU-s {size / cpu:8.1f} MB/CPU-s {size / wall:8.1f} MB/s")
    if len(results) < len(ways):
        print("oonidata was left out: set OONIDATA_PYTHON to a Python that has it")


def memory(megabytes: int) -> None:
    """Print the most memory that reading a large file takes, generated on the fly and never on disk whole."""
    code = (
        "import sys, resource\n"
        "from probe.cli import main\n"
        "status = main(['ooni', 'read', '-'])\n"
        "sys.stderr.write(f'peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB\\n')\n"
    )
    draw, known, total = random.Random(1), samples(), 0
    with tempfile.TemporaryFile() as said:
        reader = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        )
        stdin = cast("IO[bytes]", reader.stdin)
        while total < megabytes << 20:
            line = draw.choice(known) + b"\n"
            stdin.write(line)
            total += len(line)
        stdin.close()
        reader.wait()
        said.seek(0)
        print(f"{total / 1e6:.0f} MB read: {said.read().decode().splitlines()[-1]}")


KINDS: dict[str, dict[str, Any]] = {
    "bogon": {"queries": [query("127.0.0.1"), doh(ADDRESS)], "tcp_connect": [], "tls_handshakes": [], "requests": []},
    "NXDOMAIN": {
        "queries": [query(failure="dns_nxdomain_error"), doh(ADDRESS)],
        "tcp_connect": [],
        "tls_handshakes": [],
        "requests": [],
    },
    "TLS reset": {"tls_handshakes": [tls(failure="connection_reset")], "requests": []},
    "TLS silence": {"tls_handshakes": [tls(failure="generic_timeout_error")], "requests": []},
    "TCP silence": {
        "tcp_connect": [tcp(failure="generic_timeout_error")],
        "tls_handshakes": [],
        "requests": [],
    },
    "down everywhere": {
        "tcp_connect": [tcp(failure="generic_timeout_error")],
        "tls_handshakes": [],
        "requests": [],
        "control": control(failure="generic_timeout_error"),
    },
}
LOSSY: tuple[dict[str, Any], ...] = (KINDS["TCP silence"], KINDS["TLS silence"])


def verdicts(changes: Callable[[int], dict[str, Any]], times: list[datetime]) -> Iterator[Verdict]:
    """The joined verdicts of a series."""
    reader, joiner = OoniReader(), Joiner()
    for number, at in enumerate(times):
        record = measurement(
            test_keys=keys(**changes(number)),
            measurement_start_time=f"{at:%Y-%m-%d %H:%M:%S}",
            measurement_uid=f"{at:%Y%m%d%H%M%S}.000000_IT_webconnectivity_{number:016}",
            report_id=f"{at:%Y%m%dT%H%M%SZ}_webconnectivity_IT_137_n1_{number}",
        )
        found = reader.read(line_of(record), "series", number)
        if not isinstance(found, SetAside):
            yield joiner.take(found[0])


def cadence(days: int, draw: random.Random) -> list[datetime]:
    """Times of measurements as OONI has them: one to forty a day, at any hour."""
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - as OONI writes it
    times = [
        start + timedelta(days=day, seconds=draw.randrange(86_400))
        for day in range(days)
        for _ in range(draw.randint(1, 40))
    ]
    return sorted(times)


def series(count: int) -> None:
    """Print measurements until a block is reported and until it is cleared, and false reports of healthy series."""
    print(
        f"{'kind':16} {'hourly: to report':>18} {'to clear':>9} {'uneven: to report':>18} {'to clear':>9} {'other':>6}"
    )
    for kind, bad in KINDS.items():
        hourly = [_delays(bad, [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(480)])]  # noqa: DTZ001
        uneven = [_delays(bad, cadence(60, random.Random(seed))) for seed in range(5)]
        shown = [_middle(one[0] for one in hourly), _middle(one[1] for one in hourly)]
        shown += [_middle(one[0] for one in uneven), _middle(one[1] for one in uneven)]
        false = sum(one[2] for one in (*hourly, *uneven))
        print(f"{kind:16} {shown[0]:>18} {shown[1]:>9} {shown[2]:>18} {shown[3]:>9} {false:>6}")
    reports = total = 0
    for seed in range(count):
        draw = random.Random(1000 + seed)
        times = cadence(60, draw)
        loss = draw.choice((0.0, 0.02, 0.05))
        made = [draw.choice(LOSSY) if draw.random() < loss else {} for _ in times]
        detectors = NetworkDetectors()
        found = [one for verdict in verdicts(made.__getitem__, times) for one in detectors.feed(verdict)]
        reports += len([*found, *detectors.finish()])
        total += len(times)
    print(f"healthy: {reports} reports in {count} series of 60 days, {total} measurements, up to 5 % of them time-outs")


def _delays(bad: dict[str, Any], times: list[datetime]) -> tuple[int | None, int | None, int]:
    """Measurements from the first bad one to its report, from the first good one to its clearing; further reports."""
    first, last = len(times) // 3, 2 * len(times) // 3
    detectors = NetworkDetectors()
    block = clear = None
    false = 0
    for number, verdict in enumerate(verdicts(lambda n: bad if first <= n < last else {}, times)):
        for found in detectors.feed(verdict):
            if first <= number <= last and found.after != "reachable" and block is None:
                block = number - first
            elif number > last and found.after == "reachable" and clear is None:
                clear = number - last
            else:
                false += 1
    return block, clear, false


def _middle(values: Iterator[int | None]) -> str:
    known = [one for one in values if one is not None]
    return f"{median(known):.0f}" if known else "-"


def main() -> None:
    """Run one part, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("speed", "memory", "series"))
    parser.add_argument("--megabytes", type=int, default=40, help="size of the file of `speed`")
    parser.add_argument("--large", type=int, default=2048, help="megabytes that `memory` reads")
    parser.add_argument("--healthy", type=int, default=40, help="healthy series of `series`")
    given = parser.parse_args()
    if given.part in {None, "speed"}:
        speed(given.megabytes)
    if given.part in {None, "memory"}:
        memory(given.large)
    if given.part in {None, "series"}:
        series(given.healthy)


if __name__ == "__main__":
    main()
