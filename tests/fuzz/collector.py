"""Hostile bytes at a collector's port, and hostile batches that are signed well.

``python -m tests.fuzz.collector [--seconds S] [--seed N]`` runs a collector on loopback and sends it mutated requests
and mutated batches. A fault is an answer 500, an error in the log, or a collector that is not ready afterwards. What is
found becomes a test.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.intake.rate_limits import RateLimits
from probe.collector.server import running
from probe.formats.batch import encode
from probe.model.verdict import Cause, Status
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, stood

TARGET = "https://a.example/"
REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: c\r\n\r\n",
    b"GET /s/%E2%82%AC?x=1&days=7 HTTP/1.1\r\nHost: c\r\nAccept: text/html\r\nAccept-Language: ru\r\n\r\n",
    b'GET /api/v1/spans?since=2026-01-01T00:00:00Z HTTP/1.1\r\nHost: c\r\nIf-None-Match: "x"\r\n\r\n',
    b'POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nContent-Length: 11\r\n\r\n{"token":1}',
    b"POST /api/v1/batches HTTP/1.1\r\nHost: c\r\nProbe-Agent: 0123456789abcdef\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /api/v1/forget HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b":",
    b" ",
    b"HTTP/1.1",
    b"-1",
    b"9" * 30,
    b"%00",
    b"{",
    b"[" * 40,
    b"..%2f",
)
WORDS = (
    b"null",
    b"-1",
    b"1e400",
    b"99999999999999999999",
    b'"\\ud800"',
    b'"x"',
    b"[]",
    b"{}",
    b"true",
    b'"\\u0000"',
    b'""',
)


def mutated(content: bytes, dice: random.Random, pieces: Sequence[bytes]) -> bytes:
    """The content with a few pieces inserted, cut or doubled."""
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(content) + 1)
        length = dice.randint(1, 12)
        match dice.randrange(3):
            case 0:
                content = content[:place] + dice.choice(pieces) + content[place:]
            case 1:
                content = content[:place] + content[place + length :]
            case _:
                content = content[:place] + content[place : place + length] * 2 + content[place + length :]
    return content


def mutated_json(body: bytes, dice: random.Random) -> bytes:
    """A JSON text with one of its values replaced."""
    places = [place for place, byte in enumerate(body) if byte in b":,["]
    place = dice.choice(places) + 1
    ends = [end for end in (body.find(mark, place) for mark in (b",", b"}", b"]")) if end >= 0]
    return body[:place] + dice.choice(WORDS) + body[min(ends, default=place) :]


async def send(port: int, content: bytes) -> int:
    """Send bytes and half-close; the status of the answer, 0 for none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(content)
        async with asyncio.timeout(0.3):  # a head that is not whole is answered after ten seconds
            head = await reader.readline()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    words = head.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def fuzz(seconds: float, seed: int, at_most: int = 10**9) -> tuple[Counter[int], str]:
    """Send for some seconds; how often each status came, and the first fault, empty for none."""
    dice = random.Random(seed)
    faults: list[str] = []

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                faults.append(f"{record.name}: {record.getMessage()} {record.exc_info}")

    watch = Watch()
    logging.getLogger().addHandler(watch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            statuses = await _fuzz_in(Path(folder), time.monotonic() + seconds, dice, at_most)
    finally:
        logging.getLogger().removeHandler(watch)
    if statuses[500] or statuses[-1]:
        faults.append(f"answers 500: {statuses[500]}; not ready at the end: {statuses[-1]}")
    return statuses, faults[0] if faults else ""


async def _fuzz_in(folder: Path, ends: float, dice: random.Random, at_most: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    now = datetime.now(UTC)
    async with (
        running(folder / "c.db", "127.0.0.1:0", "http://c.test", Clock()) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        collector.refusal_seconds = 0.0
        collector.limits = RateLimits(1e6)
        agent = FakeAgent(page, origin="http://c.test")
        token = await collector.store.write(
            lambda session: make_token(session, role="vantage", sponsor="", now=now, ttl=timedelta(days=1))
        )
        await agent.enrol(http, token)
        port = int(page.rstrip("/").rpartition(":")[2])
        while time.monotonic() < ends and statuses.total() < at_most:
            statuses[await send(port, mutated(dice.choice(REQUESTS), dice, PIECES))] += 1
            verdict = blocked_verdict(TARGET, "a.example", now)
            found = change(TARGET, Status.BLOCKED, now, Cause.DNS_SPOOFED, verdict=verdict)
            old = stood("https://b.example/", now, Cause.DNS_SPOOFED, verdict=verdict)
            batch = agent.batch(rounds=rounds(now, 1), changes=(found,), settled=(old,), services={TARGET: "a"})
            body = encode(batch)
            body = mutated_json(body, dice) if dice.random() < 0.7 else mutated(body, dice, WORDS)
            status, _ = await agent.post(http, body)
            agent.seq -= status != 200
            statuses[status] += 1
        async with http.get(f"{page}readyz") as answer:
            statuses[-1] += answer.status != 200
    return statuses


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=2017)
    chosen = parser.parse_args(words)
    statuses, fault = asyncio.run(fuzz(chosen.seconds, chosen.seed))
    sys.stdout.write(f"{dict(sorted(statuses.items()))} {fault or 'no fault'}\n")
    return 1 if fault else 0


if __name__ == "__main__":
    raise SystemExit(main())
