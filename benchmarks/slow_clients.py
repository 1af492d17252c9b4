"""Measure a collector under strangers who connect and send slowly: its memory, and the latency of agents meanwhile.

``python -m benchmarks.slow_clients [--connections N] [--seconds S]`` starts a collector on loopback and posts rounds of
20 agents, first alone and then while N connections of strangers are open. Each sends half a request's head and then a
letter a second; one that the collector closes is opened again at once, so N stay open. They come from as many /24 of
127.0.0.0/8 as the limit of one source asks for. Linux alone accepts addresses of the whole 127.0.0.0/8.

Printed is one JSON object. `connections_opened` counts the strangers' attempts; `failed` the batches that were not
acknowledged at the first attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import select
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import aiohttp

from probe.collector.connections.connection_limits import MAX_UNKNOWN_OF_SOURCE
from probe.collector.intake.enrolment import make_token
from probe.collector.store.database_url import open_store
from tests.loopback.collector.vantages import FakeAgent, rounds

AGENTS = 20
PAUSE_SECONDS = 0.05
"""Between two batches of one agent."""
HALF_HEAD = b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nX-Slow: "
SERVE = (sys.executable, "-m", "probe", "collector", "serve")


def strangers(port: int, count: int, full: Event, stop: Event, opened: multiprocessing.Queue[int]) -> None:
    """Keep a number of slow connections open until `stop` is set."""
    _raise_descriptors(count)
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, int]] = {}
    attempts, last = 0, time.monotonic()
    for number in range(count):
        _connect(port, number, sockets, poll)
        attempts += 1
    full.set()
    while not stop.is_set():
        for descriptor, _ in poll.poll(0.2):
            sock, number = sockets.pop(descriptor)
            poll.unregister(descriptor)
            sock.close()
            _connect(port, number, sockets, poll)
            attempts += 1
        if time.monotonic() - last > 1.0:
            last = time.monotonic()
            for sock, _ in list(sockets.values()):
                try:
                    sock.send(b"x")
                except OSError:
                    continue
    opened.put(attempts)


def _connect(port: int, number: int, sockets: dict[int, tuple[socket.socket, int]], poll: select.epoll) -> None:
    sock = socket.socket()
    prefix = number // (MAX_UNKNOWN_OF_SOURCE - 8)
    sock.bind((f"127.{1 + prefix // 250}.{prefix % 250}.2", 0))
    sock.connect(("127.0.0.1", port))
    sock.send(HALF_HEAD)
    poll.register(sock.fileno(), select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR)
    sockets[sock.fileno()] = (sock, number)


def _raise_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    if min(wanted, hard) < wanted:
        raise SystemExit(f"{wanted} descriptors are needed, the system allows {hard}: see ulimit -Hn")


async def post_rounds(
    agents: Sequence[FakeAgent], http: aiohttp.ClientSession, seconds: float
) -> tuple[list[float], int]:
    """Post rounds of all agents for some seconds; latencies, and how many were not acknowledged."""
    ends = time.monotonic() + seconds
    latencies: list[float] = []
    failed = 0

    async def one(agent: FakeAgent) -> None:
        nonlocal failed
        while time.monotonic() < ends:
            batch = agent.batch(rounds=rounds(datetime.now(UTC) - timedelta(seconds=30), 1))
            began = time.monotonic()
            try:
                status, _ = await agent.post(http, batch)
            except aiohttp.ClientError:
                status = 0
            latencies.append(time.monotonic() - began)
            if status != 200:
                failed += 1
                agent.seq -= 1
            await asyncio.sleep(PAUSE_SECONDS)

    await asyncio.gather(*map(one, agents))
    return latencies, failed


def _figures(latencies: list[float], failed: int) -> dict[str, float]:
    latencies.sort()
    found = {f"p{part}_ms": round(1000 * latencies[len(latencies) * part // 100], 1) for part in (50, 95, 99)}
    return {"batches": len(latencies), "failed": failed, **found, "max_ms": round(1000 * latencies[-1], 1)}


def _memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024, 1)


async def measure(count: int, seconds: float, folder: Path) -> dict[str, object]:
    """Raise the collector, measure agents alone and beside strangers."""
    server = await asyncio.create_subprocess_exec(
        *SERVE, "--db", str(folder / "c.db"), "--listen", "127.0.0.1:0", "--origin", "http://c.test",
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PROBE_CLOCK": ""},
    )  # fmt: skip
    assert server.stdout is not None  # noqa: S101 it was asked for
    page = (await server.stdout.readline()).decode().removeprefix("probe collector: ").strip().rstrip("/")
    port = int(page.rpartition(":")[2])
    full, stop = multiprocessing.Event(), multiprocessing.Event()
    opened: multiprocessing.Queue[int] = multiprocessing.Queue()
    attacker = multiprocessing.Process(target=strangers, args=(port, count, full, stop, opened), daemon=True)
    try:
        # A connection for each request, as agents behind a proxy or after a pause have.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            agents = await _enrolled(folder / "c.db", page, http)
            alone = _figures(*await post_rounds(agents, http, seconds))
            before = _memory_mib(server.pid)
            attacker.start()
            await asyncio.to_thread(full.wait)
            beside = _figures(*await post_rounds(agents, http, seconds))
            with_strangers = _memory_mib(server.pid)
            async with http.get(f"{page}/metrics") as answer:
                lines = (await answer.text()).splitlines()
        stop.set()
        attempts = await asyncio.to_thread(opened.get)
    finally:
        stop.set()
        server.terminate()
        await server.wait()
    open_line = next(line for line in lines if line.startswith("probe_collector_connections_open "))
    return {
        "connections": count,
        "connections_open": int(float(open_line.split()[1])),
        "connections_opened": attempts,
        "memory_mib": {"alone": before, "beside": with_strangers},
        "agents_alone": alone,
        "agents_beside": beside,
    }


async def _enrolled(db: Path, page: str, http: aiohttp.ClientSession) -> list[FakeAgent]:
    agents = [FakeAgent(page, origin="http://c.test") for _ in range(AGENTS)]
    store = open_store(db)
    try:
        for agent in agents:
            token = await store.write(
                lambda session: make_token(
                    session, role="vantage", sponsor="", now=datetime.now(UTC), ttl=timedelta(hours=1)
                )
            )
            await agent.enrol(http, token)
    finally:
        await store.close()
    return agents


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args(words)
    if sys.platform != "linux":
        raise SystemExit("this benchmark needs Linux: epoll and every address of 127.0.0.0/8")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(chosen.connections, chosen.seconds, Path(folder)))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
