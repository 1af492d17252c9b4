"""The load of a fleet: quiet batches beside a bare handler, then a national event, whole and at a tenth.

`python -m benchmarks.fleet --agents 3000 --targets 500`. The collector is a process of its own; its agents are
simulated with real keys and signed batches over HTTP. Figures in CPU-seconds are those of the collector alone.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.fleet.agents import Agent, Fleet
from benchmarks.fleet.connections import Timings
from benchmarks.fleet.measures import EventFigures, heartbeats, national_event, quiet_rate, send_steadily
from benchmarks.fleet.processes import bare_handler, collector, free_port
from benchmarks.fleet.seed import seed
from probe.collector.store import Store
from probe.collector.store.database_url import open_store

QUIET_AGENTS = 400
"""Agents without changes, beside those that the event hits."""
STEADY_SECONDS = 20
"""How long batches come at the rate of 10,000 agents."""


def main() -> None:
    """Run what was asked for and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--targets", type=int, default=500)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--connections", type=int, default=32, help="agents that send at once in the event")
    parser.add_argument("--quiet-batches", type=int, default=6000)
    parser.add_argument("--no-quiet", action="store_true", help="measure the event alone")
    parser.add_argument("--no-tenth", action="store_true", help="leave out the event at a tenth of the size")
    parser.add_argument("--keep", type=Path, help="folder in which databases and logs are kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="probe-fleet-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        whole = Fleet(chosen.agents, chosen.targets, chosen.services, chosen.networks)
        run(whole, folder, chosen)


def run(whole: Fleet, folder: Path, chosen: argparse.Namespace) -> None:
    """Measure at the size that was asked for, and at a tenth of it."""
    figures = measure(whole, folder / "whole", chosen, quiet=not chosen.no_quiet)
    if chosen.no_tenth:
        return
    tenth = Fleet(max(1, whole.agents // 10), whole.targets, whole.services, whole.networks)
    small = measure(tenth, folder / "tenth", chosen, quiet=False)
    for name, part in (("stored", "stored_cpu"), ("fused", "fused_cpu")):
        ratio = (getattr(figures, part) / figures.changes) / (getattr(small, part) / small.changes)
        print(f"CPU a change until all is {name}, whole : tenth  {ratio:.2f}")


def measure(fleet: Fleet, folder: Path, chosen: argparse.Namespace, *, quiet: bool) -> EventFigures:
    """Fill a database, serve it, and put it under load."""
    folder.mkdir(parents=True, exist_ok=True)
    db, log = folder / "collector.db", folder / "log"
    everyone = [Agent(number, fleet.network(number)) for number in range(1, fleet.agents + QUIET_AGENTS + 1)]
    hit, others = everyone[: fleet.agents], everyone[fleet.agents :]
    asyncio.run(_seeded(db, fleet, everyone))
    print(f"{fleet.agents} agents x {fleet.targets} targets, {fleet.services} services, {fleet.networks} networks")
    size = _bytes(db)
    with collector(str(db), free_port(), log) as served:
        host = f"127.0.0.1:{served.port}"
        if quiet:
            requests = heartbeats(others, host, fleet.targets, chosen.quiet_batches)
            rate, _ = asyncio.run(quiet_rate(served, requests))
            with bare_handler(log) as bare:
                peer, _ = asyncio.run(quiet_rate(bare, requests))
            print(f"quiet batches a CPU-second  {rate:.0f}, bare aiohttp handler {peer:.0f}")
            print(f"database bytes a heartbeat  {(_bytes(db) - size) / len(requests):.0f}")
            steady = heartbeats(others, host, fleet.targets, 33 * STEADY_SECONDS)
            timings = asyncio.run(send_steadily(served.port, steady, 33.0))
            print(f"33 a second                 {_latencies(timings)}")
            size = _bytes(db)

        async def event() -> EventFigures:
            store = open_store(db)
            try:
                return await national_event(served, store, fleet, (hit, others), chosen.connections)
            finally:
                await store.close()

        figures = asyncio.run(event())
    _print(figures, (_bytes(db) - size) / figures.changes)
    return figures


def _print(figures: EventFigures, span_bytes: float) -> None:
    changes = figures.changes
    print(
        f"last span stored            {figures.stored:.1f} s, {figures.stored_cpu * 1e6 / changes:.0f} us CPU a change"
    )
    country = "never" if figures.country is None else f"{figures.country:.1f} s"
    print(f"first event of the country  {country}")
    print(f"all fused                   {figures.fused:.1f} s, {figures.fused_cpu * 1e6 / changes:.0f} us CPU a change")
    print(f"batches with changes        {_latencies(figures.batches)}")
    print(f"heartbeats meanwhile        {_latencies(figures.heartbeats)}, {len(figures.heartbeats.seconds)} of them")
    print(f"refused and sent again      {figures.batches.refused or figures.heartbeats.refused or 'none'}")
    print(f"revisions and events        {figures.revisions}, {figures.events}")
    print(f"peak memory                 {figures.peak_mib:.0f} MiB")
    print(f"database bytes a span       {span_bytes:.0f}", flush=True)


def _latencies(timings: Timings) -> str:
    return f"p50 {timings.percentile(0.5) * 1000:.0f} ms, p99 {timings.percentile(0.99) * 1000:.0f} ms"


async def _seeded(db: Path, fleet: Fleet, everyone: list[Agent]) -> None:
    store: Store = open_store(db)
    try:
        await seed(store, fleet, everyone, datetime.now(UTC))
    finally:
        await store.close()


def _bytes(db: Path) -> int:
    """Bytes of the database with its log."""
    return sum(path.stat().st_size for path in db.parent.glob(f"{db.name}*"))


if __name__ == "__main__":
    main()
