"""The rows of the comparison: what is measured, with which peer, what is to be reached, and how it is measured."""

from __future__ import annotations

import importlib.util
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from benchmarks.peers import others, ours
from benchmarks.peers.processes import Run, script
from benchmarks.peers.testbed import PORTS, RANGE, WIDE_RANGE, Testbed, names

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Result:
    """What a part of a row came to.

    Attributes:
        figure: compared with the goals.
        ours, theirs: what it was made from, in words.
    """

    figure: str
    ours: str
    theirs: str = ""


@dataclass(frozen=True)
class Options:
    """How much is measured: checks a run (0 for each row's own number), and rounds of which the median counts."""

    count: int = 0
    rounds: int = 3

    def many(self, usual: int) -> int:
        """The number of checks of a run."""
        return self.count or usual


Measure = Callable[[Testbed, Options], Result]


@dataclass(frozen=True)
class Part:
    """One line of the table.

    Attributes:
        row: its number in the table of goals.
        what: is compared, with whom.
        least, aim: the goals, as ratios unless they say otherwise.
        measure: does it.
        tools: programs that it needs beside those of the testbed.
        modules: Python modules that it needs.
    """

    row: int
    what: str
    least: str
    aim: str
    measure: Measure = field(repr=False)
    tools: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """What this host lacks for the part."""
        lacking = [tool for tool in self.tools if shutil.which(tool) is None]
        return lacking + [f"the Python module {name}" for name in self.modules if not _installed(name)]


def compared(rounds: int, mine: Callable[[], float], other: Callable[[], float], unit: str = "a CPU-second") -> Result:
    """Measure both in turn; the figure is the median of the rounds' ratios."""
    pairs = [(mine(), other()) for _ in range(rounds)]
    ratio = statistics.median(one / two for one, two in pairs)
    own, their = (statistics.median(values) for values in zip(*pairs, strict=True))
    return Result(f"{ratio:.2f}", f"{own:,.0f} {unit}", f"{their:,.0f} {unit}")


def glance_https(testbed: Testbed, options: Options) -> Result:
    """Row 2."""
    targets = _urls("https", options.many(1_500))
    return compared(
        options.rounds, lambda: ours.glance_rate(testbed, targets), lambda: _exporter(testbed, targets, "http")
    )


def glance_name(testbed: Testbed, options: Options) -> Result:
    """Row 3."""
    count = options.many(2_000)
    targets = [f"dns://{name}" for name in names(count)]
    return compared(
        options.rounds,
        lambda: ours.glance_rate(testbed, targets),
        lambda: others.dnspython(testbed, count).rate(count),
    )


def whole_https(testbed: Testbed, options: Options) -> Result:
    """Row 4, with the standard library's ssl."""
    targets = _urls("https", options.many(1_500))
    return compared(
        options.rounds, lambda: ours.check_rate(testbed, targets), lambda: _exporter(testbed, targets, "http")
    )


def whole_https_boringssl(testbed: Testbed, options: Options) -> Result:
    """Row 4, with the extra `boringssl`."""
    targets = _urls("https", options.many(1_500))
    return compared(
        options.rounds,
        lambda: ours.check_rate(testbed, targets, tls="boringssl"),
        lambda: _exporter(testbed, targets, "http"),
    )


def plain_http(testbed: Testbed, options: Options) -> Result:
    """Row 5, first third."""
    targets = _urls("http", options.many(3_000))
    return compared(
        options.rounds, lambda: ours.check_rate(testbed, targets), lambda: _exporter(testbed, targets, "http")
    )


def tcp_exporter(testbed: Testbed, options: Options) -> Result:
    """Row 5, second third."""
    pairs = _pairs(options.many(5_080))
    return compared(
        options.rounds,
        lambda: ours.check_rate(testbed, [f"tcp://{pair}" for pair in pairs]),
        lambda: _exporter(testbed, pairs, "tcp"),
    )


def tcp_nmap(testbed: Testbed, options: Options) -> Result:
    """Row 5, last third."""
    pairs = _pairs(0)
    return compared(
        options.rounds,
        lambda: ours.check_rate(testbed, [f"tcp://{pair}" for pair in pairs]),
        lambda: others.nmap_connect(testbed).rate(len(pairs)),
    )


