"""The measurements: quiet rounds, and the event in which every agent finds every target blocked at once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.fleet.agents import Agent, Fleet, shared_changes
from benchmarks.fleet.connections import Timings, send_all, send_steadily
from benchmarks.fleet.processes import Served
from probe.collector.store import Store, StoreSession, events

HEARTBEAT_RATE = 33.0
"""Heartbeats a second: 10,000 agents that measure every five minutes."""
POLL_SECONDS = 0.25
FUSION_SECONDS = 1800.0
"""How long the benchmark waits for the last fusion."""


@dataclass
class EventFigures:
    """What the event cost; seconds from its first request, CPU seconds of the collector.

    Attributes:
        stored: until the last change was acknowledged; `stored_cpu` likewise.
        country: until the first event of a country was published.
        fused: until nothing waited to be fused; `fused_cpu` likewise.
        alert: until the first alert could leave; None where this version sends none.
        heartbeats: of agents without changes, meanwhile.
    """

    changes: int
    stored: float = 0.0
    stored_cpu: float = 0.0
    country: float | None = None
    fused: float = 0.0
    fused_cpu: float = 0.0
    alert: float | None = None
    revisions: int = 0
    events: int = 0
    peak_mib: float = 0.0
    batches: Timings = field(default_factory=Timings)
    heartbeats: Timings = field(default_factory=Timings)


async def quiet_rate(served: Served, requests: list[bytes], connections: int = 16) -> tuple[float, Timings]:
    """Batches a CPU-second of the serving process, and their latencies, with `connections` agents at once."""
    before = served.cpu_seconds()
    timings = await send_all(served.port, ([request] for request in requests), connections)
    return len(requests) / max(served.cpu_seconds() - before, 0.01), timings


def heartbeats(everyone: list[Agent], host: str, targets: int, count: int) -> list[bytes]:
    """Requests of quiet rounds, agent by agent."""
    now = datetime.now(UTC)
    return [each.heartbeat(host, now, targets) for each in itertools.islice(itertools.cycle(everyone), count)]


async def national_event(
    served: Served, store: Store, fleet: Fleet, everyone: tuple[list[Agent], list[Agent]], connections: int
) -> EventFigures:
    """Every agent of the first list finds every target blocked; those of the second go on with their quiet rounds."""
    hit, quiet = everyone
    host = f"127.0.0.1:{served.port}"
    shared, now = shared_changes(fleet), datetime.now(UTC)
    work = [agent.event(host, now, shared, fleet.targets) for agent in hit]
    figures = EventFigures(changes=len(hit) * fleet.targets)
    cpu, began = served.cpu_seconds(), time.monotonic()
    watching = asyncio.create_task(_watch(store, figures, began))
    beating = asyncio.create_task(send_steadily(served.port, _endless(quiet, host, fleet.targets), HEARTBEAT_RATE))
    figures.batches = await send_all(served.port, work, connections)
    figures.stored, figures.stored_cpu = time.monotonic() - began, served.cpu_seconds() - cpu
    work.clear()
    async with asyncio.timeout(FUSION_SECONDS):
        while await store.read(_waiting):  # noqa: ASYNC110 it is another process's
            await asyncio.sleep(POLL_SECONDS)
    figures.fused, figures.fused_cpu = time.monotonic() - began, served.cpu_seconds() - cpu
    beating.cancel()
    figures.heartbeats = await beating
    watching.cancel()
    figures.peak_mib = served.peak_mib()
    counts = await store.read(lambda s: s.row("SELECT (SELECT count(*) FROM revision), (SELECT count(*) FROM event)"))
    figures.revisions, figures.events = counts or (0, 0)
    return figures


def _waiting(session: StoreSession) -> bool:
    return bool(events.dirty_marks(session, 1))


def _endless(quiet: list[Agent], host: str, targets: int) -> Iterator[bytes]:
    for agent in itertools.cycle(quiet):
        yield agent.heartbeat(host, datetime.now(UTC), targets)


async def _watch(store: Store, figures: EventFigures, began: float) -> None:
    """Note when the first event of a country stands, and when the first alert may leave."""
    while figures.country is None:
        await asyncio.sleep(POLL_SECONDS)
        if await store.read(lambda session: session.row("SELECT 1 FROM event WHERE scope = 'country' LIMIT 1")):
            figures.country = time.monotonic() - began
