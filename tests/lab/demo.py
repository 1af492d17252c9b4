"""May 2017 in three minutes: `python -m tests.lab.demo [--exit] [--picture FILE]` (needs root; all of it in the lab).

A collector, a control and three vantages on two ISPs run as real processes under a laboratory clock. ISP A drops
WeChat's addresses, ISP B forges DNS answers for its names, and after some rounds both stop. Each transition is printed,
beside the truth, when the collector gets it.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from probe.settings import paths
from tests.lab.fleet import PORT, Fleet, door, picture
from tests.lab.ledger import Ledger, Score, Truth
from tests.lab.listed import Register, beside_truth
from tests.lab.may2017 import ASN, LAST_ROUND, STORY, UNTOUCHED, VANTAGES, WATCHED, Cast, Day, cast
from tests.lab.quiet import give_memory, remembered
from tests.lab.topology import Lab, missing
from tests.lab.world import COLLECTOR

INTERVAL = 300.0
"""Seconds of the laboratory clock from round to round: the agents' default."""
RATE = 40.0
"""Seconds of that clock in one real second: a round takes 7.5 s."""
STEP = 0.4
"""Real seconds that a step may take: three time-outs and their re-tests must fit into half a round."""
BEGIN = datetime(2017, 5, 4, tzinfo=UTC)
PICTURED = 11.5
"""The round in which the picture is taken: both blocks are in force and known."""
WARM_UP = 60.0
"""Real seconds within which every vantage must have reported all targets."""


class Demo:
    """One run of the demo.

    Args:
        lab: raised, with the world of `players`.
        players: sites and targets.
        file: for the picture of the board; None for no picture.
    """

    def __init__(self, lab: Lab, players: Cast, file: Path | None) -> None:
        self._lab, self._players, self._picture = lab, players, file
        self._since = time.time()
        clock = f"{BEGIN.isoformat()}@{RATE}@{self._since}"
        self.fleet = Fleet(lab, clock, INTERVAL, STEP, players.targets)
        self.ledger = Ledger(self.fleet.database, INTERVAL)
        self.register = Register(lab.hosts["collector"], self.fleet.database, INTERVAL)

    def now(self) -> datetime:
        """The laboratory clock."""
        return BEGIN + timedelta(seconds=(time.time() - self._since) * RATE)

    def enter_vantages(self) -> None:
        """Start the vantages' agents, each with the detector state of a quiet week."""
        memories = {isp: remembered(self._players.targets, asn, BEGIN, INTERVAL) for isp, asn in ASN.items()}
        for vantage in VANTAGES:
            give_memory(self.fleet.state(vantage.name), memories[vantage.isp], BEGIN)
            self.fleet.start_agent(vantage.name, asn=ASN[vantage.isp], country="RU")

    def play(self, page: str) -> None:
        """Run from the first round to the last report.

        Raises:
            RuntimeError: a program ended, or not all targets were reported in time.
        """
        self._warm_up()
        start = self.now()
        days, pictured = list(STORY), False
        while True:
            gone = (self.now() - start).total_seconds() / INTERVAL
            while days and gone >= days[0].round:
                self._happens(days.pop(0))
            if not pictured and gone >= PICTURED:
                pictured = True
                self._take_picture(page)
            self._listen()
            if gone > LAST_ROUND or (not days and self._all_reported()):
                break
            time.sleep(0.25)
        time.sleep(2 * INTERVAL / RATE)  # a repeated report would come now
        self._listen()

    def _warm_up(self) -> None:
        expected = len(VANTAGES) * len(self._players.targets)
        deadline = time.time() + WARM_UP
        while self.ledger.settled() < expected:
            self._listen()
            if time.time() > deadline:
                raise RuntimeError(f"{self.ledger.settled()} of {expected} targets known after {WARM_UP:.0f} s")
            time.sleep(0.25)
        say(f"{self.now():%d %H:%M:%S}  all {expected} pairs of vantage and target are known; the story begins")

    def _listen(self) -> None:
        if problem := self.fleet.ended():
            raise RuntimeError(problem)
        for score in self.ledger.news():
            say(score.line())

    def _happens(self, day: Day) -> None:
        say(f"{self.now():%d %H:%M:%S}  ---- {day.date}: {day.what} [{day.source}]")
        if day.lists is not None:
            self.register.publish(self.now(), listed=day.lists)
        if not day.isp:
            return
        if day.isp == "a":
            self._lab.interfere("mba", self._players.drops() if day.blocks else ())
        else:
            self._lab.lie("b", self._players.lies() if day.blocks else {})
        moment = self.now()
        for vantage in VANTAGES:
            if vantage.isp != day.isp:
                continue
            for target, causes in self._players.affected(day.isp).items():
                truth = Truth(moment, "blocked", causes) if day.blocks else Truth(moment, "reachable")
                self.ledger.truth.setdefault((vantage.name, target), []).append(truth)

    def _take_picture(self, page: str) -> None:
        if self._picture is not None:
            problem = picture(page, self._picture)
            say(f"the board's picture is in {self._picture}" if not problem else f"no picture: {problem}")

    def _all_reported(self) -> bool:
        return all(self.ledger.standing(*pair) == truths[-1].status for pair, truths in self.ledger.truth.items())

    def judgement(self) -> list[str]:
        """The faults found, one line each."""
        wrong: list[str] = []
        for status, name in (("blocked", "block"), ("reachable", "lifting")):
            counted = dict.fromkeys(self.ledger.truth, 0)
            for score in self.ledger.scores:
                if score.truth is not None and score.truth.status == status:
                    counted[score.span.vantage, score.span.target] += 1
            once = sum(count == 1 for count in counted.values())
            say(f"{name}s reported exactly once: {once} / {len(counted)}{_figures(self.ledger.scores, status)}")
            wrong += [f"{pair}: {name} reported {count} times" for pair, count in counted.items() if count != 1]
        strangers = [s for s in self.ledger.scores if s.span.service in UNTOUCHED]
        say(f"transitions on the untouched services: {len(strangers)}")
        wrong += [f"never happened: {s.line()}" for s in self.ledger.scores if s.truth is None]
        wrong += [f"wrong cause: {s.line()}" for s in self.ledger.scores if not _cause_right(s)]
        return wrong + self._listed_beside_observed()

    def _listed_beside_observed(self) -> list[str]:
        """What is wrong with the four dates on the service's page."""
        ends: dict[int, tuple[datetime, datetime]] = {}
        for vantage in VANTAGES:
            its = [t for (name, _), truths in self.ledger.truth.items() if name == vantage.name for t in truths]
            if {"blocked", "reachable"} <= {t.status for t in its}:
                began, over = ([t.moment for t in its if t.status == status] for status in ("blocked", "reachable"))
                ends[ASN[vantage.isp]] = (min(began), max(over))
        self.register.wait()
        page = self.fleet.ask(f"/s/{WATCHED}.json")
        lines, wrong = beside_truth(page, self.register.moments, ends, INTERVAL)
        for line in lines:
            say(f"/s/{WATCHED}: {line}")
        return wrong


