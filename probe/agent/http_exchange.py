"""One HTTP/1.1 request and its reply over a connection of its own.

An agent sends a report now and then. An HTTP library for it would cost as much memory as everything else of an idle
agent, and as much time as a whole round for cron.
"""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from probe import USER_AGENT
from probe.model.address import parse_address

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a reply's status line and header fields, and of one line of a chunked body."""
MAX_INTERIM_REPLIES = 16
"""Replies with a status below 200 (RFC 9110 section 15.2) before the reply."""
CHUNK_BYTES = 65_536
"""Bytes read from a connection at once."""
STAGGER_SECONDS = 0.25
"""Delay until the next address of the collector is tried beside a slow one (RFC 8305 section 8)."""
CLOSE_SECONDS = 1.0
"""Time that a server has to answer the end of a TLS session."""

_BROWSER_FIELDS = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip",
}
"""What a browser's script would send, in a browser's order, for proxies that read requests."""


class ReplyHead(msgspec.Struct, frozen=True):
    """Status and header fields of a reply; names in lower case, of repeated fields the last value."""

    status: int
    fields: dict[str, str]


class ProxyAddress(msgspec.Struct, frozen=True):
    """An HTTP proxy, and the value of `Proxy-Authorization`; empty where it wants none."""

    host: str
    port: int
    credentials: str = ""


class HttpExchange:
    """A request whose reply is read in pieces; use it in `async with`, which yields the reply's head.

    Args:
        method: `GET` or `POST`.
        url: http or https, without user name.
        headers: further header fields.
        body: None for none.
        context: verifies the server of an https URL.

    Attributes:
        octets: of the reply's body that have come so far, as they were sent.

    Raises:
        OSError: the connection failed, TLS included.
        ValueError: the reply is no HTTP, or longer than its bounds.
    """

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, context: ssl.SSLContext
    ) -> None:
        self._method = method
        self._url = urlsplit(url)
        self._headers = headers
        self._body = body
        self._context = context
        self._head = ReplyHead(0, {})
        self.octets = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> ReplyHead:
        try:
            await self._connect(proxy_of(self._url))
            await self._send()
            self._head = await self._read_head()
        except asyncio.LimitOverrunError as error:
            await self.__aexit__()
            raise ValueError("a reply with too long a head") from error
        except asyncio.IncompleteReadError as error:
            await self.__aexit__()
            raise ConnectionError("the server closed the connection") from error
        except BaseException:
            await self.__aexit__()
            raise
        return self._head

    async def __aexit__(self, *_: object) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await writer.wait_closed()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The reply's body in pieces, decompressed."""
        inflate = None
        if self._head.fields.get("content-encoding", "").lower() == "gzip":
            inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            async for piece in self._raw_chunks():
                self.octets += len(piece)
                if inflate is None:
                    yield piece
                    continue
                rest = piece
                while rest:
                    yield inflate.decompress(rest, CHUNK_BYTES)
                    rest = inflate.unconsumed_tail
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the reply ended early") from error
        except zlib.error as error:
            raise ValueError(f"a reply that is not gzip: {error}") from error

    async def _connect(self, proxy: ProxyAddress | None) -> None:
        secure = self._url.scheme == "https"
        host, port = self._url.hostname or "", self._url.port or (443 if secure else 80)
        where = (host, port) if proxy is None else (proxy.host, proxy.port)
        at_once = self._context if secure and proxy is None else None
        # With one address a delay has no use, and asyncio forgets the socket of a race that is cancelled.
        delay = None if parse_address(where[0]) is not None else STAGGER_SECONDS
        self._reader, self._writer = await asyncio.open_connection(
            *where, ssl=at_once, limit=MAX_HEAD_BYTES, happy_eyeballs_delay=delay
        )
        self._proxy = proxy if not secure else None
        if secure and proxy is not None:
            name = f"[{host}]" if ":" in host else host
            lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}"]
            lines += [f"Proxy-Authorization: {proxy.credentials}"] if proxy.credentials else []
            self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            head = await self._read_head()
            if head.status != 200:
                raise ValueError(f"the proxy {proxy.host}:{proxy.port} answers {head.status}")
            await self._writer.start_tls(self._context, server_hostname=host)

    async def _send(self) -> None:
        url, proxy = self._url, self._proxy
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        where = path if proxy is None else f"http://{url.netloc}{path}"
        fields = {"Host": url.netloc, **_BROWSER_FIELDS, **self._headers}
        if self._body is not None:
            fields["Content-Length"] = str(len(self._body))
        fields["Connection"] = "close"
        if proxy is not None and proxy.credentials:
            fields["Proxy-Authorization"] = proxy.credentials
        lines = [
            f"{self._method} {where} HTTP/1.1",
            *(f"{name}: {value}" for name, value in fields.items()),
        ]
        if self._writer is not None:
            self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (self._body or b""))
            # A server that refuses a body answers and closes before it has read all of it: its reply counts.
            with suppress(ConnectionError):
                await self._writer.drain()

    async def _read_head(self) -> ReplyHead:
        """The head of the first reply that is not an interim one."""
        for _ in range(MAX_INTERIM_REPLIES):
            found = _parsed_head(await self._reader.readuntil(b"\r\n\r\n"))
            if found.status >= 200:
                return found
        raise ValueError("too many interim replies")

    async def _raw_chunks(self) -> AsyncIterator[bytes]:
        head, reader = self._head, self._reader
        if head.status in (204, 304):
            return
        if head.fields.get("transfer-encoding", "").lower() == "chunked":
            async for piece in self._chunked():
                yield piece
        elif (length := head.fields.get("content-length")) is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 16):
                raise ValueError("a reply with a bad Content-Length")
            async for piece in self._counted(int(length)):
                yield piece
        else:
            while piece := await reader.read(CHUNK_BYTES):
                yield piece

    async def _counted(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await self._reader.read(min(size, CHUNK_BYTES))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece

    async def _chunked(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._line()
            digits = line.partition(b";")[0].strip()
            if not digits or len(digits) > 8 or digits.strip(b"0123456789abcdefABCDEF"):
                raise ValueError("a reply with a bad chunk")
            size = int(digits, 16)
            if not size:
                return
            async for piece in self._counted(size):
                yield piece
            if await self._line():
                raise ValueError("a reply with a bad chunk")

    async def _line(self) -> bytes:
        try:
            return (await self._reader.readuntil(b"\r\n"))[:-2]
        except asyncio.LimitOverrunError as error:
            raise ValueError("a reply with a bad chunk") from error


def _parsed_head(data: bytes) -> ReplyHead:
    """The head of a reply.

    Raises:
        ValueError: it is not HTTP/1.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
        raise ValueError("a reply that is not HTTP")
    fields = (line.partition(":") for line in lines if line)
    return ReplyHead(int(words[1]), {name.strip().lower(): value.strip() for name, _, value in fields})


def proxy_of(url: SplitResult, environ: Mapping[str, str] = os.environ) -> ProxyAddress | None:
    """The proxy that the environment (on macOS and Windows also the system) names for a URL; None for none."""
    if sys.platform == "linux" and not any(name.lower().endswith("_proxy") for name in environ):
        return None
    from urllib import request  # noqa: PLC0415 - slow to import, and few hosts have a proxy

    found = request.getproxies().get(url.scheme)
    if not found or request.proxy_bypass(url.hostname or ""):
        return None
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    if not proxy.hostname:
        return None
    credentials = ""
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        credentials = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return ProxyAddress(proxy.hostname, proxy.port or 80, credentials)
