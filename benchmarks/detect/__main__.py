"""Run the detector and the rules in use today on simulated worlds and print one table: `python -m benchmarks.detect`.

Every world runs for some target-years with each seed. `--confirm 0` is a vantage without re-tests. With `--peers` the
baselines get the same series. The seeds determine everything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from math import inf
from random import Random
from typing import Protocol

from benchmarks.detect import first_sight
from benchmarks.detect.baselines import BASELINES, RuleDetector
from benchmarks.detect.goals import GOALS
from benchmarks.detect.score import Score, quantile, score, upper_bound
from benchmarks.detect.script import Vantage
from benchmarks.detect.worlds import WORLDS, script_of
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.model.transition import Transition

OURS = "this detector"


class ChangeDetector(Protocol):
    """The interface of a detector, ours or a baseline."""

    def feed(self, verdict_input: DetectorInput) -> list[Transition]:
        """Take one verdict."""

    def finish(self) -> list[Transition]:
        """End the series."""


def run(
    name: str, seed: int, days: float, confirm: int, detectors: dict[str, ChangeDetector], *, anchors: int = 0
) -> dict[str, Score]:
    """Run several detectors on one series of a world.

    Args:
        name: key of `WORLDS`.
        seed: determines the run.
        days: length of the run.
        confirm: re-tests after a change of class.
        detectors: by name; each gets the same series.
        anchors: every failing verdict has the results of so many anchors measured after it.
    """
    script = script_of(name, seed, days)
    vantage = Vantage(Random(f"vantage {name} {seed} {confirm}"), script, confirm, anchors=anchors)
    reports: dict[str, list[Transition]] = {one: [] for one in detectors}
    for verdict_input in vantage.inputs():
        for one, detector in detectors.items():
            reports[one] += detector.feed(verdict_input)
    for one, detector in detectors.items():
        reports[one] += detector.finish()
    return {one: score(script, vantage, found) for one, found in reports.items()}


def fresh(*, peers: bool) -> dict[str, ChangeDetector]:
    """New detectors: ours, and the baselines if wanted."""
    made: dict[str, ChangeDetector] = {OURS: Detector()}
    if peers:
        made |= {name: RuleDetector(rule) for name, rule in BASELINES.items()}
    return made


def row(name: str, rule: str, s: Score) -> str:
    """One line of the table."""
    delays = s.all_delays()
    misses = f"{100 * sum(d == inf for d in delays) / len(delays):.0f} %" if delays else ""
    spans = f"{_n(quantile(delays, 0.5))} / {_n(quantile(delays, 0.95))}" if delays else ""
    ends = f"{_n(quantile(s.unblocks, 0.5))} / {_n(quantile(s.unblocks, 0.95))}" if delays else ""
    bound = upper_bound(s.false_blocks, s.years)
    return (
        f"| {name} | {rule} | {s.years:.1f} | {len(delays) or ''} | {spans} | {misses} | {ends} "
        f"| {s.false_blocks / s.years:.2f} (< {bound:.2f}) | {s.false_clears / s.years:.2f} | {s.duplicates} |"
    )


HEAD = (
    "| world | rule | target-years | events | delay, rounds, median / p95 | missed | unblock, median / p95 "
    "| false blocks a target-year (95 % bound) | false clears a target-year | repeated |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def _n(value: float) -> str:
    return "never" if value == inf else f"{value:.0f}"


def goals(scores: dict[str, Score], confirm: int, *, anchors: int = 0) -> Iterator[str]:
    """Lines with the goals that these runs measure."""
    for goal in GOALS:
        if goal.confirm not in (None, confirm) or goal.anchors not in (None, anchors > 0):
            continue
        figure = goal.figure(scores)
        if figure is not None:
            value, together = figure
            sign = "≥" if goal.least else "≤"
            met = "met" if goal.is_met(value) else "MISSED"
            yield f"| {goal.title} | {sign} {goal.limit:g} | {value:.3g} | {together.years:.1f} | {met} |"


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detect", description=__doc__)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help=f"of {', '.join(WORLDS)}; all when none is given")
    parser.add_argument("--seeds", default="1", help="comma-separated")
    parser.add_argument("--years", type=float, default=4.0, help="target-years a world and seed, at least")
    parser.add_argument("--confirm", type=int, default=3, help="re-tests after a change of class")
    parser.add_argument("--anchors", type=int, default=0, help="failing verdicts carry the looks at so many anchors")
    parser.add_argument("--peers", action="store_true", help="the rules people use, too")
    parser.add_argument("--first-sight", action="store_true", help="what is said at first sight, in worlds of its own")
    chosen = parser.parse_args()
    began = time.monotonic()
    if chosen.first_sight:
        seeds = [int(seed) for seed in chosen.seeds.split(",")]
        for line in first_sight.report(seeds, chosen.years, confirm=chosen.confirm, anchors=chosen.anchors):
            print(line, flush=True)
        print(f"\nseeds {chosen.seeds}, {chosen.confirm} re-tests, {time.monotonic() - began:.0f} s")
        return
    scores: dict[str, dict[str, Score]] = {}
    print(HEAD)
    for name in chosen.worlds or WORLDS:
        totals = {rule: Score() for rule in fresh(peers=chosen.peers)}
        for seed in map(int, chosen.seeds.split(",")):
            for days in _runs(name, seed, chosen.years):
                made = fresh(peers=chosen.peers)
                results = run(name, days[0], days[1], chosen.confirm, made, anchors=chosen.anchors)
                for rule, result in results.items():
                    totals[rule].add(result)
        scores[name] = totals
        for rule, total in totals.items():
            print(row(name, rule, total), flush=True)
    print("\n| goal | limit | measured | target-years | |\n| --- | --- | --- | --- | --- |")
    ours = {name: totals[OURS] for name, totals in scores.items()}
    for line in goals(ours, chosen.confirm, anchors=chosen.anchors):
        print(line)
    beside = f", anchors: {chosen.anchors}" if chosen.anchors else ""
    print(f"\nseeds {chosen.seeds}, {chosen.confirm} re-tests{beside}, {time.monotonic() - began:.0f} s")


def _runs(name: str, seed: int, years: float) -> Iterator[tuple[int, float]]:
    """The seeds and days of runs that together have a number of target-years, sixty days each."""
    number = 0
    while years > 0.0:
        part = seed * 1000 + number
        targets = script_of(name, part, 1.0).targets
        yield part, 60.0
        years -= targets * 60.0 / 365.25
        number += 1


if __name__ == "__main__":
    main()