def _figures(scores: list[Score], status: str) -> str:
    own = [s for s in scores if s.truth is not None and s.truth.status == status]
    if not own:
        return ""
    delays, errors = [s.delay for s in own], [abs(s.onset_error) for s in own]
    return (
        f"; delay median {statistics.median(delays):.1f}, longest {max(delays):.1f} rounds"
        f"; onset error median {statistics.median(errors):.1f}, largest {max(errors):.1f} rounds"
    )


def _cause_right(score: Score) -> bool:
    if score.truth is None or not score.truth.causes:
        return True
    return any(cause in score.span.causes for cause in score.truth.causes)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)  # noqa: T201


def main() -> int:
    """Run the demo and return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.demo", description=__doc__)
    options.add_argument("--exit", action="store_true", help="end by itself, with status 0 when all went well")
    options.add_argument("--picture", type=Path, metavar="FILE", help="draw the board during the block into a PNG")
    chosen = options.parse_args()
    if reason := missing():
        say(f"demo: {reason}")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):  # also where the shell started this process with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    players = cast(paths.shipped_folder() / "services")
    watched = sum(service == WATCHED for service in players.targets.values())
    say(f"raising the lab: {len(players.targets)} targets, {watched} of them WeChat's")
    try:
        return perform(players, chosen.picture, stay=not chosen.exit)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except RuntimeError as error:
        say(f"demo: {error}")
        return 1


def perform(players: Cast, file: Path | None, *, stay: bool) -> int:
    """Raise the lab, play, compare; with `stay`, serve the board until interrupted.

    Raises:
        RuntimeError: the lab cannot be raised, or a program on it ended.
    """
    with Lab(players.world) as lab, door(lab.hosts["collector"], COLLECTOR, PORT) as address:
        demo = Demo(lab, players, file)
        demo.fleet.start_collector()
        demo.fleet.start_agent("control", role="control", asn=64502, country="NL")
        demo.fleet.wait_for_control(len(players.targets))
        demo.enter_vantages()
        say(f"the board: http://{address}/")
        demo.play(f"http://{address}/")
        wrong = demo.judgement()
        for line in wrong:
            say(f"WRONG  {line}")
        say("all went as it should" if not wrong else f"{len(wrong)} things went wrong")
        if stay:
            say(f"the board stays at http://{address}/ until you interrupt (Ctrl-C)")
            _wait()
        demo.fleet.stop_agents()
        return 1 if wrong else 0


def _wait() -> None:
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        say("the demo ends")


if __name__ == "__main__":
    sys.exit(main())
