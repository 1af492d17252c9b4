"""Measure without a control: `python -m tests.lab.alone` counts what interference is proven all the same.

Every scenario is measured from a line whose servers are 200 ms away and whose middlebox is near, as for many people
whom a filter stands before. (The programs that forge packets here take milliseconds where a filter takes none; on a
busy machine they take tens of them.) Without a control the kind of failure alone proves little; other names at the same
address and the time of the answers are left. With `--harmless` the other scenarios are measured so, and none may be
accused.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.lab import bench
from tests.lab.bench import Bench, Line, falsely_blocked
from tests.lab.records import Act, Control, Interference, Scenario, Vantage
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.world import deal

DISTANCE_MS = 200
"""Between the middlebox and every server but the provider's resolver."""
AT_ONCE = (10, 3)
"""Targets of a vantage, and vantages, at the same time: the programs that delay and forge packets are slow, and their
load must not be measured."""
_RESOLVERS = "95.24.255.0/24"
_GRAVE = ("blocked", "throttled")
_STATUSES = ("blocked", "throttled", "unreachable", "unknown", "reachable", "down")
_OWN_DISTANCE = frozenset({Act.DELAY, Act.WAKE, Act.ACCELERATE})


@dataclass
class Count:
    """The verdicts of some runs.

    Attributes:
        interfered: (layer of the expected cause, status) -> scenarios.
        rules: of the blocked ones.
        missed: scenarios called reachable or down.
        accused: harmless scenarios called blocked or throttled.
        harmless: those measured.
    """

    interfered: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)
    harmless: int = 0

    def add(self, scenario: Scenario, line: Line) -> None:
        """Count a verdict."""
        status = str(line.get("status", "unknown"))
        if not interfered(scenario):
            self.harmless += 1
            if falsely_blocked(scenario, line):
                self.accused.append(f"{scenario.name}: {line.get('rule')}")
            return
        cause = scenario.expect.causes[0] if scenario.expect.causes else "..."
        layer = "any" if cause is ... else cause.partition(".")[0]
        self.interfered[layer, status] += 1
        if status in _GRAVE:
            self.rules[str(line["rule"])] += 1
        elif status in {"reachable", "down"}:
            self.missed.append(f"{scenario.name}: {status} by {line.get('rule')}")


def interfered(scenario: Scenario) -> bool:
    """Whether the network interferes in a scenario, beyond doubt."""
    return bool(scenario.expect.status in _GRAVE)


def far(profile: Vantage) -> Vantage:
    """The same vantage with its servers far away; one whose line has a delay of its own stays."""
    own = any(one.act in _OWN_DISTANCE for one in (*profile.interference, *profile.core))
    if own or profile.through or not profile.four:
        return profile
    delay = Interference(act=Act.DELAY, source="{vantage}", address=_RESOLVERS, after=DISTANCE_MS)
    return replace(profile, core=(*profile.core, delay))


def measure(count: Count, only: str, *, harmless: bool) -> dict[str, Line]:
    """Raise the lab and measure once, the interfered scenarios or the others; return the verdicts."""
    scenarios = [replace(one, control=Control.NONE) for one in ALL]
    with Lab(deal(scenarios, [far(profile) for profile in PROFILES])) as lab:
        chosen = [
            one for one in scenarios if (only in one.name or only == one.family) and interfered(one) is not harmless
        ]
        lines = Bench(lab, chosen).measure()
    for one in chosen:
        count.add(one, lines[one.name])
    return lines


def document(count: Count) -> str:
    """The table."""
    layers = sorted({layer for layer, _ in count.interfered})
    rows = [_row(layer, (count.interfered[layer, status] for status in _STATUSES)) for layer in layers]
    sums = [sum(count.interfered[layer, status] for layer in layers) for status in _STATUSES]
    whole = max(1, sum(sums))
    proven = (sums[0] + sums[1]) / whole
    nearer = Counter({rule: number for rule, number in count.rules.items() if rule.endswith((".near", ".alert"))})
    return "\n".join(
        [
            f"Interfered, without a control: {whole}. Proven all the same: {sums[0] + sums[1]} ({proven:.1%}).",
            f"Proven by answers that came too soon: {nearer.total()} {dict(nearer)}",
            f"Harmless: {count.harmless}. Accused: {len(count.accused)}.",
            "",
            f"| first cause | {' | '.join(_STATUSES)} |",
            "| --- |" + " --- |" * len(_STATUSES),
            *rows,
            _row("all", sums),
            "",
            *(f"- accused: {text}" for text in count.accused),
            *(f"- missed: {text}" for text in count.missed),
        ]
    )


def _row(name: str, cells: Iterable[int]) -> str:
    return f"| {name} | {' | '.join(map(str, cells))} |"


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.alone", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="whole runs (1)")
    parser.add_argument("--probe", type=Path, metavar="FILE", help="the program of another version")
    parser.add_argument("--only", default="", metavar="NAME", help="those with this name or family")
    parser.add_argument("--harmless", action="store_true", help="the scenarios without interference instead")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where to write the verdicts of the last run")
    words = parser.parse_args()
    if reason := missing():
        sys.stderr.write(f"alone: {reason}\n")
        return 2
    bench.CONCURRENCY, bench.RUNS_AT_ONCE = AT_ONCE
    if words.probe:
        bench.PROBE = str(words.probe)
    count = Count()
    for number in range(words.runs):
        began = time.monotonic()
        lines = measure(count, words.only, harmless=words.harmless)
        if words.write:
            words.write.write_text("".join(f"{json.dumps(line)}\n" for line in lines.values()))
        sys.stderr.write(f"run {number + 1}: {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(document(count) + "\n")
    return 1 if count.accused else 0


if __name__ == "__main__":
    sys.exit(main())
