"""Glance at targets in several passes after one pass of full looks; print what the glances cost.

As an agent's rounds do it (`probe.session`): each pass judges every glance and writes its verdict as a JSON line. What
an agent does between rounds (detector, state file) is not part of it, nor are the full looks of the first pass.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from benchmarks.peers.own_cost import own_cost
from probe.cli import relax_garbage_collection
from probe.clock import Clock
from probe.formats import jsonlines
from probe.model.target import TargetText, parse
from probe.model.verdict import Status, Verdict
from probe.session.pass_glances import RoundLooks
from probe.session.session import Session
from probe.settings import load

GLANCED = "glance.same"
"""The rule by which a glance acquits."""


def chosen_settings() -> dict[str, object]:
    """No anchors, no trusted resolver, no pace limit: what a healthy target itself costs."""
    return {
        "measure.anchors": [],
        "measure.domestic_anchors": [],
        "measure.trusted_resolvers": [],
        "measure.pace": 0.0,
        "measure.timeout": 5.0,
        "measure.concurrency": 50,
    }


async def one_pass(session: Session, targets: list[TargetText], looks: RoundLooks, lines: BinaryIO) -> list[Verdict]:
    """The verdicts of a pass, each written as soon as it is there."""
    session.prepare({})
    found = []
    async with aclosing(session.verdicts(targets, looks=looks)) as verdicts:
        async for verdict in verdicts:
            lines.write(jsonlines.write(verdict))
            found.append(verdict)
    return found


async def main(texts: list[str], passes: int, lines: BinaryIO) -> None:
    """Look in full once, then glance."""
    targets = [(text, parse(text)) for text in texts]
    async with Session(load(None, os.environ, chosen_settings()), Clock()) as session:
        first = RoundLooks(references={})
        await one_pass(session, targets, first, lines)
        with own_cost() as cost:
            for turn in range(1, passes + 1):
                looks = RoundLooks(glance=first.references, turn=turn)
                for verdict in await one_pass(session, targets, looks, lines):
                    cost.succeeded += verdict.status is Status.REACHABLE and verdict.rule == GLANCED


if __name__ == "__main__":
    relax_garbage_collection()
    with Path(os.devnull).open("wb") as nowhere:
        asyncio.run(main(Path(sys.argv[1]).read_text().split(), int(sys.argv[2]), nowhere))
