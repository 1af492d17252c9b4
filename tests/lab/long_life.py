"""A long life among faults: `python -m tests.lab.long_life [--cycles 11] [--seed N]` (root).

A collector, a control and a vantage run as real processes on a laboratory clock that is 40 times as fast; a round has
200 s of it, five real ones. A cycle of 40 rounds (2.2 hours) holds two changes of a target and these faults: kill -9
of the agent every few rounds, a collector that is killed and away for a third of the time, a full disk, a suspended
host, another resolver, a captive portal, another address, a clock that is set. Eleven cycles are a day.

At the end every change must have been reported exactly once, and nothing else. Printed beside it: memory, descriptors
and bytes written a round, at the start, in the middle and at the end, and the traffic that the agent has counted beside
what passed its interface: the count must be the greater.
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import msgspec

from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.traffic_budget import read_record
from probe.traffic_account import WireTraffic
from tests.lab.ledger import Truth
from tests.lab.ordinary import BEGIN, VANTAGE, Watch, hosts, say, url, watch
from tests.lab.records import Act, Interference
from tests.lab.switching import PACE
from tests.lab.topology import missing
from tests.lab.world import HIJACKING, HONEST, RESOLVERS

SITES = 8
CYCLE_ROUNDS = 40
SETTLE_ROUNDS = 25.0
"""Rounds at the end within which the last change must be reported."""
RESTART_SECONDS = 2.0
"""Real seconds after which a service manager starts an agent again that has ended by itself."""
FULL_BYTES = 4096
MONTH_BYTES = 20_000_000_000
"""The agent's budget: enough for any run, so that its blocks are written and nothing is left out."""


class Sample(msgspec.Struct, frozen=True):
    """What the agent's process takes.

    Attributes:
        memory: resident, in kB.
        descriptors: open files.
        written: kB a round that it had the kernel write to disk, since its start.
    """

    memory: int
    descriptors: int
    written: float


