"""Inspectors in front of a TLS server on loopback: each cuts what a censor or a portal would cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trustme

from tests.loopback.tiny_servers import Talk, abort, answer, page_of, request, server_context, serving

FORBIDDEN, HEALTHY = "forbidden.example", "healthy.example"


@asynccontextmanager
async def inspected(ca: trustme.CA, passes: Callable[[bytes], bool]) -> AsyncIterator[int]:
    """Serve both names over TLS, behind an inspector that resets connections whose first bytes do not pass."""
    async with serving(page_of(answer()), server_context(ca, FORBIDDEN, HEALTHY)) as site:

        async def inspect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(65536)
            if not passes(first):
                abort(writer)
                return
            await relay(first, reader, writer, site)

        async with serving(inspect) as port:
            yield port


async def relay(first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass the first bytes and all that follow on to a port of 127.0.0.1, and its answers back."""
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        inner_writer.write(first)
        pumps = [asyncio.create_task(_pump(reader, inner_writer)), asyncio.create_task(_pump(inner_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
    finally:
        inner_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


class ResidualCensor:
    """After a forbidden name everything is cut until the test lifts the silence.

    Attributes:
        silencing: whether the address is silent now.
    """

    silencing = False

    def passes(self, hello: bytes) -> bool:
        """Whether a ClientHello passes."""
        forbidden = FORBIDDEN.encode() in hello
        self.silencing = self.silencing or forbidden
        return not self.silencing


class LineCensor:
    """After a forbidden name the whole line is cut until the anchor was asked so many times.

    Attributes:
        asks: looks at the anchor for which an outage lasts.
        left: those that are left of this one.
        outages: how often the line was cut.
    """

    def __init__(self, asks: int) -> None:
        self.asks = asks
        self.left = 0
        self.outages = 0

    def passes(self, hello: bytes) -> bool:
        """Whether a ClientHello to the site passes."""
        if FORBIDDEN.encode() in hello and not self.left:
            self.left = self.asks
            self.outages += 1
        return not self.left

    async def anchor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a portal check, or cut it."""
        await request(reader)
        if self.left:
            self.left -= 1
            abort(writer)
            return
        writer.write(answer(b"", "204 No Content"))
        await writer.drain()


def redirecting(location: str) -> Talk:
    """A portal: every request in clear text is redirected there."""
    return page_of(answer(b"", "302 Found", f"Location: {location}\r\n"))
