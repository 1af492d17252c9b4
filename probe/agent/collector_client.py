"""HTTPS requests to the collector, over the first of its URLs that answers."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType

import msgspec

from probe.agent.http_exchange import HttpExchange
from probe.agent.uplink_replies import Action, classify_reply
from probe.errors import SettingsError
from probe.traffic_account import (
    STREAM_TRAFFIC,
    WireTraffic,
    connection_traffic,
    may_spend,
    payload_traffic,
)

BATCHES_PATH = "/api/v1/batches"
CONTROL_PATH = "/api/v1/control"
ENROL_PATH = "/api/v1/enrol"
FORGET_PATH = "/api/v1/forget"

MAX_REPLY_BYTES = 64 * 1024
"""Bytes that are read of a reply to a batch or an enrolment."""

REQUEST_HEAD_BYTES = 2_048
SHORT_REPLY_BYTES = 16_384
"""Bytes of a TLS handshake and of a reply to a batch, for which the traffic account is asked before a request."""
PIECE_BYTES = 65_536
"""Bytes of a long reply for which the traffic account is asked at once."""
REQUEST_SECONDS = 5.0
"""For which a connection to the collector is open at most, as far as repeated packets are concerned."""


class HttpReply(msgspec.Struct, frozen=True):
    """An HTTP response: the parts that the agent uses."""

    status: int
    body: bytes
    retry_after: str = ""
    etag: str = ""
    date: str = ""


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
        if not may_spend(_request_traffic(len(body or b"")), share=1.0):
            raise OSError(errno.EDQUOT, "the traffic budget is used up")
        exchange = HttpExchange(method, url, headers, body, self._context)
        async with asyncio.timeout(self._timeout), exchange as reply:
            content = await read_at_most(_counted(exchange), max_bytes)
            fields = (reply.fields.get(name, "") for name in ("retry-after", "etag", "date"))
            return HttpReply(reply.status, content, *fields)


def _request_traffic(body: int) -> WireTraffic:
    """The most that a request costs, and a short reply."""
    sent = STREAM_TRAFFIC.plus(payload_traffic(body + REQUEST_HEAD_BYTES)).plus(payload_traffic(SHORT_REPLY_BYTES))
    return connection_traffic(REQUEST_SECONDS).plus(sent)


async def _counted(exchange: HttpExchange) -> AsyncIterator[bytes]:
    """The reply's body in pieces. What it takes beyond a short reply is counted with the traffic account.

    Raises:
        OSError: a budget does not allow the rest (EDQUOT).
    """
    counted = SHORT_REPLY_BYTES
    async for chunk in exchange.chunks():
        while exchange.octets > counted:
            counted += PIECE_BYTES
            if not may_spend(payload_traffic(PIECE_BYTES), share=1.0):
                raise OSError(errno.EDQUOT, "the traffic budget is used up")
        yield chunk


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
