"""Measure the lab's figures: `python -m tests.lab.figures` writes the probe's accuracy and its cost.

Each run raises the lab anew, proves every scenario without the probe, has the probe judge it, and then measures
harmless situations on clean and lossy lines. At the end one vantage measures its scenarios at the default pace while
tcpdump counts. It takes about five minutes a run on two cores, and three more for the count.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from probe.model.address import network_of
from tests.lab import traffic
from tests.lab.bench import PROBE, Bench, Line, first_right, status_right
from tests.lab.harmless import HARMLESS, LINES, measure_harmless
from tests.lab.records import Control, Scenario
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.traffic import Tally
from tests.lab.world import FIXED, PUBLIC_RESOLVER, RESOLVERS, TRUSTED, deal

STATUSES = ("reachable", "blocked", "throttled", "down", "unreachable", "unknown")
GRAVE = ("blocked", "throttled")
VANTAGE = "a1"
"""The vantage whose packets are counted: an ordinary line."""
FIRST_RUNS = "\n## First runs on new scenarios\n"
COUNTED = ("dns", "address", "tls", "http", "throttle", "quic", "benign", "hostile", "traps", "vantage")
"""The families whose packets are counted: the same ones from release to release."""


@dataclass
class Figures:
    """The counts over all runs."""

    runs: int = 0
    unproven: Counter[str] = field(default_factory=Counter)
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: int = 0
    wrong: list[str] = field(default_factory=list)
    harmless: Counter[tuple[int, bool, str]] = field(default_factory=Counter)
    accused: list[str] = field(default_factory=list)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    spent: dict[str, list[Tally]] = field(default_factory=dict)
    overhead: Tally = field(default_factory=Tally)
    targets: int = 0
    wall: float = 0.0
    busiest: tuple[int, str] = (0, "")

    @property
    def judged(self) -> int:
        """Verdicts on scenarios."""
        return self.matrix.total()


def judge_all(lab: Lab, figures: Figures) -> None:
    """Check every scenario without the probe, then measure it with the probe."""
    bench = Bench(lab, ALL)
    figures.unproven.update(bench.check().keys())
    for scenario, line in _paired(bench):
        right = status_right(scenario, line)
        expected = scenario.expect.status.split("|")
        said = line.get("status", "nothing")
        figures.matrix[said if right else expected[0], said] += 1
        figures.first += first_right(scenario, line)
        if not right or not first_right(scenario, line):
            figures.wrong.append(f"`{scenario.name}`: {said} {line.get('causes')} by `{line.get('rule')}`")
        figures.sizes.setdefault(said, []).append(len(gzip.compress(json.dumps(line).encode())))
    figures.runs += 1


def _paired(bench: Bench) -> Iterable[tuple[Scenario, Line]]:
    lines = bench.measure()
    return ((scenario, lines[scenario.name]) for scenario in bench.scenarios)


def accuse_none(lab: Lab, figures: Figures) -> None:
    """Measure the harmless situations at every loss rate, with and without a control."""
    for (vantage, controlled), lines in measure_harmless(lab).items():
        for line in lines:
            figures.harmless[LINES[vantage], controlled, line["status"]] += 1
            if line["status"] in GRAVE:
                figures.accused.append(f"{line['target']} at {LINES[vantage]} %: {line['causes']} by {line['rule']}")


def count_wire(lab: Lab, figures: Figures) -> None:
    """One vantage's scenarios at the default pace, counted by tcpdump in its namespace."""
    scenarios = [s for s in ALL if s.vantage == VANTAGE and s.control is Control.ON and s.family in COUNTED]
    bench = Bench(lab, scenarios)
    control = bench.control_file("wire", bench.measure_controls()["control"])
    file = lab.folder / "wire.txt"
    file.write_text("\n".join(bench.target(s) for s in scenarios) + "\n")
    host, capture = lab.hosts[VANTAGE], lab.folder / "wire.pcap"
    tcpdump = host.spawn(
        "tcpdump", "-i", "wan", "-s", "160", "-B", "65536", "-Z", "root", "-w", str(capture), "ip or ip6"
    )
    while not capture.exists():
        time.sleep(0.05)
    words = ["check", "--json", *control, *(f"--trusted-resolver={url}" for url in TRUSTED), "--timeout", "3"]
    words += [f"--anchor=https://{p.host}/" for p in FIXED[:2]] + [f"--domestic-anchor=https://{FIXED[2].host}/"]
    began = time.monotonic()
    done = host.run(PROBE, *words, "--targets", str(file), environ=bench.environ, timeout=540)
    figures.wall = time.monotonic() - began
    time.sleep(1)
    tcpdump.terminate()
    tcpdump.wait()
    if done.returncode not in (0, 1):
        raise RuntimeError(f"probe ended with {done.returncode}: {done.stderr[-2000:]}")
    lines = {line["target"]: line for line in map(json.loads, done.stdout.splitlines())}
    seen = traffic.read(capture, lab.world.vantages[VANTAGE])
    sites: set[str] = set()
    for scenario in scenarios:
        networks = _networks(lab, scenario)
        sites |= networks
        kind = lines[bench.target(scenario)]["status"]
        figures.spent.setdefault(kind, []).append(seen.of(networks))
    shared = {network_of(address) for address in (PUBLIC_RESOLVER, RESOLVERS["a"], *(p.four[0] for p in FIXED[:3]))}
    figures.overhead, figures.targets = seen.of(shared), len(lines)
    figures.busiest = seen.busiest(set(seen.by_network) - {network_of(RESOLVERS["a"])})


