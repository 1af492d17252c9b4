"""What a lone agent can say: `python -m tests.lab.lone_agent [--rounds 20]` (root; all of it in the lab).

One volunteer's agent reports to one collector. Each of nine sites is blocked or throttled by another of the main
mechanisms, while others stay as they are. This is done with `probe collector serve --control` and without a control,
and in either case with blocks that begin while the agent watches and with blocks that stood before it came. The table
says what the collector has been told of each site, and how many minutes after the block began (or the agent started).
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.lab.fleet import Fleet
from tests.lab.ledger import Ledger, RecordedSpan
from tests.lab.ordinary import ASN, BEGIN, VANTAGE, WARM_UP, Pace, say
from tests.lab.quiet import give_memory, remembered
from tests.lab.records import Act, Expect, Interference, Scenario, Site, Vantage
from tests.lab.scenarios.http import BLOCKPAGE
from tests.lab.topology import Lab, missing
from tests.lab.world import STUB, World, deal

PACE = Pace(interval=300.0, rate=30.0, step=0.5)
"""A round of five minutes takes ten real seconds."""
ORDINARY_SITES = 15
"""Sites that nobody touches: most of what is watched, as for a real agent."""
GRAVE = ("blocked", "throttled")


@dataclass(frozen=True)
class Mechanism:
    """A way of blocking one site.

    Attributes:
        label: of its site.
        name: for the table.
        act: of the middlebox; None where only the resolver lies.
        by_name: the middlebox matches the site's name, else its address.
        after: parameter of the act.
        page: likewise.
        lie: the resolver's forged answer; None for none.
        https: how the site's port 443 is served.
        scheme: of the target.
    """

    label: str
    name: str
    act: Act | None = None
    by_name: bool = True
    after: int = 0
    page: str = ""
    lie: Mapping[str, object] | None = None
    https: str = "page"
    scheme: str = "https"

    @property
    def target(self) -> str:
        """The target that is watched."""
        return f"{self.scheme}://{self.host}/"

    @property
    def host(self) -> str:
        """The name of its site."""
        return f"www.{self.label}-site.net"

    def interference(self, host: str, address: str) -> Iterable[Interference]:
        """The middlebox's rules for the site."""
        if self.act is not None:
            where = {"name": host} if self.by_name else {"address": address}
            yield Interference(act=self.act, after=self.after, page=self.page, **where)  # type: ignore[arg-type]


MECHANISMS = (
    Mechanism("nxdomain", "NXDOMAIN", lie={"rcode": "NXDOMAIN", "answers": []}),
    Mechanism("forged", "forged DNS answer", lie={"rcode": "", "answers": [STUB]}),
    Mechanism("silence", "SYN silence", Act.DROP, by_name=False),
    Mechanism("rst", "RST to the SYN", Act.RST_SYN, by_name=False),
    Mechanism("sni-silence", "SNI silence", Act.HELLO_DROP),
    Mechanism("sni-rst", "SNI RST", Act.HELLO_RST),
    Mechanism("page", "block page", Act.HOST_PAGE, page=BLOCKPAGE, scheme="http"),
    Mechanism("freeze", "freeze after 22 kB", Act.HELLO_FREEZE, after=22_000, https="big"),
    Mechanism("rate", "slowed to 14 kB/s", Act.RATE, after=14_000, https="big"),
)


@dataclass(frozen=True)
class Saying:
    """What the collector was told of a target once: a status, its first cause, minutes after the block."""

    minutes: float
    status: str
    cause: str

    def __str__(self) -> str:
        return f"{self.status} {self.cause}".strip() + f" after {self.minutes:.0f} min"


def world(mechanisms: Sequence[Mechanism], ordinary: int) -> World:
    """A world with a site for each mechanism, some ordinary ones, and one vantage."""
    sites = [Site(label=one.label, host=one.host, https=one.https) for one in mechanisms]
    sites += [Site(label=f"s{n}", host=f"www.ordinary-{n}.net", title=f"Site {n}") for n in range(ordinary)]
    scenario = Scenario(
        name="lone", family="lone", target="", expect=Expect(status="reachable"), checks=(), sites=tuple(sites)
    )
    return deal([scenario], [Vantage(name=VANTAGE)])