def glance_quic(testbed: Testbed, options: Options) -> Result:
    """Row 6, first half. The server of the testbed keeps up with a hundred Initials at once, not with more."""
    targets = [f"quic://{name}:443" for name in names(options.many(100))]
    return compared(
        options.rounds,
        lambda: ours.glance_rate(testbed, targets, passes=10),
        lambda: others.aioquic(testbed, 5 * len(targets)).rate(5 * len(targets)),
    )


def syn_sweep(testbed: Testbed, options: Options) -> Result:
    """Row 6, second half: all addresses of a /16, as sixteen ranges with a verdict each."""
    size = ip_network(WIDE_RANGE).num_addresses
    sampled = size // 256 * 254  # a range's sample leaves out .0 and .255
    return compared(
        options.rounds,
        lambda: script(testbed, "range_client.py", WIDE_RANGE, "80").rate(sampled),
        lambda: others.zmap(testbed, WIDE_RANGE, 80).rate(size),
    )


def mixed(testbed: Testbed, options: Options) -> Result:
    """Row 7: many targets, 3 in 10 silent."""
    targets, alive = _mixed(options)
    own = ours.check(testbed, targets, concurrency=10_000, timeout=TIMEOUT_SECONDS)
    other = others.exporter(testbed, targets, concurrency=2_000)
    return Result(_many(own, alive), f"{own.cpu:.1f} CPU-s", f"{_many(other, alive)}, {other.cpu:.1f} CPU-s")


def stopped(testbed: Testbed, options: Options) -> Result:
    """Row 8: the same on a host that is ten times slower."""
    targets, alive = _mixed(options)
    own = ours.check(testbed, targets, concurrency=1_000, timeout=TIMEOUT_SECONDS, stopped=True)
    return Result(str(alive - own.succeeded), f"{own.wall:.1f} s, {own.memory:.0f} MiB")


PARTS: Sequence[Part] = (
    Part(2, "glance at a healthy HTTPS target x blackbox_exporter http", "6", "10", glance_https, (others.EXPORTER,)),
    Part(3, "glance at a name x dnspython's asyncresolver", "9", "17", glance_name),
    Part(4, "whole HTTPS check, stdlib ssl x blackbox_exporter http", "0.85", "1.1", whole_https, (others.EXPORTER,)),
    Part(
        4,
        "whole HTTPS check, extra boringssl x blackbox_exporter http",
        "1.5",
        "2.0",
        whole_https_boringssl,
        (others.EXPORTER,),
        ("utls",),
    ),
    Part(5, "plain HTTP x blackbox_exporter http", "3", "5", plain_http, (others.EXPORTER,)),
    Part(5, "TCP x blackbox_exporter tcp", "2.5", "4", tcp_exporter, (others.EXPORTER,)),
    Part(5, "TCP x nmap -sT", "0.25", "0.4", tcp_nmap, ("nmap",)),
    Part(6, "QUIC glance x a handshake with aioquic", "20", "40", glance_quic, (), ("aioquic",)),
    Part(6, "SYN sweep of a /16 x zmap", "0.5", "0.9", syn_sweep, ("zmap",)),
    Part(
        7,
        "10,000 HTTPS targets, 30 % silent, 5 s a step: wall ÷ time-out; MiB; healthy called dead",
        "4; 128; 0",
        "2; 64; 0",
        mixed,
        (others.EXPORTER,),
    ),
    Part(8, "the same on a host stopped 45 ms of every 50: healthy called dead", "0", "0", stopped),
)


def _exporter(testbed: Testbed, targets: Sequence[str], module: str) -> float:
    return others.exporter(testbed, targets, module=module).rate(len(targets))


def _urls(scheme: str, count: int) -> list[str]:
    return [f"{scheme}://{name}/" for name in names(count)]


def _pairs(count: int) -> list[str]:
    """Pairs of address and port, all that there are when `count` is 0."""
    found = [f"{address}:{port}" for port in PORTS for address in ip_network(RANGE)]
    return found[:count] if count else found


def _mixed(options: Options) -> tuple[list[str], int]:
    targets = [f"https://{name}/" for name in names(options.many(10_000), silent=0.3)]
    return targets, sum(1 for target in targets if target.startswith("https://n"))


def _many(run: Run, alive: int) -> str:
    return f"{run.wall / TIMEOUT_SECONDS:.1f}; {run.memory:.0f}; {alive - run.succeeded}"


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
