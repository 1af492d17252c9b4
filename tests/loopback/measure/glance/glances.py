"""Run glances at servers on loopback, over every kind of poller."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from probe.measure.glance.glance_engine import GlanceEngine
from probe.measure.glance.poller import EpollPoller, Poller, SelectorPoller
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult

MakePoller = Callable[[asyncio.AbstractEventLoop, Callable[[], None]], Poller]


def _polled(loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]) -> Poller:
    """As on Windows: a selector that the event loop cannot watch."""
    return SelectorPoller(loop, after_turn, selectors.SelectSelector())


POLLERS: dict[str, MakePoller] = {"epoll": EpollPoller, "selector": SelectorPoller, "polled": _polled}


@asynccontextmanager
async def engine(
    poller: str = "epoll", *, seconds: float = 0.5, pace: PaceLimiter | None = None, sockets: int = 0, **options: Any
) -> AsyncIterator[GlanceEngine]:
    """Run an engine without a pace limit and, unless told otherwise, without listening for second answers."""
    options = {"listen_seconds": 0.0, **options}
    async with (
        Tools(seconds, pace or PaceLimiter(0), sockets=sockets) as tools,
        GlanceEngine(tools, poller=POLLERS[poller], **options) as made,
    ):
        yield made


def tls(port: int, sni: str = "lab.example", address: str = "127.0.0.1") -> GlanceRequest:
    """Return a request for TLS at an address."""
    return GlanceRequest(text=f"tls://{address}:{port}/{sni}", kind=GlanceKind.TLS, address=address, port=port, sni=sni)


def tcp(port: int, address: str = "127.0.0.1") -> GlanceRequest:
    """Return a request for a connection to an address."""
    return GlanceRequest(text=f"tcp://{address}:{port}", kind=GlanceKind.TCP, address=address, port=port)


def named(name: str = "lab.example", kind: GlanceKind = GlanceKind.NAME, port: int = 0) -> GlanceRequest:
    """Return a request for a name."""
    sni = name if kind is GlanceKind.TLS else ""
    return GlanceRequest(text=name, kind=kind, name=name, port=port, sni=sni)


async def all_of(running: GlanceEngine, requests: Iterable[GlanceRequest]) -> list[GlanceResult]:
    """Glance at all of these."""
    results: list[GlanceResult] = []
    await running.run(requests, results.append)
    return results
