"""HTTPS requests to the collector, over the first of its URLs that answers."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from types import TracebackType

import msgspec

from probe.agent.http_exchange import HttpExchange
from probe.agent.uplink_replies import Action, classify_reply
from probe.errors import SettingsError

BATCHES_PATH = "/api/v1/batches"
CONTROL_PATH = "/api/v1/control"
ENROL_PATH = "/api/v1/enrol"
FORGET_PATH = "/api/v1/forget"

MAX_REPLY_BYTES = 64 * 1024
"""Bytes that are read of a reply to a batch or an enrolment."""


class HttpReply(msgspec.Struct, frozen=True):
    """An HTTP response: the parts that the agent uses."""

    status: int
    body: bytes
    retry_after: str = ""
    etag: str = ""


class CollectorClient:
    """Sends requests to a collector, over the first of its URLs that answers. Use it in `async with`.

    Args:
        urls: in the order they are tried. The one that answered last is tried first next time.
        ca_file: PEM file with the only certificate authorities to trust; empty: the system's.
        timeout: seconds for one request and its reply.

    Attributes:
        urls: in the order of the next request.

    Raises:
        SettingsError: `ca_file` cannot be read.
    """

    def __init__(self, urls: Sequence[str], *, ca_file: str, timeout: float) -> None:
        self.urls = [url.rstrip("/") for url in urls]
        try:
            self._context = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"agent.ca_file cannot be used: {error.strerror or error}", where=ca_file, mend="give a PEM file"
            ) from error
        self._context.set_alpn_protocols(["http/1.1"])  # nearly every client of today offers a protocol
        self._timeout = timeout

    async def __aenter__(self) -> CollectorClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is kept open between two requests."""

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> HttpReply | str:
        """POST JSON. Return the reply, or why no URL gave one."""

        def is_authentic(reply: HttpReply) -> bool:
            return classify_reply(reply.status, reply.body).action is not Action.RETRY

        return await self._first_reply(
            lambda url: self._request("POST", url + path, headers, body, MAX_REPLY_BYTES), is_authentic
        )

    async def get(self, path: str, headers: dict[str, str], max_bytes: int) -> HttpReply | str:
        """GET at most `max_bytes`. Return the reply, or why no URL gave one."""

        def is_authentic(reply: HttpReply) -> bool:
            return reply.status in (200, 304)

        return await self._first_reply(
            lambda url: self._request("GET", url + path, headers, None, max_bytes), is_authentic
        )

    async def _first_reply(
        self, request: Callable[[str], Awaitable[HttpReply]], is_authentic: Callable[[HttpReply], bool]
    ) -> HttpReply | str:
        """The first reply of the collector itself; else the last of a proxy or portal; else the last failure."""
        found: HttpReply | str = "no address"
        for url in list(self.urls):
            try:
                reply = await request(url)
            except (OSError, ValueError) as error:
                found = found if isinstance(found, HttpReply) else f"{url}: {describe_failure(error)}"
                continue
            if is_authentic(reply):
                self.urls.remove(url)
                self.urls.insert(0, url)
                return reply
            found = reply
        return found

    async def _request(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, max_bytes: int
    ) -> HttpReply:
        exchange = HttpExchange(method, url, headers, body, self._context)
        async with asyncio.timeout(self._timeout), exchange as reply:
            content = await read_at_most(exchange.chunks(), max_bytes)
            return HttpReply(reply.status, content, reply.fields.get("retry-after", ""), reply.fields.get("etag", ""))


async def read_at_most(chunks: AsyncIterable[bytes], max_bytes: int) -> bytes:
    """Join chunks, in time linear in their size.

    Raises:
        ValueError: they are more than `max_bytes` together; the rest is not read.
    """
    content = bytearray()  # `bytes += chunk` copies everything again: ten seconds of CPU for 60 MiB
    async for chunk in chunks:
        content.extend(chunk)
        if len(content) > max_bytes:
            raise ValueError(f"more than {max_bytes} bytes")
    return bytes(content)


def describe_failure(error: Exception) -> str:
    """A failed request in a few words, without the wrappers around the operating system's error."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return " ".join(str(error).split())[:200]
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"  # its errno is OpenSSL's number, not the system's
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return " ".join(str(error).split())[:200] or type(error).__name__
