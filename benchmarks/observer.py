"""List what an observer of the line sees of an agent, and the packets that neither a browser nor a system would send.

``python -m benchmarks.observer --capture FILE --own ADDRESS --resolver ADDRESS`` reads a capture (pcap of Ethernet).
``python -m benchmarks.observer [--rounds N] [--failing]`` raises the laboratory (root, Linux) as `benchmarks.day` does,
does a first round and an hour of rounds under tcpdump, and reads those: of healthy targets, or with `--failing` of
targets that are blocked in the usual ways beside some healthy ones.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.day import Day, scenarios
from probe.plan.looks import FIRST_SIGHT_SECONDS
from probe.settings import load
from tests.lab import line_view
from tests.lab.bench import Bench
from tests.lab.line_view import Hello, LineView, Question, Request, Sent
from tests.lab.odd_packets import Oddity, first_contacts, odd_packets, rank_correlation, summary
from tests.lab.records import Act, Expect, Interference, Lie, Scenario, Site
from tests.lab.scenarios import PROFILES
from tests.lab.topology import Lab, missing
from tests.lab.world import RESOLVERS, deal

_HEALTHY_BESIDE = ("https", "dns", "tcp")
_BLOCKED = Expect(status="blocked")
_URL, _PLAIN, _TCP = "https://{host}/", "http://{host}/", "tcp://{a}:443"
_NOTICE = "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\nConnection: close\r\n\r\nnot allowed\n"


def failing_scenarios() -> list[Scenario]:
    """Targets for the usual ways to block, two for each that asks the resolver more; and healthy ones beside."""

    def case(title: str, target: str = _URL, *, lie: Lie | None = None, **does: object) -> Scenario:
        acts = (Interference(**does),) if does else ()  # type: ignore[arg-type]
        sites = (Site(https="home", http="home", certificate="long"),)
        return Scenario(
            name=title, family="day", target=target, expect=_BLOCKED, checks=(), sites=sites, middlebox=acts, lie=lie
        )

    beside = [one for one in scenarios() if one.name.startswith("anchor-") or one.name.endswith(("-0", "-1", "-2"))]
    return [
        *beside,
        case("fails-syn", act=Act.DROP, address="{a}"),
        case("fails-tcp", _TCP, act=Act.RST_SYN, address="{a}"),
        case("fails-sni-reset", act=Act.HELLO_RST, name="{host}"),
        case("fails-sni-silence", act=Act.HELLO_DROP, name="{host}"),
        case("fails-nxdomain", lie=Lie(rcode="NXDOMAIN")),
        case("fails-servfail", lie=Lie(rcode="SERVFAIL")),
        case("fails-servfail-too", lie=Lie(rcode="SERVFAIL")),
        case("fails-bogon", lie=Lie(answers=("10.10.34.35",))),
        case("fails-bogon-too", lie=Lie(answers=("10.10.34.35",))),
        case("fails-page", _PLAIN, act=Act.HOST_PAGE, name="{host}", page=_NOTICE),
    ]


class ObservedDay(Day):
    """A day of the lab of which each round's capture is kept as a view."""

    def view(self, interval: float) -> LineView:
        """Do one round; what an observer sees of it."""
        capture = self.capture(interval)
        seen = line_view.read(capture, self.own)
        capture.unlink()
        return seen


def shown(sent: Sent) -> str:
    """A packet in a few words."""
    where = f"[{sent.address}]:{sent.port}" if ":" in sent.address else f"{sent.address}:{sent.port}"
    match sent.what:
        case Question(name=name, rrtype=rrtype):
            return f"{where} DNS {name} type {rrtype}"
        case Hello(name=name, ja4=ja4):
            return f"{where} TLS {name or '(no name)'} {ja4}"
        case Request(host=host):
            return f"{where} HTTP {host}"
    return f"{where} SYN or datagram"


def print_view(view: LineView, odd: Sequence[tuple[Sent, Oddity]], moments: bool = True) -> None:
    """Print what is odd, one packet a line, and how often each kind."""
    for sent, why in odd:
        at = time.strftime("%H:%M:%S ", time.gmtime(sent.time)) if moments else ""
        print(f"  {at}{shown(sent)}: {why}")
    for title, counts in summary(view).items():
        for what, many in counts.most_common(8):
            print(f"  {title}: {many} x {what}")


