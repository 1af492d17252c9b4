"""Measure and judge ranges of which every address gets a SYN; print what it cost, the scanner's process included.

The whole of it: plan, SYNs, an observation for each address, the verdict of each range and its JSON line.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from benchmarks.peers.glance_client import chosen_settings
from benchmarks.peers.own_cost import own_cost
from probe.cli import relax_garbage_collection
from probe.clock import Clock
from probe.formats import jsonlines
from probe.model.observation import Connection
from probe.model.target import parse
from probe.model.verdict import Status
from probe.session.session import Session
from probe.settings import load

RANGE_PREFIX_LENGTH = 20
"""Each range has 4,096 addresses."""


async def main(prefix: str, port: int, lines: BinaryIO) -> None:
    """Measure each /20 of the prefix, one after another."""
    parts = ipaddress.ip_network(prefix).subnets(new_prefix=RANGE_PREFIX_LENGTH)
    targets = [(text, parse(text)) for text in (f"{part}:{port}" for part in parts)]
    settings = load(None, os.environ, chosen_settings() | {"measure.concurrency": 1})
    with own_cost() as cost:
        async with Session(settings, Clock()) as session:
            session.prepare({}, range_samples={text: 1 << (32 - RANGE_PREFIX_LENGTH) for text, _ in targets})
            async with aclosing(session.verdicts(targets)) as verdicts:
                async for verdict in verdicts:
                    lines.write(jsonlines.write(verdict))
                    if verdict.status is Status.REACHABLE:
                        seen = verdict.evidence.observations
                        cost.succeeded += sum(isinstance(one, Connection) and one.failure is None for one in seen)


if __name__ == "__main__":
    relax_garbage_collection()
    with Path(os.devnull).open("wb") as nowhere:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]), nowhere))
