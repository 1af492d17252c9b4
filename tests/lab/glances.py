"""Blocks that begin between two full looks: does a glance see them, and does the full look of the same round say so?

``python -m tests.lab.glances [--only REGEXP]`` raises the laboratory (root, Linux) with every scenario of interference
that an ordinary line can have. While nothing interferes, an agent looks at all targets in full, then glances at them.
Then the interference begins. Where a glance of the next round differs, the verdict of the same round must be the
scenario's. In a last round, every target is looked at in full. Re-tests are left out: they repeat the full look.

The scenarios whose glance saw nothing are named: `docs/methods/glance.md` says why. The exit status is 0 when every
block that a glance saw got its right verdict in the same round, or no better one in the last round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

from probe.agent import watchlist
from probe.agent.agent import Agent, AgentContext
from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.clock import Clock
from probe.session.session import Session
from probe.settings import load
from tests.lab.bench import CONCURRENCY, Bench, Line, faults
from tests.lab.records import Control, Scenario
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.world import DOMESTIC_ANCHORS, FOREIGN_ANCHORS, TRUSTED, deal

VANTAGE = "a1"
"""An ordinary line."""
INTERVAL = timedelta(seconds=300)
FULL_EVERY = 86_400.0
"""Seconds: so long that a full look in the rounds between is one that a glance called for."""


def scenarios(only: str = "") -> list[Scenario]:
    """Every interference with a target at the vantage that begins at a middlebox or a resolver, and has a control."""
    wanted = re.compile(only)
    return [
        one
        for one in ALL
        if one.vantage == VANTAGE
        and one.control is Control.ON
        and one.expect.status in {"blocked", "throttled"}
        and one.expect.state == "online"
        and (one.middlebox or one.lie is not None)
        and not one.core
        and not one.ranges
        and wanted.search(one.name)
    ]


class Rounds:
    """The rounds of an agent at the vantage, each a process of its own.

    Args:
        lab: raised.
        bench: its targets.
    """

    def __init__(self, lab: Lab, bench: Bench) -> None:
        self._host = lab.hosts[VANTAGE]
        self._folder = lab.folder / "glances"
        self._folder.mkdir()
        self._environ = bench.environ
        self._start = datetime.now(UTC)
        targets = [bench.target(one) for one in bench.scenarios]
        (self._folder / "targets.txt").write_text("\n".join(targets) + "\n")
        control = bench.control_file("glances", bench.measure_controls()["control"])[1]
        self._settings = {
            "agent.consent": True,
            "agent.state": str(self._folder / "state"),
            "agent.retests": 0,
            "agent.full_every": FULL_EVERY,
            "agent.control": control,
            "targets.services": [],
            "targets.files": [str(self._folder / "targets.txt")],
            "measure.anchors": [f"https://{name}/" for name in FOREIGN_ANCHORS],
            "measure.domestic_anchors": [f"https://{name}/" for name in DOMESTIC_ANCHORS],
            "measure.trusted_resolvers": list(TRUSTED),
            "measure.localise": "never",
            "measure.pace": 0.0,
            "measure.timeout": 3.0,
            "measure.concurrency": CONCURRENCY,
            "measure.round_connections": 0,
            "measure.round_bytes": 0,
        }

    def round(self, number: float) -> dict[str, Line]:
        """The round so many intervals after the first: target -> its last verdict.

        Raises:
            RuntimeError: it failed.
        """
        moment = self._start + number * INTERVAL
        file = self._folder / "settings.json"
        file.write_text(json.dumps(self._settings))
        words = [sys.executable, "-m", "tests.lab.glances", "--at", str(file), "--moment", moment.isoformat()]
        done = self._host.run(*words, environ=self._environ, timeout=1200)
        if done.returncode:
            raise RuntimeError(f"the round failed: {done.stderr[-2000:]}")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["target"]: line for line in lines}


async def inside(settings: Mapping[str, object], moment: datetime) -> None:
    """One round at the vantage; prints its verdicts."""
    chosen = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, settings)
    folder = Path(chosen.agent.state)
    context = AgentContext(folder=folder, clock=Clock(moment), random=Random(), stopping=asyncio.Event())
    with Outbox(folder / STATE_FILE) as outbox:
        agent = Agent(chosen, watchlist.load(chosen), outbox, context)
        async with Session(chosen, context.clock) as session:
            result = await agent.run_round(session, None)
    for verdict in result.looked:
        sys.stdout.write(msgspec.json.encode(verdict).decode() + "\n")


def is_glance(line: Line) -> bool:
    """Whether a verdict rests on glances alone."""
    return str(line.get("rule", "")).startswith("glance.")


def compare(
    bench: Bench, before: Mapping[str, Line], during: Mapping[str, Line], last: Mapping[str, Line]
) -> dict[str, list[str]]:
    """Names of scenarios, by what became of them.

    Args:
        bench: the scenarios.
        before: verdicts of the round before the interference.
        during: those of the first round with it.
        last: those of full looks with it.
    """
    found: dict[str, list[str]] = {key: [] for key in ("no glance", "right", "unseen", "wrong", "wrong in full")}
    for scenario in bench.scenarios:
        target = bench.target(scenario)
        if not is_glance(before.get(target, {})):
            found["no glance"].append(scenario.name)
        elif is_glance(during.get(target, {})):
            found["unseen"].append(scenario.name)
        elif not faults(scenario, during.get(target, {})):
            found["right"].append(scenario.name)
        else:
            also = faults(scenario, last.get(target, {}))
            line = during.get(target, {})
            said = f"{scenario.name}({line.get('status')},{line.get('rule')})"
            found["wrong in full" if also else "wrong"].append(said)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the lab, do the rounds, compare, print."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.glances", description=__doc__.partition("\n")[0])
    options.add_argument("--only", default="", help="scenarios whose name this regular expression finds")
    options.add_argument("--at", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--moment", help=argparse.SUPPRESS)
    given = options.parse_args(arguments)
    if given.at is not None:
        asyncio.run(inside(json.loads(given.at.read_text()), datetime.fromisoformat(given.moment)))
        return 0
    if reason := missing():
        sys.stderr.write(f"glances: {reason}\n")
        return 2
    chosen = scenarios(given.only)
    profiles = [profile for profile in PROFILES if profile.name == VANTAGE]
    world = deal(chosen, profiles)
    with Lab(deal([replace(one, middlebox=(), lie=None) for one in chosen], profiles)) as lab:
        bench = Bench(lab, chosen)
        rounds = Rounds(lab, bench)
        rounds.round(0)
        before = rounds.round(1)
        lab.interfere("mba", world.middlebox())
        lab.lie("a", world.lies())
        during = rounds.round(2)
        last = rounds.round(FULL_EVERY / INTERVAL.total_seconds() + 3)
    found = compare(bench, before, during, last)
    for what, names in found.items():
        sys.stdout.write(f"{what:14} {len(names):4}  {' '.join(sorted(names)) if what != 'right' else ''}\n")
    return int(bool(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
