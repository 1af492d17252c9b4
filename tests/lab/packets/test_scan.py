"""The SYN scanner's process by itself, in network namespaces: what it may do, when it ends, what it finds.

What it finds is compared with what connections find at the same addresses.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests import required
from tests.lab.hosts import ROOT

SCANNER = ("unshare", "--net", sys.executable, "-P", "-m", "probe.packets.scan")
UNPRIVILEGED = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--")
BOTH = r"""
import asyncio, json, socket, subprocess, sys
from pathlib import Path
from probe.measure.pace import PaceLimiter
from probe.measure.perform import perform
from probe.measure.tools import Tools
from probe.model.step import ConnectEach
from probe.plan.plan import Plan

PORT = 8080
FOUR = ("127.0.0.1", "127.0.0.2", "10.9.0.7", "10.8.0.1", "203.0.113.9")
SIX = ("::1", "fd00:9::7")

class OneSweep(Plan):
    def __init__(self, addresses):
        super().__init__()
        self.queue.add(ConnectEach(addresses=addresses, port=PORT), self)
    def observed(self, step, seen): pass
    def finished(self, step, seen): pass

async def main(rate):
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        server = socket.socket(family)
        server.bind((address, PORT))
        server.listen()
        globals()[address] = server
    found = {}
    async with Tools(1.5, PaceLimiter(rate)) as tools:
        for addresses in (FOUR, SIX):
            for one in await perform(OneSweep(addresses), tools):
                found[one.address] = [one.failure, one.detail, one.port, one.resent, one.took >= 1400]
        trouble = tools.syn_scanner().trouble
        process = tools.syn_scanner()._process
        status = Path(f"/proc/{process.pid}/status").read_text().split() if process else []
    words = ("Uid:", "CapPrm:", "CapEff:", "CapBnd:", "NoNewPrivs:")
    held = [status[status.index(word) + 1] for word in words] if status else []
    print(json.dumps([found, trouble, held]))

for words in (
    "link set lo up", "link add d0 type veth peer name d1", "addr add 10.9.0.1/24 dev d0",
    "addr add fd00:9::1/64 dev d0 nodad", "link set d0 up arp off", "link set d1 up arp off",
    "route add prohibit 10.8.0.0/24",
) if sys.argv[2] == "prepare" else ():
    subprocess.run(["ip", *words.split()], check=True)
if sys.argv[2] != "prepare":
    asyncio.run(main(float(sys.argv[1])))
"""


def found(rate: float, prefix: tuple[str, ...] = ()) -> tuple[dict[str, list[object]], str, list[str]]:
    """What a sweep finds in a namespace of its own: by address; the trouble; what the process holds."""
    required.root()
    words = f'"$0" -c "$1" {rate} prepare && exec {" ".join(prefix)} "$0" -c "$1" {rate} sweep'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", words, sys.executable, BOTH],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    each, trouble, held = json.loads(done.stdout)
    return each, trouble, held


@pytest.mark.parametrize("rate", [0.0, 50.0])
def test_syns_find_what_connections_find(rate: float) -> None:
    """Accepted, refused, silent, forbidden by this host's routes, without a route: in IPv4 and IPv6, paced and not."""
    by_syns, trouble, held = found(rate)
    by_connections, missing, _ = found(rate, UNPRIVILEGED)

    assert by_syns == by_connections
    assert [by_syns[address][0] for address in ("127.0.0.1", "127.0.0.2", "10.9.0.7", "203.0.113.9", "::1")] == [
        None,
        "reset",
        "timeout",
        "no_route",
        None,
    ]
    assert len(by_syns) == 7
    assert trouble == ""
    assert missing == "no CAP_NET_RAW"
    assert held == ["65534", "0" * 16, "0" * 16, "0" * 16, "1"]


def answers(text: str, *prefix: str) -> list[str]:
    """What the process answers until it ends."""
    required.root()
    done = subprocess.run(
        [*prefix, *SCANNER],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        timeout=60,
    )
    return done.stdout.splitlines()


def test_the_end_of_input_is_the_end() -> None:
    assert answers("") == ['[0,[],""]']
    assert answers("x" * 2_000_000) == ['[0,[],""]']


def test_without_the_privilege_it_says_so_and_ends() -> None:
    required.root()
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-P", "-m", "probe.packets.scan"],
        input="",
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )

    assert done.stdout.splitlines() == ['[0,[],"no CAP_NET_RAW"]']