@dataclass
class Tally:
    """What was done to the programs, and what was seen of them."""

    kills: int = 0
    restarts: int = 0
    away: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class LongLife:
    """One run.

    Args:
        on: the lab; every target has a status.
        seed: of the moments of kills.
    """

    def __init__(self, on: Watch, seed: int) -> None:
        self.tally = Tally()
        self._watch, self._lab, self._fleet = on, on.lab, on.fleet
        self._host = on.lab.hosts[VANTAGE]
        self._chance = Random(seed)
        self._hosts = hosts(on.lab.world)
        self._number = 0
        self._active: set[str] = set()
        self._full = False
        self._born = time.monotonic()

    @property
    def agent(self) -> subprocess.Popen[bytes]:
        """The process of the vantage."""
        return self._fleet.agents[VANTAGE]

    def cycle(self) -> Iterator[str]:
        """The changes and the faults of one cycle; a line for each of them and for each report."""
        means = ("lie", "hello")[self._number % 2]
        self._number += 1
        plan: dict[int, Callable[[], str]] = {
            1: lambda: self._switch(means, on=True),
            4: self._kill,
            6: self._take_collector_away,
            9: self._kill,
            12: self._bring_collector_back,
            14: self._kill,
            17: lambda: self._switch(means, on=False),
            19: self._kill,
            20: self._fill_disk,
            22: self._empty_disk,
            24: self._suspend,
            26: self._wake,
            27: lambda: self._use_resolver(HONEST, "another resolver"),
            29: lambda: self._use_resolver(HIJACKING, "a captive portal"),
            31: lambda: self._use_resolver(RESOLVERS["a"], "the usual resolver"),
            32: self._take_collector_away,
            33: self._change_address,
            35: self._set_clock,
            38: self._bring_collector_back,
        }
        for number in range(CYCLE_ROUNDS):
            if number in plan:
                yield f"{self._watch.now():%d %H:%M:%S}  ---- {plan[number]()}"
            if number in {3, 16, 39}:
                self._take_sample()
            yield from self._rest(1.0)

    def settle(self) -> Iterator[str]:
        """Wait until the last change is reported, and a few rounds more."""
        end = time.monotonic() + SETTLE_ROUNDS * self._watch.pace.round
        ledger = self._watch.ledger
        while time.monotonic() < end and any(
            ledger.standing(*pair) != truths[-1].status for pair, truths in ledger.truth.items()
        ):
            yield from self._rest(0.5)
        yield from self._rest(3.0)

    def judgement(self) -> list[str]:
        """The faults: changes that were lost or reported twice, and reports of what never happened."""
        scores = self._watch.ledger.scores
        wrong = [f"invented: {score.line()}" for score in scores if score.truth is None]
        for (_, target), truths in self._watch.ledger.truth.items():
            for truth in truths:
                reports = [one for one in scores if one.truth is truth]
                if len(reports) != 1:
                    name = f"{target} {truth.status} at {truth.moment:%d %H:%M:%S}"
                    wrong.append(f"{'lost' if not reports else 'doubled'}: {name}")
        counted, passed = self.counted(), self.passed()
        if not passed.fits(counted):
            wrong.append(f"the agent has counted {counted}, and {passed} passed its interface")
        return wrong + self.tally.problems

    def counted(self) -> WireTraffic:
        """The month's traffic as the agent has counted it."""
        with Outbox(self._fleet.state(VANTAGE) / STATE_FILE) as outbox:
            record = read_record(outbox.notes())
        return WireTraffic() if record is None else record.month_used

    def passed(self) -> WireTraffic:
        """What passed the interface of the vantage since it was made; frames of Ethernet, ARP among them."""
        said = self._host.must("ip", "-s", "-j", "link", "show", "wan")
        link = msgspec.json.decode(said)[0]["stats64"]
        packets = link["rx"]["packets"] + link["tx"]["packets"]
        return WireTraffic(0, packets, link["rx"]["bytes"] + link["tx"]["bytes"] - 14 * packets)

    def _rest(self, rounds: float) -> Iterator[str]:
        """Let rounds pass, as a service manager would: an agent that has ended is started again."""
        end = time.monotonic() + rounds * self._watch.pace.round
        while time.monotonic() < end:
            if self.agent.poll() is not None:
                time.sleep(RESTART_SECONDS)
                self.tally.restarts += 1
                self._start({})
            yield from (score.line() for score in self._watch.ledger.news())
            time.sleep(0.2)

    def _start(self, environ: Mapping[str, str]) -> None:
        self._fleet.start_again(VANTAGE, environ)
        self._limit_files()
        self._born = time.monotonic()

    def _end(self) -> None:
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()

    def _kill(self) -> str:
        time.sleep(self._chance.uniform(0.0, self._watch.pace.round))
        self._end()
        self._start({})
        self.tally.kills += 1
        return "kill -9 of the agent"

    def _take_collector_away(self) -> str:
        self._fleet.collector.send_signal(signal.SIGKILL)
        self._fleet.collector.wait()
        self._away = time.monotonic()
        return "kill -9 of the collector, which stays away"

    def _bring_collector_back(self) -> str:
        self.tally.away += time.monotonic() - self._away
        self._fleet.start_collector()
        return "the collector is back"

    def _fill_disk(self) -> str:
        self._full = True
        self._limit_files()
        return "the disk is full"

    def _empty_disk(self) -> str:
        self._full = False
        self._limit_files()
        return "there is room on the disk again"

    def _limit_files(self) -> None:
        """While the disk is full, no file of the agent may be longer than a few kilobytes."""
        size = FULL_BYTES if self._full else resource.RLIM_INFINITY
        with suppress(ProcessLookupError):
            resource.prlimit(self.agent.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def _suspend(self) -> str:
        self.agent.send_signal(signal.SIGSTOP)
        return "the host is suspended"

    def _wake(self) -> str:
        self.agent.send_signal(signal.SIGCONT)
        return "the host wakes"

    def _use_resolver(self, address: str, what: str) -> str:
        (self._host.folder / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:2 attempts:1\n")
        return what

    def _change_address(self) -> str:
        four = self._lab.world.vantages[VANTAGE][0]
        last = 100 + self._number % 100
        network = four.rpartition(".")[0]
        lines = ("address flush dev wan scope global", f"address add {network}.{last}/24 dev wan",
                 f"route replace default via {network}.1")  # fmt: skip
        six = self._lab.world.vantages[VANTAGE][1]
        lines += (f"address add {six}/64 dev wan nodad", f"route replace ::/0 via {six.rsplit('::', 1)[0]}::1")
        self._host.must("ip", "-batch", "-", stdin="\n".join(lines) + "\n")
        return "another address of the vantage"

    def _set_clock(self) -> str:
        """Start the agent with a clock that is ten minutes ahead, and after two rounds with the true one."""
        self._end()
        ahead = self._watch.now() + timedelta(minutes=10)
        self._start({"PROBE_CLOCK": f"{ahead.isoformat()}@{self._watch.pace.rate}@{time.time()}"})
        time.sleep(2 * self._watch.pace.round)
        self._end()
        self._start({})
        self.tally.kills += 2
        return "the clock was ten minutes ahead for two rounds"

    def _switch(self, means: str, *, on: bool) -> str:
        host = self._hosts[0 if means == "lie" else 1]
        (self._active.add if on else self._active.discard)(means)
        rules = [Interference(act=Act.HELLO_DROP, name=self._hosts[1])] if "hello" in self._active else []
        self._lab.interfere("mba", rules)
        bogon: dict[str, object] = {"rcode": "", "answers": ["10.10.34.34"]}
        self._lab.lie("a", {self._hosts[0]: bogon} if "lie" in self._active else {})
        truth = Truth(self._watch.now(), "blocked" if on else "reachable")
        self._watch.ledger.truth.setdefault((VANTAGE, url(host)), []).append(truth)
        return f"{url(host)} by {means}: {'on' if on else 'off'}"

    def _take_sample(self) -> None:
        """Note what the process takes, where it has lived for a round at least."""
        rounds = (time.monotonic() - self._born) / self._watch.pace.round
        if self.agent.poll() is not None or rounds < 1:
            return
        folder = Path("/proc") / str(self.agent.pid)
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
        done = dict(line.split(":", 1) for line in (folder / "io").read_text().splitlines())
        self.tally.samples.append(
            Sample(
                memory=int(status["VmRSS"].split()[0]),
                descriptors=len(list((folder / "fd").iterdir())),
                written=int(done["write_bytes"]) / 1000 / rounds,
            )
        )

    def figures(self) -> Iterator[str]:
        """Lines about what was done, and what the agent took."""
        own, seconds = self.tally, (self._watch.now() - BEGIN).total_seconds()
        truths = sum(map(len, self._watch.ledger.truth.values()))
        wrong = [line.partition(":")[0] for line in self.judgement()]
        yield f"{seconds / 3600:.1f} simulated hours; {own.kills} kills, {own.restarts} restarts after a fault"
        yield f"collector away {own.away / (seconds / self._watch.pace.rate):.0%} of the time"
        yield f"{truths} changes: " + ", ".join(
            f"{wrong.count(word)} {word}" for word in ("lost", "doubled", "invented")
        )
        middle = len(own.samples) // 2
        for word, one in zip(
            ("start", "middle", "end"), (*own.samples[:1], *own.samples[middle:][:1], *own.samples[-1:]), strict=False
        ):
            said = f"{one.memory / 1024:.1f} MiB, {one.descriptors} descriptors"
            yield f"{word}: {said}, {one.written:.0f} kB written a round"
        counted, passed = self.counted(), self.passed()
        for what, count, truth in (
            ("bytes", counted.octets, passed.octets),
            ("packets", counted.packets, passed.packets),
        ):
            yield f"{what}: counted {count:,}, passed {truth:,}: {count / truth:.2f} times"


def perform(cycles: float, seed: int) -> list[str]:
    """Raise the lab, live through some cycles, compare; the faults, a line each.

    Raises:
        RuntimeError: the lab cannot be raised, or the collector does not start.
    """
    with watch(SITES, PACE, budget={"month_bytes": MONTH_BYTES}) as on:
        life = LongLife(on, seed)
        for _ in range(round(cycles)):
            say(life.cycle())
        say(life.settle())
        on.fleet.stop_agents()
        wrong = life.judgement()
        say(life.figures())
    say(f"WRONG  {line}" for line in wrong)
    return wrong


def main() -> int:
    """Run it and return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.lab.long_life", description=__doc__)
    options.add_argument("--cycles", type=int, default=11, help="of 40 rounds, 200 real seconds each (11: a day)")
    options.add_argument("--seed", type=int, default=1, help="the moments of kills follow from it")
    chosen = options.parse_args()
    if reason := missing():
        say([f"long_life: {reason}"])
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        wrong = perform(chosen.cycles, chosen.seed)
    except KeyboardInterrupt:
        return 130
    say([f"{len(wrong)} things went wrong" if wrong else "all went as it should"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
