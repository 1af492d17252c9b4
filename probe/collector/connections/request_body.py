"""Read the body of a request within bounds of size, time and rate.

Without bounds a request that sends slowly holds its memory for as long as its sender likes.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from probe.collector.web.responses import ApiError

FIRST_SECONDS = 10.0
"""How long any body may take."""
MIN_BYTES_PER_SECOND = 2048.0
"""Beyond `FIRST_SECONDS` a body must come at this rate on average: a megabyte in eight and a half minutes."""
MAX_HELD_BYTES = 128 * 1024 * 1024
"""Bytes of all bodies that are being read; more are refused for now."""


class BodyReader:
    """Reads bodies, and counts the bytes that are held meanwhile.

    Args:
        max_held: bytes of all bodies that are being read.
        first_seconds: how long any body may take.
    """

    def __init__(self, max_held: int = MAX_HELD_BYTES, first_seconds: float = FIRST_SECONDS) -> None:
        self.held = 0
        self.max_held = max_held
        self.first_seconds = first_seconds

    async def read(self, request: web.Request, most: int, what: str) -> bytes:
        """The body of a request.

        Args:
            request: whose body has not been read.
            most: bytes; a larger one is refused, before it is read where its length is announced.
            what: names the body in a refusal, such as "a batch".

        Raises:
            ApiError: it is too large, comes too slowly or is cut off, or too many bytes are held for others.
        """
        if (request.content_length or 0) > most:
            raise _too_large(what, most)
        if self.held + (request.content_length or 0) > self.max_held:
            raise ApiError(503, "busy", "too many bodies are being read", retry_after=5)
        begun = asyncio.get_running_loop().time()
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                part = await self._part(request, begun, size)
                if not part:
                    return b"".join(parts)
                parts.append(part)
                size += len(part)
                self.held += len(part)
                if size > most:
                    raise _too_large(what, most)
                if self.held > self.max_held:
                    raise ApiError(503, "busy", "too many bodies are being read", retry_after=5)
        finally:
            self.held -= size

    async def _part(self, request: web.Request, begun: float, size: int) -> bytes:
        deadline = begun + self.first_seconds + size / MIN_BYTES_PER_SECOND
        try:
            async with asyncio.timeout_at(deadline):
                return await request.content.readany()
        except TimeoutError:
            raise ApiError(408, "too_slow", "the body comes too slowly") from None
        except (ConnectionError, web.RequestPayloadError):
            # No fault of this program, so no line in its log: a flood of such requests would fill it.
            raise ApiError(400, "bad_body", "the body ends early or is malformed") from None


def _too_large(what: str, most: int) -> ApiError:
    return ApiError(413, "too_large", f"{what} is at most {most} bytes on the wire")
