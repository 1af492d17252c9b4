"""Measure what one healthy target of each kind costs on the wire: packets, bytes and connections.

``python -m benchmarks.cost [--each N]`` raises the laboratory (root, Linux), has a vantage measure N healthy sites of
each kind as an agent does, and counts its packets with tcpdump: the site's, the resolvers' and the anchors'.
The printed numbers go into `probe.agent.cost`, which estimates a volunteer's traffic in a day. The lab's pages have
some hundred bytes and its certificates one short chain, so `probe.agent.cost` adds the bytes of a real page and chain.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from probe.model.address import network_of
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


def counted(lab: Lab, bench: Bench, kind: str, control: Sequence[str]) -> tuple[Tally, Tally, int]:
    """Count one `probe check` over a kind of targets: traffic without the anchors', the anchors', and the targets."""
    targets = [bench.target(one) for one in bench.scenarios if one.name.startswith(f"{kind}-")]
    file, capture, host = lab.folder / f"{kind}.txt", lab.folder / f"{kind}.pcap", lab.hosts[VANTAGE]
    file.write_text("\n".join(targets) + "\n")
    words = ["tcpdump", "-i", "wan", "-s", "160", "-B", "65536", "-Z", "root", "-w", str(capture), "ip or ip6"]
    tcpdump = host.spawn(*words)
    while not capture.exists():
        time.sleep(0.05)
    words = ["check", "--json", *control, *(f"--trusted-resolver={url}" for url in TRUSTED), "--pace", "0"]
    words += ["--send"] if kind == "send" else []
    words += [f"--anchor=https://{place.host}/" for place in FIXED[:2]]
    environ = {**bench.environ, "PROBE_MEASURE_RANGE_SAMPLE": "16"}
    done = host.run(PROBE, *words, "--targets", str(file), environ=environ, timeout=300)
    time.sleep(1)
    tcpdump.terminate()
    tcpdump.wait()
    said = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    if said != ["reachable"] * len(targets):
        raise RuntimeError(f"{kind}: not healthy: {said} {done.stderr[-500:]}")
    seen = traffic.read(capture, lab.world.vantages[VANTAGE])
    anchors = {network_of(place.four[0]) for place in FIXED[:2]}
    return seen.of(set(seen.by_network) - anchors), seen.of(anchors), len(targets)


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
        print("per look:  kind     packets    bytes  connections    (anchors for one run, two of them)")
        for kind in KINDS:
            own, anchors, many = counted(lab, bench, kind, control)
            print(
                f"           {kind:8} {own.packets / many:7.1f} {own.octets / many:8.0f} {own.connections / many:12.1f}"
                f"    {anchors.packets} packets, {anchors.octets} bytes, {anchors.connections} connections",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
