"""A lab of ordinary sites with a collector, a control and an agent that watches them.

The demo plays history. The runs on this lab test a law: every change is reported once, and nothing else is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.lab.fleet import Fleet
from tests.lab.ledger import Ledger
from tests.lab.quiet import give_memory, remembered
from tests.lab.records import Expect, Scenario, Site, Vantage
from tests.lab.topology import Lab
from tests.lab.world import World, deal

VANTAGE = "a1"
ASN = 64500
"""For documentation (RFC 5398)."""
BEGIN = datetime(2025, 8, 1, tzinfo=UTC)
WARM_UP = 60.0
"""Real seconds within which the vantage must have reported all targets."""


@dataclass(frozen=True)
class Pace:
    """The speed of a run.

    Attributes:
        interval: seconds of the laboratory clock from round to round.
        rate: seconds of that clock in one real second.
        step: real seconds that one step of a measurement may take.
    """

    interval: float
    rate: float
    step: float

    @property
    def round(self) -> float:
        """Real seconds from round to round."""
        return self.interval / self.rate


def world(sites: int) -> World:
    """A world with a number of sites and one vantage at ISP A."""
    made = tuple(Site(label=f"s{n}", host=f"www.site-{n}.net", title=f"Site {n}") for n in range(sites))
    unseen = Expect(status="reachable")
    scenario = Scenario(name="ordinary", family="ordinary", target="", expect=unseen, checks=(), sites=made)
    return deal([scenario], [Vantage(name=VANTAGE)])


def hosts(of: World) -> tuple[str, ...]:
    """The names of its sites, in order."""
    return tuple(placed.host for placed in of.placed if placed.host.startswith("www.site-"))


def url(host: str) -> str:
    """The target for a name."""
    return f"https://{host}/"


class Watch:
    """A collector, a control and a vantage with a quiet week behind it, under one clock.

    Args:
        lab: raised, with a world of `world`.
        pace: how fast.
        budget: keys of the agents' section `[budget]`.
    """

    def __init__(self, lab: Lab, pace: Pace, budget: Mapping[str, object] | None = None) -> None:
        self.lab, self.pace = lab, pace
        self._since = time.time()
        clock = f"{BEGIN.isoformat()}@{pace.rate}@{self._since}"
        self.targets = {url(host): host.split(".")[1] for host in hosts(lab.world)}
        self.fleet = Fleet(lab, clock, pace.interval, pace.step, self.targets, budget=budget)
        self.ledger = Ledger(self.fleet.database, pace.interval)

    def now(self) -> datetime:
        """The laboratory clock."""
        return BEGIN + timedelta(seconds=(time.time() - self._since) * self.pace.rate)

    def begin(self) -> None:
        """Start the programs and wait until the collector has a status for every target.

        Raises:
            RuntimeError: a program ended, or a target has no status in time.
        """
        self.fleet.start_collector()
        self.fleet.start_agent("control", role="control", asn=64502, country="NL")
        self.fleet.wait_for_control(len(self.targets))
        memory = remembered(self.targets, ASN, BEGIN, 300.0)
        give_memory(self.fleet.state(VANTAGE), memory, BEGIN)
        self.fleet.start_agent(VANTAGE, asn=ASN, country="RU")
        deadline = time.monotonic() + WARM_UP
        while self.ledger.settled() < len(self.targets):
            for _ in self.listen():
                pass
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self.ledger.settled()} of {len(self.targets)} targets known after {WARM_UP:.0f} s"
                )
            time.sleep(0.25)

    def rest(self, rounds: float) -> None:
        """Wait for a number of rounds; `listen` gives the transitions reported meanwhile."""
        time.sleep(rounds * self.pace.round)

    def listen(self) -> Iterator[str]:
        """A line for every transition that the collector has got since the last call.

        Raises:
            RuntimeError: a program ended.
        """
        if problem := self.fleet.ended():
            raise RuntimeError(problem)
        for score in self.ledger.news():
            yield score.line()


@contextmanager
def watch(sites: int, pace: Pace, budget: Mapping[str, object] | None = None) -> Iterator[Watch]:
    """Raise a lab with its programs until every target has a status; take it down at the end."""
    with Lab(world(sites)) as lab:
        one = Watch(lab, pace, budget)
        one.begin()
        yield one
        one.fleet.stop_agents()


def say(lines: Iterable[str]) -> None:
    """Print a line at once."""
    for line in lines:
        print(line, flush=True)  # noqa: T201