def print_rhythm(views: Sequence[LineView], interval: float) -> None:
    """Print how alike the rounds are: the order of the names, and the moments within a round."""
    contacts = [first_contacts(view) for view in views]
    orders = [[name for name, _ in one] for one in contacts]
    alike = [rank_correlation(one, other) for one, other in pairwise(orders)]
    starts = [one[0][1] for one in contacts if one]
    offsets: dict[str, list[float]] = {}
    for one, start in zip(contacts, starts, strict=False):
        for name, moment in one:
            offsets.setdefault(name, []).append(moment - start)
    spread = [statistics.pstdev(each) for each in offsets.values() if len(each) > 2]
    lengths = [one[-1][1] - one[0][1] for one in contacts if one]
    print(f"order of names, round to round: correlation {statistics.mean(alike or [0]):+.2f} on average")
    print(f"moment of a name within a round: standard deviation {statistics.median(spread or [0]):.1f} s (median)")
    print(f"length of a round: {min(lengths):.0f} to {max(lengths):.0f} s; rounds every {interval:g} s, jitter apart")


def observe(rounds: int, *, failing: bool, rate: float, timeout: float) -> None:
    """Do the rounds in the lab and print what they show."""
    chosen = failing_scenarios() if failing else scenarios()
    interval = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}).agent.interval
    with Lab(deal(chosen, PROFILES)) as lab:
        zone: Mapping[str, Collection[str]] = lab.world.zone
        day = ObservedDay(lab, Bench(lab, chosen), [], healthy=not failing, rate=rate, timeout=timeout)
        views = []
        for number in range(rounds + 1):
            views.append(day.view(interval))
            odd = odd_packets(views[-1], zone, RESOLVERS.values())
            print(f"round {number + 1}: {len(views[-1].sent)} packets that say something, {len(odd)} odd", flush=True)
            print_view(LineView(), odd, moments=False)
    print_view(LineView([sent for view in views[1:] for sent in view.sent]), [])
    print_rhythm(views[1:], interval)
    many = sum(one.name.startswith("fails-") for one in chosen)
    odd_of = [odd_packets(view, zone, RESOLVERS.values()) for view in views]
    print_rates("the hour after the first round", odd_of[1:], interval, many)
    settled = 1 + round(FIRST_SIGHT_SECONDS / interval)
    if many and rounds >= settled:
        print_rates("once first sight is half an hour ago", odd_of[settled:], interval, many)


def print_rates(title: str, odd: Sequence[Sequence[tuple[Sent, Oddity]]], interval: float, failing: int) -> None:
    """Print how many odd packets of each kind an hour has, and for each failing target where there are some."""
    share = 3600 / interval / len(odd) / (failing or 1)
    unit = "an hour and failing target" if failing else "an hour"
    print(f"{title}: {share * sum(map(len, odd)):.1f} odd packets {unit}")
    for why, count in Counter(why for one in odd for _, why in one).items():
        print(f"  {count * share:.1f} {why}")


def main() -> int:
    """Read a capture, or raise the lab and read its captures."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.observer", description=__doc__.partition("\n")[0])
    options.add_argument("--capture", type=Path, help="a pcap of Ethernet to read instead of raising the lab")
    options.add_argument("--own", action="append", default=[], help="an address of the host in the capture")
    options.add_argument("--resolver", action="append", default=[], help="an address that the host's system asks")
    options.add_argument("--rounds", type=int, default=12, help="rounds after the first (12: an hour)")
    options.add_argument("--failing", action="store_true", help="with targets that are blocked")
    options.add_argument(
        "--rate", type=float, default=1.0, help="seconds of the agent's clock in a real one: shortens re-tests (1)"
    )
    options.add_argument(
        "--timeout", type=float, default=0.0, help="real seconds of silence (0: the default settings')"
    )
    given = options.parse_args()
    if given.capture is not None:
        try:
            view = line_view.read(given.capture, given.own)
        except (OSError, ValueError) as error:
            sys.stderr.write(f"observer: {error}\n")
            return 2
        print_view(view, odd_packets(view, {}, given.resolver))
        return 0
    if reason := missing():
        sys.stderr.write(f"observer: {reason}\n")
        return 2
    observe(given.rounds, failing=given.failing, rate=given.rate, timeout=given.timeout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
