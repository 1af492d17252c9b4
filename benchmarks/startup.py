"""Measure the start-up that each round under cron needs: `python -m benchmarks.startup`.

Fresh processes in turn, A B C A B C, the median of each; CPU is user + system of the process, memory its peak resident
set. The peer is `python -c "import aiohttp"` in the same run. `run --once` measures one loopback target, a port of
this process.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
VENV = Path(sys.executable).parent


def once(command: list[str]) -> tuple[float, float, float]:
    """Wall and CPU milliseconds and peak MiB of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    errors = process.stderr.read().decode() if process.stderr else ""
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: {errors}")
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def settings(folder: Path, port: int) -> Path:
    """A settings file with one loopback target, no anchors, no collector."""
    (folder / "list.txt").write_text(f"tcp://127.0.0.1:{port}\n")
    path = folder / "probe.toml"
    path.write_text(
        f"[agent]\nconsent = true\nstate = {json.dumps(str(folder / 'state'))}\ncollectors = []\n"
        f"[targets]\nfiles = [{json.dumps(str(folder / 'list.txt'))}]\nservices = []\n"
        "[measure]\nanchors = []\ndomestic_anchors = []\ntrusted_resolvers = []\n"
    )
    return path


def install_size() -> tuple[int, float]:
    """Packages and MiB of the base install in an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(__file__).parents[1]
        pip = [sys.executable, "-m", "pip", "-q", "install", "--no-compile", "--target", folder]
        subprocess.run([*pip, "-r", str(root / "requirements/run.txt")], check=True, stderr=subprocess.DEVNULL)
        subprocess.run([*pip, "--no-deps", str(root)], check=True, stderr=subprocess.DEVNULL)
        packages = len(list(Path(folder).glob("*.dist-info")))
        size = sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())
    return packages, size / 2**20


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        config = settings(Path(folder), server.getsockname()[1])
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import aiohttp'": [sys.executable, "-c", "import aiohttp"],
            "probe --version": [str(VENV / "probe"), "--version"],
            "probe run --once, 1 target": [str(VENV / "probe"), "run", "--once", "--config", str(config)],
        }
        seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                seen[name].append(once(command))
    peer = statistics.median(row[1] for row in seen["python -c 'import aiohttp'"])
    print(f"{'':30} {'wall ms':>8} {'CPU ms':>8} {'x aiohttp':>9} {'MiB':>6}")
    for name, rows in seen.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:30} {wall:8.0f} {cpu:8.0f} {cpu / peer:9.2f} {memory:6.1f}")
    packages, size = install_size()
    print(f"base install: {packages} packages, {size:.1f} MiB")


if __name__ == "__main__":
    main()
