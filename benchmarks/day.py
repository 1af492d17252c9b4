"""Measure what a day of an agent costs on the wire: packets, bytes and connections, over a list like the default one.

``python -m benchmarks.day [--rounds N] [--full-every SECONDS]`` raises the laboratory (root, Linux) with as many
healthy targets of each kind as the default list has, home pages of 30 kB and certificate chains of 4 kB, and as many
anchors of each scheme as the default settings. An agent does its first round, then rounds an interval apart by its
clock, one process a round as under cron. tcpdump counts at the vantage. A day is 24 hours of the rounds after the
first; by default an hour of them is measured. The estimate of `probe run --dry-run` is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from probe.agent import watchlist
from probe.agent.cost import NO_COST, Cost, daily_costs, kind_of
from probe.model.address import network_of
from probe.plan.looks import DAY_SECONDS
from probe.settings import load
from tests.lab import traffic
from tests.lab.bench import PROBE, Bench
from tests.lab.hosts import Host
from tests.lab.records import Expect, Scenario, Site
from tests.lab.scenarios import PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.traffic import Tally
from tests.lab.world import PUBLIC_RESOLVER, deal
from tests.lab.world import RESOLVERS as ISP_RESOLVERS

VANTAGE = "a1"
"""An ordinary line."""
RESOLVER = ISP_RESOLVERS["a"]
REAL = Site(https="home", http="home", certificate="long")
TARGETS = {"https": "https://{host}/", "http": "http://{host}/", "dns": "dns://{host}", "tcp": "tcp://{a}:443"}
RESOLVERS = (
    f"https://{PUBLIC_RESOLVER}/dns-query",
    f"tls://{PUBLIC_RESOLVER}:853",
    f"https://{PUBLIC_RESOLVER}/dns-query?third",
)
"""Three connections, as to the default settings' trusted resolvers."""
WELL = Expect(status="reachable")
GOALS = {"MB": (60, 30), "packets": (250_000, 150_000), "connections": (30_000, 20_000)}
"""At least, and the aim."""


def scenarios() -> list[Scenario]:
    """Healthy sites: as many of each kind as the default list has, and the anchors."""
    chosen = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    kinds = Counter(kind_of(target) for _, target in watchlist.load(chosen).targets)
    found = [
        Scenario(name=f"{kind}-{number}", family="day", target=TARGETS[kind], expect=WELL, checks=(), sites=(REAL,))
        for kind, many in kinds.items()
        for number in range(many)
    ]
    for number, url in enumerate(chosen.measure.anchors):
        form = "https://{host}/" if url.startswith("https:") else "http://{host}/generate_204"
        site = Site(http="generate", certificate="long", six=1)
        found.append(
            Scenario(name=f"anchor-{number}", family="day", target=form, expect=WELL, checks=(), sites=(site,))
        )
    return found


