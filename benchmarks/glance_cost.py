"""Measure what one glance at a healthy target of each kind costs on the wire, and one look at a blocked one.

``python -m benchmarks.glance_cost [--each N]`` raises the laboratory (root, Linux) with N sites of each kind whose
certificate chains have 4 kB, glances at them from a vantage, and counts its packets with tcpdump. The last line is a
full look at a site whose name is cut, with the neutral name first. The printed numbers go into `probe.agent.cost`. In
the laboratory there is no distance, so that a server sends more before a RST stops it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from probe.clock import Clock
from probe.measure.glance.glance_engine import GlanceEngine
from probe.measure.network_config import resolver_config
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.model.glance import GlanceResult, glance_requests
from probe.model.target import parse
from probe.model.verdict import Status
from probe.session.session import Session
from probe.settings import load
from tests.lab import traffic
from tests.lab.bench import Bench
from tests.lab.records import Act, Expect, Interference, Scenario, Site
from tests.lab.scenarios import PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.traffic import Tally
from tests.lab.world import TRUSTED, deal

VANTAGE = "a1"
"""An ordinary line."""
KINDS: dict[str, tuple[str, Site]] = {
    "https": ("https://{host}/", Site(certificate="long")),
    "http": ("http://{host}/", Site()),
    "domain": ("{host}", Site(certificate="long")),
    "dns": ("dns://{host}", Site()),
    "tcp": ("tcp://{a}:443", Site()),
    "tls": ("tls://{a}:443/{host}", Site(certificate="long")),
    "quic": ("quic://{host}:443", Site(quic=True)),
}
BLOCKED = "blocked"


def scenarios(each: int) -> list[Scenario]:
    """A number of healthy sites of each kind, and of sites whose name is cut."""
    cut = Interference(act=Act.HELLO_RST, name="{host}")
    kinds = {**KINDS, BLOCKED: KINDS["https"]}
    return [
        Scenario(
            name=f"{kind}-{number}",
            family="cost",
            target=target,
            expect=Expect(status="reachable"),
            checks=(),
            sites=(site,),
            middlebox=(cut,) if kind == BLOCKED else (),
        )
        for kind, (target, site) in kinds.items()
        for number in range(each)
    ]


async def glance_at(texts: Sequence[str]) -> list[GlanceResult]:
    """Glance at each target; runs at the vantage."""
    found: list[GlanceResult] = []
    async with Tools(3.0, PaceLimiter(0)) as tools:
        tools.begin_pass(resolver_config(), ipv6=False)
        async with GlanceEngine(tools) as engine:
            await engine.run((one for text in texts for one in glance_requests(parse(text))), found.append)
    return found


async def look_at(texts: Sequence[str]) -> list[Status]:
    """Look at each target in full, the neutral name first; runs at the vantage."""
    overrides = {"measure.trusted_resolvers": list(TRUSTED), "measure.anchors": [], "measure.pace": 0.0}
    async with Session(load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, overrides), Clock()) as session:
        return [(await session.measure(text, parse(text), suspected=True)).status for text in texts]


def inside(file: Path) -> int:
    """The part that runs at the vantage; 1 where a target was not as it should be."""
    texts = file.read_text().split()
    if file.stem == BLOCKED:
        return int(any(status is not Status.BLOCKED for status in asyncio.run(look_at(texts))))
    return int(any(result.failure is not None for result in asyncio.run(glance_at(texts))))


def counted(lab: Lab, bench: Bench, kind: str) -> tuple[Tally, int]:
    """Count the looks at one kind of targets; the traffic, and the number of targets.

    Raises:
        RuntimeError: a target was not as it should be.
    """
    targets = [bench.target(one) for one in bench.scenarios if one.name.startswith(f"{kind}-")]
    file, capture, host = lab.folder / f"{kind}.txt", lab.folder / f"{kind}.pcap", lab.hosts[VANTAGE]
    file.write_text("\n".join(targets) + "\n")
    words = ["tcpdump", "-i", "wan", "-s", "160", "-B", "65536", "-Z", "root", "-w", str(capture), "ip or ip6"]
    tcpdump = host.spawn(*words)
    while not capture.exists():
        time.sleep(0.05)
    done = host.run(
        sys.executable, "-m", "benchmarks.glance_cost", "--at", str(file), environ=bench.environ, timeout=300
    )
    time.sleep(1)
    tcpdump.terminate()
    tcpdump.wait()
    if done.returncode:
        raise RuntimeError(f"{kind}: not as it should be: {done.stderr[-1000:]}")
    seen = traffic.read(capture, lab.world.vantages[VANTAGE])
    return seen.of(seen.by_network), len(targets)


def main() -> int:
    """Build the lab, glance, count, print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.glance_cost", description=__doc__.partition("\n")[0])
    options.add_argument("--each", type=int, default=8, help="sites of each kind (8)")
    options.add_argument("--at", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.at is not None:
        return inside(given.at)
    if reason := missing():
        sys.stderr.write(f"glance_cost: {reason}\n")
        return 2
    chosen = scenarios(given.each)
    with Lab(deal(chosen, PROFILES)) as lab:
        bench = Bench(lab, chosen)
        print("per glance: kind     packets    bytes  connections    (blocked: a full look)")
        for kind in (*KINDS, BLOCKED):
            own, many = counted(lab, bench, kind)
            figures = f"{own.packets / many:7.1f} {own.octets / many:8.0f} {own.connections / many:12.1f}"
            print(f"            {kind:8} {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
