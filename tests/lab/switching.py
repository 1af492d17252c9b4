"""A middlebox that switches on and off at random: `python -m tests.lab.switching [--minutes 15] [--seed N]` (root).

Four of twelve sites are interfered with, each by other means and at its own moments, while one packet in fifty is lost
in either direction. A collector, a control and a vantage run as real processes with rounds of five seconds, which the
laboratory clock counts as 200. Every switch is printed beside its report. The exit status is 0 when each was reported
once, and nothing else was.

How long a block or its absence lasts follows from the detector's delays (docs/detector.md): at least 1.5 times the time
within which 95 % of such changes are reported, and a random time more.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from tests.lab.ledger import Score, Truth
from tests.lab.ordinary import VANTAGE, Pace, Watch, hosts, say, url, watch
from tests.lab.records import Act, Interference
from tests.lab.topology import missing

PACE = Pace(interval=200.0, rate=40.0, step=0.3)
"""A round lasts five real seconds, which the laboratory clock counts as 200.

A failing target is tried three times, and its re-test begins 51 s of that clock after the first sample: within
`probe.detect.vantage_series.BATCH_GAP_SECONDS`. If a round counted as five minutes, a step would have
0.2 s, too little on a busy machine."""
SITES = 12
LOSS = 2.0
"""Per cent of the vantage's packets that are lost, in each direction."""
LONGER = 7.0
"""Mean of the random time that is added to the least time, in rounds."""
LEAST_OFF = 8.0
"""Least rounds without interference: twice the 3 rounds in which 95 % of the ends are reported, and two for the
gap that keeps two blocks apart."""


@dataclass(frozen=True)
class Means:
    """A way of blocking.

    Attributes:
        first: causes of which one must come first in a report.
        least: rounds for which it stays on at least.
    """

    first: tuple[str, ...]
    least: float


MEANS: Mapping[str, Means] = {
    # 95 % within 1 round (dns), 2 (sni_drop), 4 (rst), 45 min (9 rounds of 300 s) of bare time-outs
    "lie": Means(("dns.bogon",), 6.0),
    "hello": Means(("tls.timeout",), 6.0),
    "reset": Means(("tcp.reset",), 7.0),
    "silence": Means(("tcp.timeout",), 20.0),
}


@dataclass(frozen=True, order=True)
class Switch:
    """One interference that starts or stops.

    Attributes:
        round: rounds after the start.
        means: key of `MEANS`; its site has the same position in the list.
    """

    round: float
    means: str
    on: bool


def schedule(seed: int, rounds: float, means: Sequence[str] = tuple(MEANS)) -> list[Switch]:
    """All switches in order, from the seed. After the last of each there is time to report it."""
    found = []
    for one in means:
        chance = Random(f"{seed} {one}")
        moment, on = 1.0 + chance.uniform(0.0, LONGER), True
        while moment < rounds - (MEANS[one].least if on else LEAST_OFF):
            found.append(Switch(moment, one, on))
            moment += (MEANS[one].least if on else LEAST_OFF) + chance.expovariate(1 / LONGER)
            on = not on
    return sorted(found)


