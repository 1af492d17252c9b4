"""Strangers who connect to a real collector."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.loopback.collector.conftest import Server


class Stranger:
    """A TCP connection to the collector."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self) -> bytes:
        """What comes until the collector closes."""
        parts = []
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(4096):
                parts.append(part)
        return b"".join(parts)

    async def is_refused(self) -> bool:
        """Whether the collector ends a connection that has sent nothing."""
        return b" 429 " in await self.rest()


Connect = Callable[..., Awaitable[Stranger]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connections that are closed at the end."""
    opened: list[Stranger] = []

    async def make(server: Server, source: str = "127.0.0.2") -> Stranger:
        """Connect from an address; 127.0.0.1 passes for a proxy."""
        host, port = server.page.removeprefix("http://").split(":")
        opened.append(Stranger(*await asyncio.open_connection(host, int(port), local_addr=(source, 0))))
        return opened[-1]

    yield make
    for stranger in opened:
        stranger.writer.close()
    for stranger in opened:
        with contextlib.suppress(ConnectionError):
            await stranger.writer.wait_closed()
