"""Count the instructions of the hot paths and compare them with the recorded ones: `python -m benchmarks.instructions`.

A full HTTPS look and a glance at a server on loopback, `probe judge` and `probe replay` over a file. Each workload runs
in two sizes, and the difference leaves out the start-up. What is compared is a ratio to `json.loads` of verdict lines
in the same run, because counts differ between builds of Python. `perf stat -e instructions:u` counts where the machine
has counters, else valgrind's cachegrind (slower, steadier). `--record` writes the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from benchmarks.instructions.workloads import LINES_VARIABLE, PORT_VARIABLE
from probe.formats import jsonlines
from probe.judge import verdict
from probe.model.target import parse
from tests.golden import record

TABLE = Path(__file__).with_name("baseline.toml")
TOLERANCE = 0.10
"""How much more than recorded a path may take."""
SIZES = {"reference": (20, 220), "look": (5, 25), "glance": (10, 70), "judge": (10, 40), "replay": (20, 220)}
"""Workload -> how many units its two runs have."""
ROOT = Path(__file__).parents[2]


def counter() -> tuple[str, ...] | None:
    """The command that counts what follows it; None where there is none."""
    if shutil.which("perf"):
        command = ("perf", "stat", "-x,", "-e", "instructions:u", "--")
        done = subprocess.run([*command, "true"], check=False, capture_output=True, text=True)
        if done.returncode == 0 and done.stderr.split(",")[0].strip().isdigit():
            return command
    if shutil.which("valgrind"):
        return ("valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={os.devnull}")
    return None


def instructions(command: tuple[str, ...], name: str, count: int, environment: dict[str, str]) -> int:
    """The instructions of one run of a workload; 0 without a command that counts."""
    workload = [sys.executable, "-m", "benchmarks.instructions.workloads", name, str(count)]
    done = subprocess.run([*command, *workload], check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        sys.exit(f"instructions: {name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    if not command:
        return 0
    if command[0] == "perf":
        return int(next(line for line in done.stderr.splitlines() if "instructions:u" in line).split(",")[0])
    return int(next(line for line in done.stderr.splitlines() if "I   refs:" in line).split()[-1].replace(",", ""))


def units(command: tuple[str, ...], name: str, environment: dict[str, str]) -> float:
    """The instructions of one unit of a workload."""
    small, large = SIZES[name]
    instructions((), name, small, environment)  # writes the bytecode that the counted runs read
    counts = [instructions(command, name, size, environment) for size in (small, large)]
    return (counts[1] - counts[0]) / (large - small)


@contextmanager
def prepared() -> Iterator[dict[str, str]]:
    """The environment of the workloads: a server on loopback, files of lines, fixed hashes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        site = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
        (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
        (folder / "site.pem").write_bytes(b"".join(blob.bytes() for blob in site.cert_chain_pems))
        (folder / "site.key").write_bytes(site.private_key_pem.bytes())
        write_lines(folder / "lines")
        words = [sys.executable, "-m", "benchmarks.instructions.server", folder / "site.pem", folder / "site.key"]
        server = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None  # noqa: S101 - it was made a pipe
            yield {
                "PATH": os.environ["PATH"],
                "HOME": name,
                "PYTHONHASHSEED": "0",
                "SSL_CERT_FILE": str(folder / "ca.pem"),
                "SSL_CERT_DIR": "",
                LINES_VARIABLE: str(folder / "lines"),
                PORT_VARIABLE: server.stdout.readline().strip(),
            }
        finally:
            server.terminate()
            server.wait()


def write_lines(path: Path) -> None:
    """Write a file of verdict lines for each size: the cases of version 0.1.0, which never change, in turn."""
    cases = [record.read(folder) for folder in sorted(record.OLDER_CASES.iterdir()) if folder.is_dir()]
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for count in {size for name in ("reference", "judge", "replay") for size in SIZES[name]}:
        lines = []
        for number in range(count):
            case = cases[number % len(cases)]
            time = begin + timedelta(minutes=10 * (number // len(cases)))
            judged = verdict(
                time=time,
                text=case.seen.target,
                target=parse(case.seen.target),
                evidence=case.evidence,
                vantage=record.vantage(case.seen),
            )
            lines.append(jsonlines.write(judged))
        Path(f"{path}.{count}").write_bytes(b"".join(lines))


def main() -> int:
    """Count, print, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write the table instead of comparing with it")
    given = parser.parse_args()
    command = counter()
    if command is None:
        print("instructions: not counted: needs perf on a machine with counters, or valgrind")
        return 0
    key = f"{platform.python_implementation()} {platform.python_version()} {platform.machine()} {command[0]}"
    with prepared() as environment:
        each = {name: units(command, name, environment) for name in SIZES}
    ratios = {name: each[name] / each["reference"] for name in SIZES if name != "reference"}
    table = tomllib.loads(TABLE.read_text()) if TABLE.exists() else {}
    if given.record:
        table[key] = {name: round(ratio, 3) for name, ratio in ratios.items()}
        TABLE.write_text(written(table))
    known = table.get(key)
    print(f"{key}\n{'':8} {'instructions':>14} {'x json.loads':>13} {'recorded':>9} {'change':>8}")
    for name, ratio in ratios.items():
        before = "" if known is None else f"{known[name]:9.3f} {ratio / known[name] - 1:+8.1%}"
        print(f"{name:8} {each[name]:14,.0f} {ratio:13.3f} {before}")
    if known is None:
        print("no table for this Python and machine: nothing is compared")
        return 0
    slower = [name for name, ratio in ratios.items() if ratio > known[name] * (1 + TOLERANCE)]
    if slower:
        print(f"slower than recorded by more than {TOLERANCE:.0%}: {', '.join(slower)}; --record writes a new table")
    return 1 if slower else 0


def written(table: dict[str, dict[str, float]]) -> str:
    """The table as a file."""
    head = "# Instructions of a unit of each hot path, as a multiple of json.loads of a verdict line in the same run.\n"
    head += (
        "# Written by `python -m benchmarks.instructions --record`, one table for each Python, machine and counter.\n"
    )
    parts = [f'\n["{key}"]\n' + "".join(f"{name} = {value}\n" for name, value in table[key].items()) for key in table]
    return head + "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