class Switching:
    """One run over a schedule.

    Args:
        on: the lab; every target has a status.
        switches: in order.
    """

    def __init__(self, on: Watch, switches: Sequence[Switch]) -> None:
        self._watch, self._switches = on, switches
        self._hosts = dict(zip(MEANS, hosts(on.lab.world), strict=False))
        self._active: set[str] = set()
        self._moments: dict[tuple[str, datetime], Switch] = {}
        self._apply()

    def play(self, rounds: float) -> Iterator[str]:
        """Perform the switches on time for a number of rounds; a line for each switch and each report."""
        start, ahead = self._watch.now(), list(self._switches)
        while True:
            gone = (self._watch.now() - start).total_seconds() / self._watch.pace.interval
            while ahead and gone >= ahead[0].round:
                yield self.perform_switch(ahead.pop(0))
            yield from self._watch.listen()
            if gone > rounds:
                return
            time.sleep(0.1)

    def settle(self, rounds: float) -> Iterator[str]:
        """Wait until every switch is reported, `rounds` at most, and one more for repeated reports."""
        left = rounds * self._watch.pace.round
        while left > 0 and not self._known():
            yield from self._watch.listen()
            time.sleep(0.1)
            left -= 0.1
        self._watch.rest(1)
        yield from self._watch.listen()

    def _known(self) -> bool:
        ledger = self._watch.ledger
        return all(ledger.standing(*pair) == truths[-1].status for pair, truths in ledger.truth.items())

    def perform_switch(self, switch: Switch) -> str:
        """Start or stop an interference; a line about it."""
        (self._active.add if switch.on else self._active.remove)(switch.means)
        self._apply()
        moment, target = self._watch.now(), url(self._hosts[switch.means])
        truth = Truth(moment, "blocked", ()) if switch.on else Truth(moment, "reachable")
        self._watch.ledger.truth.setdefault((VANTAGE, target), []).append(truth)
        self._moments[target, moment] = switch
        return f"{moment:%d %H:%M:%S}  ---- {target} by {switch.means}: {'on' if switch.on else 'off'}"

    def _apply(self) -> None:
        lab = self._watch.lab
        four = {placed.host: placed.four[0] for placed in lab.world.placed}
        rules = [Interference(act=Act.LOSS, source=lab.world.vantages[VANTAGE][0], percent=LOSS)]
        if "hello" in self._active:
            rules.append(Interference(act=Act.HELLO_DROP, name=self._hosts["hello"]))
        for means, act in (("reset", Act.RST_SYN), ("silence", Act.DROP)):
            if means in self._active:
                rules.append(Interference(act=act, address=four[self._hosts[means]]))
        lab.interfere("mba", rules)
        bogon: dict[str, object] = {"rcode": "", "answers": ["10.10.34.34"]}
        lab.lie("a", {self._hosts["lie"]: bogon} if "lie" in self._active else {})

    def judgement(self) -> tuple[list[str], list[str]]:
        """Lines with every switch beside its reports and figures, and the faults, a line each."""
        reports: dict[tuple[str, datetime], list[Score]] = {key: [] for key in self._moments}
        wrong = []
        for score in self._watch.ledger.scores:
            if score.truth is None:
                wrong.append(f"invented: {score.line()}")
            else:
                reports[score.span.target, score.truth.moment].append(score)
        lines = []
        for (target, moment), scores in reports.items():
            switch = self._moments[target, moment]
            name = f"{target} {switch.means} {'on' if switch.on else 'off':3} at {moment:%H:%M:%S}"
            seen = [f"{s.delay:+.1f} rounds, onset {s.onset_error:+.1f} {s.span.causes}" for s in scores]
            lines.append(f"{name}: {'; again '.join(seen) or 'NOT REPORTED'}")
            if len(scores) != 1:
                wrong.append(f"reported {len(scores)} times: {name}")
            wrong += [f"wrong cause: {s.line()}" for s in scores if switch.on and not _first(s, switch)]
        return [*lines, *self._figures(reports)], wrong

    def _figures(self, reports: Mapping[tuple[str, datetime], Sequence[Score]]) -> Iterator[str]:
        for means in MEANS:
            for on in (True, False):
                keys = [key for key, switch in self._moments.items() if (switch.means, switch.on) == (means, on)]
                delays = [reports[key][0].delay for key in keys if reports[key]]
                if delays:
                    what = f"{means} {'on' if on else 'off'}"
                    spans = f"delay median {statistics.median(delays):.1f}, longest {max(delays):.1f} rounds"
                    once = sum(len(reports[key]) == 1 for key in keys)
                    yield f"{what:11} {once} / {len(keys)} reported once; {spans}"
        once = sum(len(scores) == 1 for scores in reports.values())
        invented = sum(score.truth is None for score in self._watch.ledger.scores)
        yield f"switches reported exactly once: {once} / {len(reports)}; invented: {invented}"


def _first(score: Score, switch: Switch) -> bool:
    return any(cause in score.span.causes for cause in MEANS[switch.means].first)


def perform(seed: int, rounds: float, *, pace: Pace = PACE, means: Sequence[str] = tuple(MEANS)) -> list[str]:
    """Raise the lab, play a number of rounds, compare; the faults, a line each.

    Raises:
        RuntimeError: the lab cannot be raised, or a program on it ended.
    """
    switches = schedule(seed, rounds, means)
    say([f"seed {seed}: {len(switches)} switches in {rounds:.0f} rounds of {pace.round:g} s; {LOSS:g} % loss"])
    with watch(SITES, pace) as on:
        run = Switching(on, switches)
        on.rest(3)  # the vantage has seen the loss before the first switch
        say(run.play(rounds))
        lines, wrong = run.judgement()
    say([*lines, *(f"WRONG  {line}" for line in wrong)])
    return wrong


def main() -> int:
    """Run it and return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.switching", description=__doc__)
    options.add_argument("--minutes", type=float, default=15.0, help="how long, in real minutes")
    options.add_argument("--seed", type=int, default=1, help="when what is switched follows from it")
    chosen = options.parse_args()
    if reason := missing():
        say([f"switching: {reason}"])
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    try:
        wrong = perform(chosen.seed, chosen.minutes * 60 / PACE.round)
    except KeyboardInterrupt:
        return 130
    result = f"{len(wrong)} things went wrong" if wrong else "all went as it should"
    say([f"{result}; {timedelta(seconds=round(time.monotonic() - began))}"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
