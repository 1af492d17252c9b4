"""aiohttp's handler of a connection, with what it lacks: slow readers are dropped, and no log line names the peer."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from probe.collector.connections.client_prefix import Client
from probe.collector.connections.connection_limits import ConnectionLimits

LOG = logging.getLogger("probe.collector.http")
KEEP_ALIVE_SECONDS = 75.0
"""How long a connection may be idle between two requests, and how long the head of a further one may take: longer than
the 60 s of nginx, which then closes first and never loses a request to a connection that closes under it."""
STALL_SECONDS = 20.0
"""A reader who takes less than `MIN_READ_BYTES` of a response in this time is dropped."""
MIN_READ_BYTES = 16 * 1024
MAX_RESPONSE_SECONDS = 300.0
"""How long sending a prepared response may take in all; a page that is written bit by bit has its own bounds."""
LINGER_SECONDS = 2.0
"""How long a body that nobody wants is read and thrown away, so that the client sees the answer."""


class GuardedHandler(web.RequestHandler):
    """Handles the requests of one connection.

    Args:
        server: aiohttp's server.
        loop: that runs the connection.
        limits: that count the connection.
        client: its source.
    """

    __slots__ = ("_left", "_limits", "_stall", "client")

    def __init__(
        self,
        server: web.Server,
        loop: asyncio.AbstractEventLoop,
        limits: ConnectionLimits,
        client: Client,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            logger=LOG,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for no log
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )
        self.client = client
        self._limits = limits
        self._stall: asyncio.TimerHandle | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin. Every byte that the kernel does not take at once counts as unread."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 a server makes these alone
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End, and give the place free."""
        self._limits.release(self)
        self._end_stall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not keep up: see in a while what it has taken."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client has taken everything."""
        self._end_stall()
        super().resume_writing()

    def drop(self) -> None:
        """Close at once, with what is unsent."""
        if self.transport is not None:
            self.transport.abort()

    def known(self) -> None:
        """An enrolled agent speaks on this connection."""
        self._limits.known(self)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the response, within `MAX_RESPONSE_SECONDS`."""
        try:
            async with asyncio.timeout(MAX_RESPONSE_SECONDS):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.drop()
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a malformed request, as aiohttp gives it; neither log nor answer repeats anything of it."""
        del request, message
        if status >= 500:
            LOG.error("a request failed", exc_info=exc)
        else:
            LOG.debug("a malformed request was refused: %s", type(exc).__name__)
        answer = web.Response(status=status, text="a malformed request\n" if status < 500 else "a fault\n")
        answer.headers["Server"] = "probe"
        answer.force_close()
        return answer

    def _watch(self) -> None:
        self._end_stall()
        self._left = 0 if self.transport is None else self.transport.get_write_buffer_size()
        self._stall = self._loop.call_later(STALL_SECONDS, self._look)

    def _look(self) -> None:
        if self.transport is None:
            return
        if self._left - self.transport.get_write_buffer_size() < MIN_READ_BYTES:
            self._limits.count("slow_reader")
            self.drop()
        else:
            self._watch()

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
