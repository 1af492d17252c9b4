"""The options and the short transactions that commands on a collector's database share.

Only `probe collector serve` makes a database. Every other command says where there is none, so that a slip in a name
does not end in an empty database and a token that nobody accepts.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import click

from probe.clock import Clock
from probe.collector.store import StoreSession
from probe.collector.store.database_url import open_store

DB = click.option(
    "--db",
    required=True,
    type=click.Path(),
    metavar="FILE|URL",
    envvar="PROBE_COLLECTOR_DB",
    help="The database: a file, which `serve` creates when it does not exist, or postgresql://host/name.",
)
CLOCK = click.option(
    "--clock", default="", metavar="ORIGIN@RATE[@SINCE]", help="A laboratory's clock, like the variable PROBE_CLOCK."
)
_Result = TypeVar("_Result")


def chosen_clock(text: str = "") -> Clock:
    """The clock of `--clock`, else of the variable PROBE_CLOCK, else the real one."""
    return Clock.parse(text or os.environ.get("PROBE_CLOCK", ""))


def in_database(db: str, job: Callable[[StoreSession], _Result]) -> _Result:
    """Run one write in a database that is there, and return its result.

    Raises:
        StateError: there is no such database.
        StorageError: it cannot be written.
    """

    async def run() -> _Result:
        store = open_store(db, create=False)
        try:
            return await store.write(job)
        finally:
            await store.close()

    return asyncio.run(run())


def now_of(clock: str = "") -> datetime:
    """The time by the chosen clock."""
    return chosen_clock(clock).now()
