"""An HTTP/1.1 client that costs little: prepared requests over kept connections, each acknowledgement timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_TRIES = 200
"""Times that one request is sent again after a 503 or 429."""
RETRY_SECONDS = 0.5


@dataclass
class Timings:
    """Seconds from each request to its answer; what was refused, by status."""

    seconds: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)

    def percentile(self, part: float) -> float:
        """The latency that this part of the requests did not exceed; 0 without requests."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """Send a request; the status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length or 0))
        return int(head.split(b" ", 2)[1])

    async def acknowledged(self, request: bytes, timings: Timings) -> None:
        """Send a request until it is acknowledged, and time it as one."""
        began = time.monotonic()
        for _ in range(MAX_TRIES):
            try:
                status = await self.ask(request)
            except (asyncio.IncompleteReadError, ConnectionError):  # the server closed a connection that was idle
                self.close()
                status = 503
            if status == 200:
                timings.seconds.append(time.monotonic() - began)
                return
            timings.refused[status] = timings.refused.get(status, 0) + 1
            if status not in {429, 503}:
                break
            await asyncio.sleep(RETRY_SECONDS)
        raise RuntimeError(f"the collector refuses a batch with status {status}")

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def send_all(port: int, work: Iterable[list[bytes]], connections: int) -> Timings:
    """Send lists of requests, each list in order, as fast as they are acknowledged."""
    timings, pending = Timings(), iter(work)

    async def one() -> None:
        connection = Connection(port)
        for requests in pending:
            for request in requests:
                await connection.acknowledged(request, timings)
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one())
    return timings


async def send_steadily(port: int, requests: Iterable[bytes], rate: float) -> Timings:
    """Send requests at a steady rate, each on time whether or not the ones before were answered."""
    timings, free = Timings(), list[Connection]()
    began = time.monotonic()

    async def one(request: bytes) -> None:
        connection = free.pop() if free else Connection(port)
        await connection.acknowledged(request, timings)
        free.append(connection)

    async with asyncio.TaskGroup() as group:
        try:
            for number, request in enumerate(requests):
                await asyncio.sleep(began + number / rate - time.monotonic())
                group.create_task(one(request))
        except asyncio.CancelledError:  # the event is over: what was sent is waited for
            pass
    for connection in free:
        connection.close()
    return timings
