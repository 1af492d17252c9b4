"""Count false blocks: `python -m tests.lab.benign_runs --measurements 5000 [--seed N] [--resume FILE]`.

Measures targets that work or are down everywhere, on lines that lose packets, translate addresses, accelerate TCP,
wake up or reorder, each with a control and without. No network interferes, so every `blocked` and every `throttled` is
false. Results are written as they come: a run that ended early goes on where it stopped, and runs with other seeds or
other shards can share the work. Exit status 1 when anything was accused. It takes about twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.bench import Bench, Line
from tests.lab.records import Control, Scenario
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.scenarios.networks import accelerated, losing, translated, waking
from tests.lab.topology import Lab, missing
from tests.lab.world import deal

STEP_SECONDS = 6.0
RUNS_AT_ONCE = 6
FAMILIES = ("benign", "servers", "false-blocks", "throttle", "hostile")
STATUSES = ("reachable", "blocked", "throttled", "down", "unreachable", "unknown")
GRAVE = ("blocked", "throttled")
_MIXED = (
    translated("nat64-loss5", losing(5)),
    translated("nat64-loss10", losing(10)),
    accelerated("accel-loss5", 5),
    waking("radio-loss5", losing(5)),
    waking("radio-loss10", losing(10)),
)
"""Lines with two peculiarities, for these runs alone."""
LINES: dict[str, tuple[str, int]] = {
    "a2": ("plain", 0),
    "loss2": ("plain", 2),
    "loss5": ("plain", 5),
    "loss10": ("plain", 10),
    "nat64": ("IPv6 alone with DNS64", 0),
    "nat64-own": ("IPv6 alone with DNS64, own prefix", 0),
    "nat64-loss5": ("IPv6 alone with DNS64", 5),
    "nat64-loss10": ("IPv6 alone with DNS64", 10),
    "accelerated": ("accelerator", 0),
    "accel-loss5": ("accelerator", 5),
    "radio": ("radio wake-up", 0),
    "radio-loss5": ("radio wake-up", 5),
    "radio-loss10": ("radio wake-up", 10),
    "far": ("100 ms away", 0),
    "twice": ("every packet twice", 0),
    "overtaken": ("reordering", 0),
    "overtak-loss": ("reordering", 3),
    "cgnat": ("shared address", 0),
}
"""Vantage -> what its line is like, and how many per cent of its packets are lost in each direction."""


def _harmless(scenario: Scenario) -> bool:
    """Whether no network has a part in it, seen from any line."""
    interferes = scenario.middlebox or scenario.lie or scenario.filtered or "{vantage}" in str(scenario.core)
    return scenario.family in FAMILIES and scenario.vantage == "a1" and not interferes


HARMLESS = [scenario for scenario in ALL if _harmless(scenario)]


@dataclass(frozen=True)
class Run:
    """One `probe check` over a part of the targets."""

    number: int
    vantage: str
    controlled: bool
    names: tuple[str, ...]

    @property
    def key(self) -> str:
        """Names the run in the file of results."""
        return f"{self.number}-{self.vantage}-{'with' if self.controlled else 'without'}"


def runs(measurements: int, seed: int) -> Iterator[Run]:
    """Whole passes over all lines, until there are enough measurements; the seed shuffles targets and lines."""
    order, number, planned = random.Random(seed), 0, 0
    while planned < measurements:
        pairs = [(vantage, controlled) for vantage in LINES for controlled in (True, False)]
        order.shuffle(pairs)
        for vantage, controlled in pairs:
            names = [scenario.name for scenario in HARMLESS]
            order.shuffle(names)
            yield Run(number, vantage, controlled, tuple(names))
            planned += len(names)
            if planned >= measurements:
                return
        number += 1


def measure(bench: Bench, run: Run, control: Sequence[str]) -> list[Line]:
    """The lines of one run."""
    by_name = {scenario.name: scenario for scenario in HARMLESS}
    targets = [bench.target(by_name[name]) for name in run.names]
    extra = control if run.controlled else ()
    return bench.probe(run.vantage, targets, *extra, trusted=True, timeout=STEP_SECONDS, label=run.key)


def finished(file: Path | None) -> dict[str, list[dict[str, Any]]]:
    """Run -> its results, of an earlier call."""
    if file is None or not file.exists():
        return {}
    return {entry["run"]: entry["results"] for entry in map(json.loads, file.read_text().splitlines())}


def _brief(line: Line) -> dict[str, Any]:
    """What is kept of a verdict: all of it where it accuses."""
    kept = {key: line[key] for key in ("target", "status", "causes", "rule")}
    return line if line["status"] in GRAVE else kept


def table(results: Iterable[tuple[Run, Sequence[dict[str, Any]]]]) -> str:
    """The results as a table of a page."""
    counts: Counter[tuple[str, int, bool, str]] = Counter()
    for run, lines in results:
        counts.update((*LINES[run.vantage], run.controlled, line["status"]) for line in lines)
    rows = [
        f"| line | loss | control | measured | {' | '.join(STATUSES)} |",
        f"| --- | --- | --- | --- |{' --- |' * 6}",
    ]
    for line, loss in dict.fromkeys(LINES.values()):
        for controlled in (True, False):
            said = [counts[line, loss, controlled, status] for status in STATUSES]
            if not sum(said):
                continue
            with_control = "yes" if controlled else "no"
            rows.append(f"| {line} | {loss} % | {with_control} | {sum(said)} | {' | '.join(map(str, said))} |")
    accused = sum(n for (*_, status), n in counts.items() if status in GRAVE)
    rows.append(
        f"\n{counts.total()} measurements of {len(HARMLESS)} situations; called blocked or throttled: {accused}."
    )
    return "\n".join(rows)


def carry_out(planned: Sequence[Run], file: Path | None) -> list[tuple[Run, list[dict[str, Any]]]]:
    """Measure what an earlier call has not, and write it down."""
    done = finished(file)
    with Lab(deal(ALL, (*PROFILES, *_MIXED))) as lab:
        bench = Bench(lab, HARMLESS)
        controlled = [scenario for scenario in HARMLESS if scenario.control is Control.ON]
        control = bench.control_file("benign", Bench(lab, controlled).measure_controls()["control"])

        def one(run: Run) -> tuple[Run, list[dict[str, Any]]]:
            if run.key in done:
                return run, done[run.key]
            began = time.monotonic()
            found = [_brief(line) for line in measure(bench, run, control)]
            accused = [line for line in found if line["status"] in GRAVE]
            if file is not None:
                with file.open("a") as writing:
                    writing.write(json.dumps({"run": run.key, "results": found}) + "\n")
            said = f"{run.key}: {len(found)} in {time.monotonic() - began:.0f} s, accused {len(accused)}\n"
            sys.stderr.write(said + "".join(f"  {json.dumps(_short(line))}\n" for line in accused))
            return run, found

        with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
            return list(pool.map(one, planned))


def _short(line: dict[str, Any]) -> dict[str, Any]:
    return {key: line[key] for key in ("target", "status", "causes", "rule")}


def main() -> int:
    """Plan, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.benign_runs", description=__doc__.partition("\n")[0])
    parser.add_argument("--measurements", type=int, default=5000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="the I-th of N parts of the runs")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="results; runs that it has are not made again")
    words = parser.parse_args()
    if reason := missing():
        sys.stderr.write(f"benign_runs: {reason}\n")
        return 2
    part, parts = map(int, words.shard.split("/"))
    planned = list(runs(words.measurements, words.seed))[part - 1 :: parts]
    results = carry_out(planned, words.resume)
    sys.stdout.write(table(results) + "\n")
    return int(any(line["status"] in GRAVE for _, lines in results for line in lines))


if __name__ == "__main__":
    sys.exit(main())
