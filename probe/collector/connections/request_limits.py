"""How many requests nobody known may make: by source, and at once.

Sources are keyed hashes of network prefixes (`client_prefix`), in memory only. Agents have limits of their own
(`intake/rate_limits`), which count by their id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from math import ceil

from aiohttp import web

from probe.collector.connections.client_prefix import FORWARDED, Client, TrustedProxies
from probe.collector.connections.request_handler import GuardedHandler
from probe.collector.intake.rate_limits import TokenBucket
from probe.collector.web.responses import ApiError

REQUESTS_PER_SECOND, MAX_REQUESTS_AT_ONCE = 30.0, 300.0
"""Requests of one source that name no enrolled agent. A page is four requests, and many readers share a prefix."""
MAX_IN_PROGRESS = 512
"""Requests that name no enrolled agent and are not answered yet, of all sources."""
MAX_SOURCES = 50_000
"""Sources whose buckets are kept; the one that asked nothing for longest is dropped first."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RequestLimits:
    """Counts the requests of strangers.

    Args:
        proxies: whose `X-Forwarded-For` is believed.
        scale: factor for the rate, for a laboratory clock that runs faster.
    """

    def __init__(self, proxies: TrustedProxies, scale: float = 1.0) -> None:
        self.proxies = proxies
        self.in_progress = 0
        self._scale = max(1.0, scale)
        self._buckets: OrderedDict[bytes, TokenBucket] = OrderedDict()

    def client_of(self, request: web.Request) -> Client:
        """Whom the request comes from."""
        protocol = request.protocol
        client = protocol.client if isinstance(protocol, GuardedHandler) else Client(proxy=True)
        return self.proxies.forwarded(request.headers.get(FORWARDED, "")) if client.proxy else client

    def take(self, client: Client, now: float) -> None:
        """Count a request.

        Raises:
            ApiError: its source has made too many.
        """
        if not client.source:
            return
        bucket = self._buckets.pop(client.source, None) or TokenBucket(
            REQUESTS_PER_SECOND * self._scale, MAX_REQUESTS_AT_ONCE * self._scale, now
        )
        self._buckets[client.source] = bucket
        if len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)
        wait = bucket.take(1.0, now)
        if wait:
            raise ApiError(429, "slow_down", "too many requests from one network", retry_after=ceil(wait))

    async def handled(self, request: web.Request, handler: Handler, now: float) -> web.StreamResponse:
        """Have a stranger's request handled, if it is within the limits.

        Raises:
            ApiError: it is not.
        """
        self.take(self.client_of(request), now)
        if self.in_progress >= MAX_IN_PROGRESS:
            raise ApiError(503, "busy", "too many requests at once", retry_after=5)
        self.in_progress += 1
        try:
            return await handler(request)
        finally:
            self.in_progress -= 1


def mark_known(request: web.Request) -> None:
    """An enrolled agent has made this request: its connection is not closed to make room for strangers."""
    if isinstance(request.protocol, GuardedHandler):
        request.protocol.known()
