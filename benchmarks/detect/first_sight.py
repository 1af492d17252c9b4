"""First sight: minutes until a standing block is said, and false ones at vantages that start in all kinds of trouble.

The detector itself decides the re-tests, as in the agent. In the worlds with blocks, three in ten targets have been
blocked since the day before, and work again after some hours. In the other worlds every target works, and each vantage
is watched for six hours after its start. A target-year stands for 365 starts: of a vantage that forgets everything
every night. Where there is trouble, every vantage starts in the middle of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Final

from benchmarks.detect.mechanisms import EARLY_SITE, SICK_SITE, SILENT_SITE, Mix
from benchmarks.detect.score import CALLED, quantile, upper_bound
from benchmarks.detect.script import DAY, HOUR, MINUTE, START, Episode, Script, Vantage
from benchmarks.detect.worlds import script_of
from probe.detect.detector import Detector

BLOCKS: Final[dict[str, tuple[str, float]]] = {
    "injected DNS answer": ("dns", 1.0),
    "RST by server name": ("sni_rst", 1.0),
    "silence by server name": ("sni_drop", 1.0),
    "block page": ("page", 1.0),
    "forged DNS answer": ("spoof", 1.0),
    "RST": ("rst", 1.0),
    "silence, control served": ("ip", 1.0),
    "one port silent": ("port", 1.0),
    "throttled": ("throttle", 1.0),
    "injected DNS answer, p = 0.9": ("dns", 0.9),
    "injected DNS answer, p = 0.5": ("dns", 0.5),
    "RST by server name, p = 0.9": ("sni_rst", 0.9),
    "RST by server name, p = 0.5": ("sni_rst", 0.5),
    "silence, p = 0.9": ("ip", 0.9),
    "silence, p = 0.5": ("ip", 0.5),
}
"""Rows of the table of delays: mechanism and share of the attempts that it stops."""

BLOCKED_SHARE: Final = 0.3
BLOCKED_RUN_DAYS: Final = 0.4
HEALTHY_RUN_DAYS: Final = 0.25
STARTS_A_YEAR: Final = 365.25


@dataclass
class FirstSights:
    """What was said at first sight.

    Attributes:
        minutes: from the start of the vantage until it was said, `inf` where a change was reported instead or nothing.
        changes: blocks that were reported as a change, because the first look came through.
        unblocks: minutes from the end of such a block to its report.
        false: statuses said of targets that nobody interfered with.
        starts: targets at vantages that started.
    """

    minutes: list[float] = field(default_factory=list)
    changes: int = 0
    unblocks: list[float] = field(default_factory=list)
    false: int = 0
    starts: int = 0

    @property
    def years(self) -> float:
        """Target-years with a start every day."""
        return self.starts / STARTS_A_YEAR


def run(script: Script, seed: str, totals: FirstSights, *, confirm: int, anchors: int) -> None:
    """Start a vantage in a script, and add what it says to the totals."""
    detector = Detector()
    vantage = Vantage(Random(f"vantage {seed}"), script, confirm, anchors=anchors, differs=detector.differs)
    found, transitions = [], []
    for verdict_input in vantage.inputs():
        transitions += detector.feed(verdict_input)
        found += detector.first_sights()
    transitions += detector.finish()
    found += detector.first_sights()
    ends = {vantage.names[event.target]: event.end for event in script.events}
    said = {one.target: one.time.timestamp() for one in found if one.status.value in CALLED}
    totals.starts += script.targets
    totals.false += sum(moment > ends.get(target, 0.0) for target, moment in said.items())
    for target, end in ends.items():
        totals.minutes.append((said[target] - script.begin) / MINUTE if target in said else inf)
        own = [one for one in transitions if one.target == target]
        totals.changes += target not in said and any(one.after in CALLED for one in own)
        late = [one.time.timestamp() for one in own if one.after == "reachable" and one.time.timestamp() >= end]
        totals.unblocks.append((late[0] - end) / MINUTE if late else inf)


def standing(mechanism: str, share: float, seed: int) -> Iterator[tuple[Script, str]]:
    """Scripts in which three in ten targets are blocked before the vantage starts."""
    for number in range(40):
        rng = Random(f"first sight {mechanism} {share} {seed} {number}")
        script = Script(rng.randint(10, 40), BLOCKED_RUN_DAYS, 0.01)
        for target in rng.sample(range(script.targets), round(BLOCKED_SHARE * script.targets)):
            script.block(target, START - DAY, START + rng.uniform(4, 6) * HOUR, mechanism, share=share)
        yield script, f"{mechanism} {share} {seed} {number}"


Trouble = Callable[[Random, Script], None]


def _outage(rng: Random, script: Script) -> None:
    """Start in one of the outages of a world."""
    spans = [(a, b) for a, b, _ in script.unknown]
    spans += [(one.start, one.end) for one in script.episodes.get(0, []) if one.rank == 0]
    spans += [(one.start, one.end) for one in script.episodes.get(1, []) if one.rank == 0]
    start, end = rng.choice(spans)
    script.begin = rng.uniform(start, end)


def _anywhere(rng: Random, script: Script) -> None:
    """Start at any moment, in bursts or not."""
    script.begin = START + rng.uniform(0.1, script.days - 1.0) * DAY


def _policed(rng: Random, script: Script) -> None:
    """Start while the network freezes the last connections of every round."""
    script.policed = [(START, START + rng.uniform(0.2, 3.0) * HOUR, rng.uniform(0.1, 0.9))]


def _down(rng: Random, script: Script) -> None:
    """Start while sites are down, some just now, so that the control does not know it yet."""
    for target in rng.sample(range(script.targets), max(1, script.targets // 4)):
        begin = START - rng.choice((0.0, rng.uniform(0, 10) * MINUTE, rng.uniform(0, 10) * HOUR))
        known = begin + rng.uniform(2, 10) * MINUTE
        end = max(known, START + rng.uniform(0.2, 10) * HOUR)
        later = SICK_SITE if rng.random() < 0.7 else SILENT_SITE

        def looks(moment: float, known: float = known, later: Mix = later) -> Mix:
            return EARLY_SITE if moment < known else later

        script.add(target, Episode(begin, end, lambda _: 1.0, looks))


TROUBLES: Final[dict[str, tuple[str, Trouble]]] = {
    "1 % strays": ("quiet1", _anywhere),
    "5 % strays": ("quiet5", _anywhere),
    "10 % strays": ("quiet10", _anywhere),
    "bursts of 6 minutes every 12 hours": ("quiet_ge", _anywhere),
    "bursts of 10 minutes every 6 hours": ("quiet_geh", _anywhere),
    "starts offline": ("out_unknown", _outage),
    "starts in an outage, unnoticed at first": ("out_misjudged", _outage),
    "starts behind a captive portal, unnoticed": ("out_portal", _outage),
    "starts with half of its uplink or resolver dead": ("out_partial", _outage),
    "starts while it is policed": ("quiet1", _policed),
    "sites are down when it starts": ("quiet1", _down),
}
"""Rows of the table of false statuses: world, and where the vantage starts in it."""


def healthy(world: str, trouble: Trouble, seed: int, years: float) -> Iterator[tuple[Script, str]]:
    """Scripts without interference, whose targets have a number of target-years together."""
    number = 0
    while years > 0.0:
        key = f"{world} {trouble.__name__} {seed} {number}"
        script = script_of(world, seed * 100_000 + number, 8.0)
        trouble(Random(f"start {key}"), script)
        script.days = HEALTHY_RUN_DAYS
        yield script, key
        years -= script.targets / STARTS_A_YEAR
        number += 1


def report(seeds: list[int], years: float, *, confirm: int, anchors: int) -> Iterator[str]:
    """The lines of both tables.

    Args:
        seeds: each adds its runs.
        years: target-years of each healthy world and seed.
        confirm: re-tests.
        anchors: failing verdicts carry the looks at so many anchors.
    """
    yield "| standing block | targets | minutes, median / p90 | said at first sight | as a change | end, median / p90 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for title, (mechanism, share) in BLOCKS.items():
        totals = FirstSights()
        for seed in seeds:
            for script, key in standing(mechanism, share, seed):
                run(script, key, totals, confirm=confirm, anchors=anchors)
        yield _delays(title, totals)
    yield ""
    yield "| healthy targets | target-years | first sights | said, though false | a target-year (95 % bound) |"
    yield "| --- | --- | --- | --- | --- |"
    for title, (world, trouble) in TROUBLES.items():
        totals = FirstSights()
        for seed in seeds:
            for script, key in healthy(world, trouble, seed, years):
                run(script, key, totals, confirm=confirm, anchors=anchors)
        rate = f"{totals.false / totals.years:.2f} (< {upper_bound(totals.false, totals.years):.2f})"
        yield f"| {title} | {totals.years:.1f} | {totals.starts} | {totals.false} | {rate} |"


def _delays(title: str, totals: FirstSights) -> str:
    said = [minutes for minutes in totals.minutes if minutes != inf]
    targets = len(totals.minutes)
    spans = f"{quantile(said, 0.5):.0f} / {quantile(said, 0.9):.0f}" if said else "never"
    ends = f"{quantile(totals.unblocks, 0.5):.0f} / {quantile(totals.unblocks, 0.9):.0f}"
    first, change = (f"{100 * number / targets:.0f} %" for number in (len(said), totals.changes))
    return f"| {title} | {targets} | {spans} | {first} | {change} | {ends} |"
