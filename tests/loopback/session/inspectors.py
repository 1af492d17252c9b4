"""Inspectors in front of a TLS server on loopback: each cuts what a censor or a portal would cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trustme

from tests.loopback.tiny_servers import Talk, abort, answer, page_of, server_context, serving

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


def redirecting(location: str) -> Talk:
    """A portal: every request in clear text is redirected there."""
    return page_of(answer(b"", "302 Found", f"Location: {location}\r\n"))