class Day:
    """An agent at a vantage of the lab, and a capture beside each of its rounds.

    Args:
        lab: raised.
        bench: its targets and anchors.
        words: further lines of the settings' `[agent]`.
        healthy: whether every target must be found well.
        rate: seconds of the agent's clock in one real second.
        timeout: real seconds after which a step has met silence; as in the default settings when 0.

    Attributes:
        own: the vantage's addresses.
    """

    def __init__(
        self,
        lab: Lab,
        bench: Bench,
        words: Sequence[str],
        *,
        healthy: bool = True,
        rate: float = 1.0,
        timeout: float = 0.0,
    ) -> None:
        self._lab = lab
        self._rate = rate
        self._healthy = healthy
        self.own = lab.world.vantages[VANTAGE]
        self._host: Host = lab.hosts[VANTAGE]
        self._folder = lab.folder / "day"
        self._folder.mkdir()
        self._rounds = 0
        self._start = datetime.now(UTC)
        own = [(one.name, bench.target(one)) for one in bench.scenarios]
        targets = [target for name, target in own if not name.startswith("anchor-")]
        anchors = [target for name, target in own if name.startswith("anchor-")]
        (self._folder / "targets.txt").write_text("\n".join(targets) + "\n")
        control = bench.control_file("day", bench.probe("control", targets, trusted=True))[1]
        self.expected = len(targets)
        fields = lab.world.fields
        places = [(one.name.partition("-")[0], fields[one.name]) for one in bench.scenarios]
        self._kinds = {network_of(own[key]): kind for kind, own in places for key in ("a", "six") if key in own}
        self._kinds |= {network_of(PUBLIC_RESOLVER): "trusted", network_of(RESOLVER): "resolver"}
        self._environ = {**bench.environ, "PROBE_CONFIG": str(self._folder / "probe.toml")}
        lines = [
            *("[agent]", "consent = true", f"state = {json.dumps(str(self._folder / 'state'))}"),
            *(f"control = {json.dumps(control)}", *words),
            *("[targets]", "services = []", f"files = [{json.dumps(str(self._folder / 'targets.txt'))}]"),
            *("[measure]", f"anchors = {json.dumps(anchors)}", f"trusted_resolvers = {json.dumps(RESOLVERS)}"),
            *((f"timeout = {timeout}",) if timeout else ()),
        ]
        (self._folder / "probe.toml").write_text("\n".join(lines) + "\n")

    def round(self, interval: float) -> dict[str, Tally]:
        """Do one round and count its packets, by the kind of target, anchor or resolver that they went to.

        Raises:
            RuntimeError: the round failed.
        """
        capture = self.capture(interval, "160")
        seen = traffic.read(capture, self.own)
        capture.unlink()
        found: dict[str, Tally] = {}
        for network, tally in seen.by_network.items():
            kind = self._kinds.get(network, "other")
            found[kind] = summed((found.get(kind, Tally()), tally))
        return found

    def capture(self, interval: float, octets: str = "0") -> Path:
        """Do one round; the capture of it.

        Args:
            interval: seconds between rounds by the agent's clock.
            octets: of each packet that are kept; 0 for all.

        Raises:
            RuntimeError: the round failed.
        """
        capture = self._folder / f"{self._rounds}.pcap"
        words = ["tcpdump", "-i", "wan", "-s", octets, "-B", "65536", "-Z", "root", "-w", str(capture), "ip or ip6"]
        tcpdump = self._host.spawn(*words)
        while not capture.exists():
            time.sleep(0.05)
        moment = self._start + timedelta(seconds=interval * self._rounds)
        clock = {"PROBE_CLOCK": f"{moment.isoformat()}@{self._rate:g}"}
        done = self._host.run(PROBE, "run", "--once", "-v", environ={**self._environ, **clock}, timeout=600)
        if done.returncode:
            raise RuntimeError(f"a round ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-2000:]}")
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
        self.said = next((line for line in done.stderr.splitlines() if "round state=" in line), "")
        if self._healthy and (f"measured={self.expected} " not in self.said or "changes=0" not in self.said):
            raise RuntimeError(f"not every target was healthy: {self.said}")
        self._rounds += 1
        return capture


def summed(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies."""
    total = Tally()
    for one in tallies:
        total += one
    return total


def scaled(tally: Tally, share: float) -> Tally:
    """A tally times a number."""
    values = tally.packets, tally.octets, tally.connections, tally.handshakes
    return Tally(*(round(value * share) for value in values))


def shown(title: str, tally: Tally) -> str:
    """A line of figures."""
    octets = f"{tally.octets / 1e6:9.2f} MB"
    return f"{title:16} {octets}  {tally.packets:9,} packets  {tally.connections:7,} connections"


def estimated() -> Cost:
    """What the agent estimates for a day of the default list."""
    chosen = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
    total = NO_COST
    for item in daily_costs(chosen, watchlist.load(chosen)):
        total = total.plus(item.cost)
    return total


def figures(cost: Cost | Tally) -> tuple[float, float, float]:
    """Megabytes, packets and connections."""
    return cost.octets / 1e6, cost.packets, cost.connections


def main() -> int:
    """Build the lab, do the rounds, count, print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=12, help="rounds after the first (12: an hour)")
    options.add_argument("--full-every", type=float, default=3600.0, help="seconds between two full looks (3600)")
    given = options.parse_args()
    if reason := missing():
        sys.stderr.write(f"day: {reason}\n")
        return 2
    chosen = scenarios()
    interval = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}).agent.interval
    with Lab(deal(chosen, PROFILES)) as lab:
        day = Day(lab, Bench(lab, chosen), [f"full_every = {given.full_every}"])
        print(shown("first round", summed(day.round(interval).values())), flush=True)
        kinds: dict[str, Tally] = {}
        for number in range(given.rounds):
            one = day.round(interval)
            for kind, tally in one.items():
                kinds[kind] = summed((kinds.get(kind, Tally()), tally))
            glanced = day.said.partition("glanced=")[2].partition(" ")[0]
            print(shown(f"round {number + 2}", summed(one.values())), f" {glanced} glances", flush=True)
    share = DAY_SECONDS / interval / given.rounds
    for kind, tally in kinds.items():
        print(shown(f"a day, {kind}", scaled(tally, share)))
    whole = scaled(summed(kinds.values()), share)
    print(shown("a day", whole))
    estimate = estimated()
    for what, (least, aim), value, expected in zip(
        GOALS, GOALS.values(), figures(whole), figures(estimate), strict=True
    ):
        met = "met" if value <= least else "MISSED"
        print(f"{what}: {value:,.0f}; at least {least:,}, aim {aim:,}: {met}; estimated {expected / value - 1:+.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
