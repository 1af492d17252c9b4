"""Measure what short processes and an idle agent cost: `python -m benchmarks.startup [--rounds N] [--lines N]`.

Fresh processes in turn, A B C A B C, the median of each; CPU is user + system of the process, memory its peak resident
set. Each row stands beside its peer of the same run, because figures of two runs cannot be compared. Everything that is
measured is on the loopback device: 25 ports and a TLS server of this process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

PYTHON = [sys.executable]
PROBE = [sys.executable, "-m", "probe"]
PASS, AIOHTTP, FLOOR = "python -c pass", "import aiohttp", "import asyncio, ssl, argparse, json"
LOADS = "json.loads"
QUIET = ["--json", "--anchor=", "--trusted-resolver="]
IDLE_TARGETS = 1_000
CHILD_ENVIRON = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
"""Without it the compiled modules are used, as they are where the program is installed."""

Cost = tuple[float, float]
"""CPU milliseconds and peak MiB of a process."""


LAUNCHER = """
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""
"""Starts a command from a process that is smaller than any of them: Linux counts the memory of the process that a new
one was forked from as its own."""


def once(command: list[str], environ: Mapping[str, str]) -> Cost:
    """The cost of one process."""
    words = [sys.executable, "-I", "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**environ})
    status, seconds, kilobytes = done.stdout.split()
    if status != "0":
        sys.exit(f"{' '.join(command)} ended with {status}: {done.stderr}")
    return float(seconds) * 1000, int(kilobytes) / 1024


def medians(commands: Mapping[str, list[str]], rounds: int, environ: Mapping[str, str]) -> dict[str, Cost]:
    """The median cost of each command."""
    seen: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            cost = once(command, environ)
            if number:  # the first round compiles modules and begins the agent's state
                seen[name].append(cost)
    return {name: (statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows))
            for name, rows in seen.items()}  # fmt: skip


@contextlib.contextmanager
def served(talk: Callable[[socket.socket], None], ports: int = 1) -> Iterator[list[int]]:
    """Ports whose connections are served one after another."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("0.0.0.0", 0), backlog=1024)) for _ in range(ports)]  # noqa: S104 - targets of the whole 127.0.0.0/8

        def run(server: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    with contextlib.suppress(ssl.SSLError, ConnectionError), server.accept()[0] as connection:
                        talk(connection)

        for server in servers:
            threading.Thread(target=run, args=(server,), daemon=True).start()
        yield [server.getsockname()[1] for server in servers]


def page_server(folder: Path) -> tuple[Callable[[socket.socket], None], Path]:
    """What a TLS server with one small page does, and the file with the system's authorities and the server's."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    known = ssl.get_default_verify_paths().cafile
    bundle = folder / "authorities.pem"
    bundle.write_bytes((Path(known).read_bytes() if known else b"") + authority.cert_pem.bytes())

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\nConnection: close\r\n\r\n<title>A page</title>")

    return talk, bundle


def settings(folder: Path, targets: list[str], *, interval: float = 600) -> Path:
    """A settings file with these targets, no anchors, no collector."""
    folder.mkdir()
    (folder / "list.txt").write_text("".join(f"{target}\n" for target in targets))
    path = folder / "probe.toml"
    path.write_text(
        f"[agent]\nconsent = true\nonce_delay = 0\ninterval = {interval}\ncollectors = []\n"
        f"state = {json.dumps(str(folder / 'state'))}\n"
        f"[targets]\nfiles = [{json.dumps(str(folder / 'list.txt'))}]\nservices = []\n"
        "[measure]\npace = 0\nanchors = []\ndomestic_anchors = []\ntrusted_resolvers = []\n"
    )
    return path