def _networks(lab: Lab, scenario: Scenario) -> set[str]:
    """The networks of a scenario's own sites."""
    own = set(lab.world.fields[scenario.name].values())
    mine = [p for p in lab.world.placed if own & {*p.four, *p.six}]
    return {network_of(address) for p in mine for address in (*p.four, *p.six)}


def document(figures: Figures) -> str:
    """The figures as a page."""
    right = figures.judged - sum(n for (expected, said), n in figures.matrix.items() if expected != said)
    harmless, accused = figures.harmless.total(), len(figures.accused)
    return f"""\
# Figures of the lab

Written by `python -m tests.lab.figures`; [the lab](lab.md) says what was measured.

{figures.runs} whole runs of {len(ALL)} scenarios; not proven without the probe: {len(figures.unproven)}.
Status right {_share(right, figures.judged)}, first cause right {_share(figures.first, figures.judged)}.

| expected \\ said | {" | ".join(STATUSES)} |
| --- |{" --- |" * len(STATUSES)}
{_lines(_row(row, *(figures.matrix[row, said] for said in STATUSES)) for row in STATUSES)}

{_lines(f"- wrong: {text}" for text in figures.wrong or ["none"])}

## What is harmless

{harmless} measurements of {len(HARMLESS)} situations that are no network's doing.
Called blocked or throttled: {accused}.

| loss in each direction | control | measured | {" | ".join(STATUSES)} |
| --- | --- | --- |{" --- |" * len(STATUSES)}
{_lines(_harmless_rows(figures))}

{_lines(f"- accused: {text}" for text in figures.accused or ["none"])}
{_costs(figures)}
## Evidence

Bytes of one verdict's line, compressed alone (gzip).

| status | verdicts | median | largest |
| --- | --- | --- | --- |
{_lines(_row(s, len(n), f"{statistics.median(n):.0f}", max(n)) for s in STATUSES if (n := figures.sizes.get(s)))}
"""


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _share(part: int, whole: int) -> str:
    return f"{part} / {whole} ({part / max(1, whole):.2%})"


def _harmless_rows(figures: Figures) -> Iterable[str]:
    for loss in sorted(set(LINES.values())):
        for controlled in (True, False):
            counts = [figures.harmless[loss, controlled, status] for status in STATUSES]
            yield _row(f"{loss} %", "yes" if controlled else "no", sum(counts), *counts)


def _costs(figures: Figures) -> str:
    """The part of the page about packets, bytes and connections."""
    if not figures.targets:
        return ""
    shared, targets = figures.overhead, figures.targets
    rows = (
        _row(status, len(spent), *(_middle_and_most([getattr(one, part) for one in spent]) for part in Tally.__slots__))
        for status in STATUSES
        if (spent := figures.spent.get(status))
    )
    most, network = figures.busiest
    return f"""
## What a verdict costs

{targets} targets measured from one line at the default pace in {figures.wall:.0f} s, counted by tcpdump: median and
largest of what was exchanged with the target's own networks, both directions.

| said | verdicts | packets | bytes | connections | handshakes |
| --- | --- | --- | --- | --- | --- |
{_lines(rows)}

Beside that, for each verdict, with resolvers and anchors: {shared.packets / targets:.1f} packets,
{shared.octets / targets:.0f} bytes, {shared.connections / targets:.1f} connections.

The most connections begun with one network within one second: {most} ({network}).
"""


def _middle_and_most(values: Sequence[int]) -> str:
    return f"{statistics.median(values):.0f}, {max(values)}"


def _kept(file: Path) -> str:
    """The part of the page that was written by hand: what first runs said."""
    _, heading, kept = file.read_text().partition(FIRST_RUNS) if file.exists() else ("", "", "")
    return heading + kept


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.figures", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="whole runs (5)")
    parser.add_argument("--no-wire", action="store_true", help="leave out the run at the default pace")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where to write the page; standard output otherwise")
    words = parser.parse_args()
    if reason := missing():
        sys.stderr.write(f"figures: {reason}\n")
        return 2
    figures = Figures()
    for number in range(words.runs):
        began = time.monotonic()
        with Lab(deal(ALL, PROFILES)) as lab:
            judge_all(lab, figures)
            accuse_none(lab, figures)
        said = f"run {number + 1}: {time.monotonic() - began:.0f} s, wrong so far {len(figures.wrong)}"
        sys.stderr.write(f"{said}, accused {len(figures.accused)}\n")
    if not words.no_wire:
        with Lab(deal(ALL, PROFILES)) as lab:
            count_wire(lab, figures)
    page = document(figures)
    if words.write:
        words.write.write_text(page + _kept(words.write))
    else:
        sys.stdout.write(page)
    return 1 if figures.wrong or figures.accused or figures.unproven else 0


if __name__ == "__main__":
    sys.exit(main())
