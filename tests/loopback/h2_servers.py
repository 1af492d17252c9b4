"""Servers on loopback that speak HTTP/2 alone."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import h2.config
import h2.connection
import h2.events
import trustme

from tests.loopback.tiny_servers import PAGE, Talk, server_context, serving

Respond = Callable[[h2.connection.H2Connection, int], None]
NO_APPLICATION_PROTOCOL = bytes.fromhex("15030300020278")


def h2_context(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    """A server's context that knows `h2` alone."""
    context = server_context(ca, *names)
    context.set_alpn_protocols(["h2"])
    return context


def h2_page(body: bytes = PAGE, status: str = "200", *fields: tuple[str, str]) -> Respond:
    """Answer each request with this page."""

    def respond(http: h2.connection.H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", status), ("content-type", "text/html"), *fields])
        http.send_data(stream, body, end_stream=True)

    return respond


def speaking_h2(respond: Respond, asked: list[dict[str, str]] | None = None) -> Talk:
    """Return a server that sends its preface at once, as HTTP/2 servers do, and answers requests."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        writer.write(http.data_to_send())
        while data := await reader.read(65536):
            try:
                events = http.receive_data(data)
            except h2.exceptions.ProtocolError:
                writer.write(http.data_to_send())
                return
            for event in events:
                if isinstance(event, h2.events.RequestReceived):
                    if asked is not None:
                        asked.append(dict(event.headers))  # type: ignore[arg-type]
                    respond(http, event.stream_id)
            writer.write(http.data_to_send())
            await writer.drain()

    return talk


@asynccontextmanager
async def refusing_others(port: int) -> AsyncIterator[int]:
    """Run a front of an HTTP/2 server that refuses a ClientHello without `h2`, as RFC 7301 section 3.2 has it."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(65536)
        if b"\x02h2" not in hello:
            writer.write(NO_APPLICATION_PROTOCOL)
            return
        behind, ahead = await asyncio.open_connection("127.0.0.1", port)
        try:
            ahead.write(hello)
            await asyncio.gather(pipe(reader, ahead), pipe(behind, writer))
        finally:
            ahead.close()
            with suppress(OSError):
                await ahead.wait_closed()

    async with serving(talk) as front:
        yield front