def idle_daemon(config: Path, environ: Mapping[str, str]) -> float:
    """Resident MiB of a daemon some seconds after its first round (Linux)."""
    words = [*PROBE, "run", "--config", str(config)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**environ}) as process:
        try:
            for line in process.stderr or ():
                if " round " in line:
                    break
            time.sleep(2)
            status = Path(f"/proc/{process.pid}/status").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def history(path: Path, lines: int) -> None:
    """Verdicts of 100 targets every ten minutes: 0.5 % stray failures, and blocks of some hours."""
    draw = random.Random(1)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    blocked: dict[int, int] = {}
    with path.open("w") as file:
        for number in range(lines):
            each, round_number = number % 100, number // 100
            if draw.random() < 0.0001:
                blocked[each] = round_number + draw.randrange(10, 100)
            fails = blocked.get(each, -1) > round_number or draw.random() < 0.005
            time_of = begin + timedelta(minutes=10 * round_number, milliseconds=500 * each)
            verdict = {
                "time": f"{time_of:%Y-%m-%dT%H:%M:%S.%fZ}",
                "target": f"https://name{each}.example/",
                "status": "blocked" if fails else "reachable",
                "causes": ["tls.reset"] if fails else [],
                "rule": "tls.reset" if fails else "served",
                "evidence": {
                    "observations": [{"kind": "tcp", "at": 34, "address": "192.0.2.1", "port": 443}],
                    "rules": 2,
                },
                "vantage": {"state": "online", "asn": 64500, "country": "ZZ"},
            }
            file.write(json.dumps(verdict, separators=(",", ":")) + "\n")


def show(name: str, cost: Cost, peer: str, costs: Mapping[str, Cost]) -> None:
    """Print one row."""
    times = cost[0] / costs[peer][0]
    print(f"{name:42} {cost[0]:8.1f} ms {times:7.2f} x {peer:36} {cost[1]:6.1f} MiB", flush=True)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--lines", type=int, default=200_000, help="verdicts of the replayed history")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        ports = stack.enter_context(served(lambda connection: connection.close(), 25))
        talk, bundle = page_server(folder)
        (secure,) = stack.enter_context(served(talk))
        environ = {**CHILD_ENVIRON, "SSL_CERT_FILE": str(bundle)}
        config = settings(folder / "once", [f"tcp://127.0.0.1:{port}" for port in ports])
        idle = [f"tcp://127.{number // 250}.{number % 250 + 1}.1:{ports[0]}" for number in range(IDLE_TARGETS)]
        history(folder / "history.jsonl", given.lines)
        loads = f"import json\nfor line in open({str(folder / 'history.jsonl')!r}, 'rb'): json.loads(line)"
        commands = {
            PASS: [*PYTHON, "-c", "pass"],
            FLOOR: [*PYTHON, "-c", FLOOR],
            "probe --version": [*PROBE, "--version"],
            "probe --help": [*PROBE, "--help"],
            "probe check tcp://": [*PROBE, "check", *QUIET, f"tcp://127.0.0.1:{ports[0]}"],
            "probe check https://": [*PROBE, "check", *QUIET, f"https://127.0.0.1:{secure}/"],
            AIOHTTP: [*PYTHON, "-c", "import aiohttp"],
            "probe run --once, 25 settled targets": [*PROBE, "run", "--once", "--config", str(config)],
        }
        costs = medians(commands, given.rounds, environ)
        for one, cost in costs.items():
            show(one, cost, AIOHTTP if one.startswith("probe run") else PASS, costs)
        resident = idle_daemon(settings(folder / "idle", idle, interval=86_400), environ)
        print(f"{f'idle daemon, {IDLE_TARGETS} targets':54} {resident:53.1f} MiB")
        replays = {LOADS: [*PYTHON, "-c", loads], "probe replay": [*PROBE, "replay", str(folder / "history.jsonl")]}
        costs = medians(replays, min(3, given.rounds), environ)
        times = costs[LOADS][0] / costs["probe replay"][0]
        print(f"probe replay: {times:.2f} x the lines a CPU-second of a bare {LOADS} loop")


if __name__ == "__main__":
    main()
