"""The processes under load, what they cost, and a bare handler to compare them with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

START_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A process that serves HTTP on a port of 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu_seconds(self) -> float:
        """Processor time used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The largest resident size so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def collector(db: str, port: int, log: Path) -> Iterator[Served]:
    """`probe collector serve` on a database."""
    command = [sys.executable, "-m", "probe", "collector", "serve", "--db", db, "--listen", f"127.0.0.1:{port}"]
    with _serving(command, port, log) as served:
        yield served


@contextlib.contextmanager
def bare_handler(log: Path) -> Iterator[Served]:
    """An aiohttp handler that reads a body and answers as a collector does, and does nothing else."""
    port = free_port()
    with _serving([sys.executable, "-m", "benchmarks.fleet.processes", str(port)], port, log) as served:
        yield served


@contextlib.contextmanager
def _serving(command: list[str], port: int, log: Path) -> Iterator[Served]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        asyncio.run(_listening(process, port))
        yield Served(process, port)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _listening(process: subprocess.Popen[bytes], port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise SystemExit(f"benchmarks.fleet: {' '.join(process.args[1:4])} ended before it served")  # type: ignore[index]


async def _answer(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"acked": 1, "clock": "2026-11-30T12:00:00Z", "vantage": "abcdefgh"})


if __name__ == "__main__":
    application = web.Application()
    application.add_routes([web.post("/api/v1/batches", _answer)])
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
