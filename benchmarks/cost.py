"""Measure what one healthy target of each kind costs on the wire: packets, bytes and connections.

``python -m benchmarks.cost [--each N]`` raises the laboratory (root, Linux), has a vantage measure N healthy sites of
each kind as an agent does, and counts its packets with tcpdump: the site's and the resolvers'. An anchor's are the
difference that three anchors of its scheme make, the queries for its name included.
The printed numbers go into `probe.agent.cost`, which estimates a volunteer's traffic in a day. The lab's pages have
some hundred bytes and its certificates one short chain, so `probe.agent.cost` adds the bytes of a real page and chain.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tests.lab import traffic
from tests.lab.bench import PROBE, Bench
from tests.lab.records import Control, Expect, Scenario, Site
from tests.lab.scenarios import PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.traffic import Tally
from tests.lab.world import FIXED, TRUSTED, deal

VANTAGE = "a1"
"""An ordinary line."""
KINDS: dict[str, tuple[str, Site]] = {
    "https": ("https://{host}/", Site()),
    "send": ("https://{host}/", Site()),
    "http": ("http://{host}/", Site()),
    "domain": ("{host}", Site()),
    "dns": ("dns://{host}", Site()),
    "tcp": ("tcp://{a}:443", Site()),
    "tls": ("tls://{a}:443/{host}", Site()),
    "quic": ("quic://{host}:443", Site(quic=True)),
    "range": ("{net}.90.0/24", Site()),
}
ANCHORS = {"anchor https": "https://{}/", "anchor http": "http://{}/generate_204"}
WELL = Expect(status="reachable")


def scenarios(each: int) -> list[Scenario]:
    """A number of healthy sites of each kind."""
    return [
        Scenario(
            name=f"{kind}-{number}",
            family="cost",
            target=target,
            expect=WELL,
            checks=(),
            sites=(site,),
            ranges=("{net}.90.0/24",) if kind == "range" else (),
        )
        for kind, (target, site) in KINDS.items()
        for number in range(each if kind != "range" else 2)
    ]


def counted(lab: Lab, bench: Bench, label: str, targets: Sequence[str], words: Sequence[str]) -> Tally:
    """Count the traffic of one `probe check` over targets.

    Raises:
        RuntimeError: a target is not reachable.
    """
    file, capture, host = lab.folder / f"{label}.txt", lab.folder / f"{label}.pcap", lab.hosts[VANTAGE]
    file.write_text("\n".join(targets) + "\n")
    command = ["tcpdump", "-i", "wan", "-s", "160", "-B", "65536", "-Z", "root", "-w", str(capture), "ip or ip6"]
    tcpdump = host.spawn(*command)
    while not capture.exists():
        time.sleep(0.05)
    command = ["check", "--json", *(f"--trusted-resolver={url}" for url in TRUSTED), "--pace", "0", *words]
    environ = {**bench.environ, "PROBE_MEASURE_RANGE_SAMPLE": "16"}
    done = host.run(PROBE, *command, "--targets", str(file), environ=environ, timeout=300)
    time.sleep(1)
    tcpdump.terminate()
    tcpdump.wait()
    said = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    if said != ["reachable"] * len(targets):
        raise RuntimeError(f"{label}: not healthy: {said} {done.stderr[-500:]}")
    seen = traffic.read(capture, lab.world.vantages[VANTAGE])
    return seen.of(seen.by_network)


def row(kind: str, tally: Tally, without: Tally, many: int) -> str:
    """One line of the table: the cost of one of so many, beyond that of a measurement without any."""
    packets, octets = tally.packets - without.packets, tally.octets - without.octets
    connections = tally.connections - without.connections
    return f"           {kind:12} {packets / many:7.1f} {octets / many:8.0f} {connections / many:12.1f}"


def main() -> int:
    """Build the lab, measure, count, print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__.partition("\n")[0])
    options.add_argument("--each", type=int, default=8, help="healthy sites of each kind (8)")
    given = options.parse_args()
    if reason := missing():
        sys.stderr.write(f"cost: {reason}\n")
        return 2
    chosen = scenarios(given.each)
    with Lab(deal(chosen, PROFILES)) as lab:
        bench = Bench(lab, chosen)
        targets = [bench.target(one) for one in chosen if one.control is Control.ON]
        control = bench.control_file("cost", bench.probe("control", targets, trusted=True))
        print("per look:  kind         packets    bytes  connections")
        for kind in KINDS:
            own = [bench.target(one) for one in chosen if one.name.startswith(f"{kind}-")]
            words = [*control, "--anchor=", *(["--send"] if kind == "send" else [])]
            print(row(kind, counted(lab, bench, kind, own, words), Tally(), len(own)), flush=True)
        one = [bench.target(next(scenario for scenario in chosen if scenario.name.startswith("tcp-")))]
        before, urls = counted(lab, bench, "without", one, [*control, "--anchor="]), list[str]()
        for kind, form in ANCHORS.items():
            urls += [form.format(place.host) for place in FIXED[:3]]
            words = [*control, *(f"--anchor={url}" for url in urls)]
            after = counted(lab, bench, kind.replace(" ", "-"), one, words)
            print(row(kind, after, before, 3), flush=True)
            before = after
    return 0


if __name__ == "__main__":
    sys.exit(main())
