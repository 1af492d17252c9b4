"""The workloads whose instructions are counted, each a process of its own.

``python -m benchmarks.instructions.workloads NAME COUNT`` does so many units of one.

One thing at a time, so that the order of events is the same in every run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import aclosing, redirect_stdout
from pathlib import Path

from probe.clock import Clock
from probe.formats import jsonlines
from probe.model.target import parse
from probe.session.session import Session
from probe.settings import load

SETTINGS: dict[str, object] = {
    "measure.anchors": [],
    "measure.domestic_anchors": [],
    "measure.trusted_resolvers": [],
    "measure.pace": 0.0,
    "measure.concurrency": 1,
}
PORT_VARIABLE, LINES_VARIABLE = "BENCH_PORT", "BENCH_LINES"


def _texts(count: int) -> list[str]:
    return [f"https://127.0.0.1:{os.environ[PORT_VARIABLE]}/?{number:04d}" for number in range(count)]


async def _looks(count: int) -> int:
    """Full looks, each with its verdict as a JSON line."""
    well = 0
    async with Session(load(None, {}, SETTINGS), Clock()) as session:
        session.prepare({})
        async with aclosing(session.verdicts([(text, parse(text)) for text in _texts(count)])) as verdicts:
            async for verdict in verdicts:
                well += verdict.status == "reachable" and bool(jsonlines.write(verdict))
    return well


async def _glances(count: int) -> int:
    """One full look with its reference glance, then passes of one glance each."""
    from probe.session.pass_glances import RoundLooks  # noqa: PLC0415 - the other workloads do not import it

    targets = [(text, parse(text)) for text in _texts(1)]
    well = 0
    async with Session(load(None, {}, SETTINGS), Clock()) as session:
        known: RoundLooks | None = None
        for turn in range(count + 1):
            session.prepare({})
            looks = RoundLooks(references={}) if known is None else RoundLooks(glance=known.references, turn=turn)
            async with aclosing(session.verdicts(targets, looks=looks)) as verdicts:
                async for verdict in verdicts:
                    well += verdict.rule == "glance.same" and bool(jsonlines.write(verdict))
            known = known or looks
    return well


def _command(name: str) -> Callable[[int], int]:
    """`probe judge` or `probe replay` over so many lines."""

    def run(count: int) -> int:
        from probe.cli import main  # noqa: PLC0415 - as above

        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            try:
                main([name, f"{os.environ[LINES_VARIABLE]}.{count}"])
            except SystemExit as end:
                if end.code not in (0, 1):
                    raise
        return count

    return run


def _reference(count: int) -> int:
    """`json.loads` of verdict lines: what every Python does with the same bytes."""
    lines = Path(f"{os.environ[LINES_VARIABLE]}.{count}").read_bytes().splitlines()
    return sum(1 for line in lines if json.loads(line))


WORKLOADS: dict[str, Callable[[int], int]] = {
    "reference": _reference,
    "look": lambda count: asyncio.run(_looks(count)),
    "glance": lambda count: asyncio.run(_glances(count)),
    "judge": _command("judge"),
    "replay": _command("replay"),
}
"""Name -> does so many units of it and returns how many succeeded."""

if __name__ == "__main__":
    wanted = int(sys.argv[2])
    if (done := WORKLOADS[sys.argv[1]](wanted)) != wanted:
        sys.exit(f"{sys.argv[1]}: {done} of {wanted} succeeded")
