"""`probe collector seed-demo`: fill a new database with an invented history, to try the pages."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import Progress

from probe.cli import examples
from probe.clock import Clock
from probe.collector.demo_history import COUNTRIES, DemoScale, seed_demo
from probe.collector.store import agents
from probe.collector.store.database_url import open_store, sqlite_path
from probe.errors import UsageError


@click.command(
    "seed-demo",
    epilog=examples(
        "probe collector seed-demo --db demo.sqlite",
        "probe collector seed-demo --db small.sqlite --services 20 --networks 12 --vantages 40 --days 60",
    ),
)
@click.option("--db", required=True, metavar="FILE|URL", help="A new file, or an empty PostgreSQL database.")
@click.option("--services", default=200, show_default=True, type=click.IntRange(1, 2_000))
@click.option("--networks", default=500, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--vantages", default=2_000, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--days", default=730, show_default=True, type=click.IntRange(120, 3_650), help="How far it goes back.")
@click.option("--seed", default=1, show_default=True, help="The same number makes the same history.")
def command(db: str, services: int, networks: int, vantages: int, days: int, seed: int) -> None:  # noqa: PLR0917 - click
    """Fill a new database with an invented history of blocks. Nothing in it was measured."""
    path = sqlite_path(db)
    if path is not None and Path(path).exists():
        raise UsageError(f"{path} exists", mend="name a new file: an invented history must not mix with a real one")
    scale = DemoScale(services=services, networks=networks, vantages=vantages, days=days, seed=seed)
    asyncio.run(_seed(db, scale))
    click.echo(
        f"{vantages} vantages, {networks} networks, {services} services, {min(len(COUNTRIES), networks)} countries"
    )
    click.echo(f"Look at it: probe collector serve --db {db}")


async def _seed(db: str, scale: DemoScale) -> None:
    store = open_store(db)
    try:
        if await store.read(agents.agents):
            raise UsageError("the database has agents", mend="name an empty one")
        with Progress(disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("vantages", total=scale.vantages)
            now = Clock().now().astimezone(UTC)
            await seed_demo(store, scale, _whole(now), lambda count: progress.advance(task, count))
    finally:
        await store.close()


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
