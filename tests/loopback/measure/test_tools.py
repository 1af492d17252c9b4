"""Resources that steps share, and their end."""

from __future__ import annotations

import asyncio

import pytest
import trustme

from probe.errors import UsageError
from probe.measure.dns_wire import dns_question
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from tests.loopback.tiny_servers import reply_to, server_context, serving


async def test_connections_to_trusted_resolvers_are_closed_at_the_end(believed: trustme.CA) -> None:
    """The server sees the end of the connection."""
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                message = reply_to(query, "192.0.2.1")
                writer.write(len(message).to_bytes(2, "big") + message)
        except (OSError, asyncio.IncompleteReadError):
            closed.set()

    async with serving(talk, server_context(believed, "127.0.0.1")) as port:
        async with Tools(5, PaceLimiter(0)) as tools:
            url = f"tls://127.0.0.1:{port}"
            await tools.encrypted(url).ask(dns_question("lab.example", "A"))
            assert tools.encrypted(url) is tools.encrypted(url)
            assert not closed.is_set()
        async with asyncio.timeout(60):
            await closed.wait()


async def test_no_more_sockets_are_open_than_allowed() -> None:
    """Further connections wait."""
    async with Tools(5, PaceLimiter(0), sockets=2) as tools:
        inside = 0
        most = 0

        async def visit() -> None:
            nonlocal inside, most
            async with tools.connection("192.0.2.1"):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(visit() for _ in range(9)))
    assert most == 2


async def test_a_url_of_no_encrypted_resolver_is_a_usage_error() -> None:
    """The scheme decides."""
    async with Tools() as tools:
        with pytest.raises(UsageError):
            tools.encrypted("ftp://dns.example/")