class LoneAgent:
    """One run: a collector, one agent, sites that are blocked at one moment.

    Args:
        lab: raised, with a world of `world`.
        mechanisms: those of the world.
        pace: how fast.
    """

    def __init__(self, lab: Lab, mechanisms: Sequence[Mechanism], pace: Pace) -> None:
        self._lab, self._pace = lab, pace
        self._since = time.time()
        named = {placed.host: placed.four[0] for placed in lab.world.placed}
        self._sites = [(one, one.host, named[one.host]) for one in mechanisms]
        ordinary = [f"https://{host}/" for host in named if host.startswith("www.ordinary-")]
        self._targets = {text: text.split(".")[1] for text in [*(one.target for one in mechanisms), *ordinary]}
        clock = f"{BEGIN.isoformat()}@{pace.rate}@{self._since}"
        self._fleet = Fleet(lab, clock, pace.interval, pace.step, self._targets)
        self._ledger = Ledger(self._fleet.database, pace.interval)

    def play(self, rounds: float, *, control: bool, standing: bool) -> dict[str, list[Saying]]:
        """Run it; target -> what the collector was told of it since the block, in order.

        Args:
            rounds: after the block.
            control: whether the collector runs a control.
            standing: whether the blocks stand before the agent comes, which then has no memory.

        Raises:
            RuntimeError: a program ended, or was not ready in time.
        """
        self._fleet.start_collector(control=control)
        if control:
            self._fleet.wait_for_control(len(self._targets))
        if standing:
            self.block()
        else:
            memory = remembered(self._targets, ASN, BEGIN, self._pace.interval)
            give_memory(self._fleet.state(VANTAGE), memory, BEGIN)
        moment = self._now()
        self._fleet.start_agent(VANTAGE, asn=ASN, country="RU")
        if not standing:
            self._wait_until_known()
            time.sleep(self._pace.round)
            moment = self._now()
            self.block()
        end = time.monotonic() + rounds * self._pace.round
        while time.monotonic() < end:
            if problem := self._fleet.ended():
                raise RuntimeError(problem)
            time.sleep(0.25)
        self._fleet.stop_agents()
        return sayings(self._ledger.spans(), moment)

    def block(self) -> None:
        """Switch every mechanism on."""
        self._lab.interfere("mba", [rule for one, *where in self._sites for rule in one.interference(*where)])
        self._lab.lie("a", {host: one.lie for one, host, _ in self._sites if one.lie is not None})

    def _now(self) -> datetime:
        return BEGIN + timedelta(seconds=(time.time() - self._since) * self._pace.rate)

    def _wait_until_known(self) -> None:
        deadline = time.monotonic() + WARM_UP
        while len({one.target for one in self._ledger.spans()}) < len(self._targets):
            if time.monotonic() > deadline or self._fleet.ended():
                raise RuntimeError(self._fleet.ended() or "not every target is known in time")
            time.sleep(0.25)


def sayings(spans: Iterable[RecordedSpan], moment: datetime) -> dict[str, list[Saying]]:
    """Target -> what was said of it after a moment, other than that it is reachable as before."""
    found: dict[str, list[Saying]] = {}
    for one in sorted(spans, key=lambda span: span.known):
        before = found.setdefault(one.target, [])
        if one.known < moment or (one.status == "reachable" and not before):
            continue
        said = Saying((one.known - moment).total_seconds() / 60, one.status, one.causes.partition(" ")[0])
        if not before or (before[-1].status, before[-1].cause) != (said.status, said.cause):
            before.append(said)
    return found


def perform(
    rounds: float,
    *,
    control: bool,
    standing: bool,
    mechanisms: Sequence[Mechanism] = MECHANISMS,
    ordinary: int = ORDINARY_SITES,
    pace: Pace = PACE,
) -> dict[str, list[Saying]]:
    """Raise the lab, play once, take it down; target -> what the collector was told of it."""
    with Lab(world(mechanisms, ordinary)) as lab:
        return LoneAgent(lab, mechanisms, pace).play(rounds, control=control, standing=standing)


Runs = Mapping[tuple[bool, bool], Mapping[str, Sequence[Saying]]]
"""(control, standing) -> target -> what was said."""


def document(runs: Runs) -> str:
    """The table, in Markdown."""
    columns = list(runs)
    heads = [
        f"{'with' if control else 'without'} a control, {'standing at the start' if standing else 'begins'}"
        for control, standing in columns
    ]
    rows = [
        f"| {one.name} | " + " | ".join(_cell(runs[column].get(one.target, ())) for column in columns) + " |"
        for one in MECHANISMS
    ]
    return "\n".join([f"| mechanism | {' | '.join(heads)} |", "| --- |" + " --- |" * len(heads), *rows])


def _cell(said: Sequence[Saying]) -> str:
    return ", then ".join(map(str, said)) or "nothing"


def accused(said: Mapping[str, Sequence[Saying]], mechanisms: Sequence[Mechanism] = MECHANISMS) -> list[str]:
    """The untouched targets that were called blocked or throttled."""
    touched = {one.target for one in mechanisms}
    return [
        f"{target}: {one}"
        for target, all_ in said.items()
        if target not in touched
        for one in all_
        if one.status in GRAVE
    ]


def main() -> int:
    """Run all four, print the table; 1 when an untouched site was accused."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.lone_agent", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=float, default=20.0, help="rounds after the block (20)")
    chosen = options.parse_args()
    if reason := missing():
        say([f"lone_agent: {reason}"])
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    runs: dict[tuple[bool, bool], dict[str, list[Saying]]] = {}
    wrong: list[str] = []
    try:
        for control in (True, False):
            for standing in (False, True):
                found = runs[control, standing] = perform(chosen.rounds, control=control, standing=standing)
                wrong += accused(found)
    except KeyboardInterrupt:
        return 130
    say([document(runs), *(f"WRONG  {line}" for line in wrong)])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
