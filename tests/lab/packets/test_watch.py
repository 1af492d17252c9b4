"""The watcher's process by itself: what it may do, and when it ends. In network namespaces with nothing in them."""

from __future__ import annotations

import subprocess
import sys

from tests import required
from tests.lab.hosts import ROOT

required.module("scapy.layers.inet")
WATCHER = ("unshare", "--net", sys.executable, "-P", "-m", "probe.packets")

LENT = """
import asyncio
from pathlib import Path
from probe.measure.watcher import Watcher
from probe.privileges import held

async def main():
    before = held()
    watcher, trouble = await Watcher.start()
    assert watcher is not None, trouble
    words = Path(f"/proc/{watcher._process.pid}/status").read_text().split()
    child = [words[words.index(word) + 1] for word in ("CapPrm:", "CapEff:", "CapBnd:", "NoNewPrivs:")]
    print(before > 0, held(), child)
    await watcher.close()

asyncio.run(main())
"""


def test_once_the_socket_is_open_neither_the_probe_nor_its_watcher_keeps_a_capability() -> None:
    """As a service manager lends it to an ordinary user: both processes end up without any, for good."""
    required.root()
    lent = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--net", "--keep-caps", "--")

    done = subprocess.run([*lent, sys.executable, "-c", LENT], capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.stdout.strip() == f"True 0 {['0' * 16] * 3 + ['1']}", done.stderr


def test_a_watcher_started_by_root_is_nobody() -> None:
    """A process that begins as root gives up its user and every capability."""
    required.root()
    script = LENT.replace("print(before", "print(words[words.index('Uid:') + 1 : words.index('Gid:')], before")

    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert done.stdout.startswith("['65534', '65534', '65534', '65534'] True"), done.stderr
    assert done.stdout.strip().endswith(str(["0" * 16] * 3 + ["1"]))


def answers(*lines: str) -> list[str]:
    """What a watcher answers to these lines, until it ends."""
    required.root()
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        WATCHER,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    return done.stdout.splitlines()


def test_each_line_has_its_answer_and_the_end_of_input_is_the_end() -> None:
    """The first answer says that the watcher is ready."""
    many = ",".join(f'"10.0.{n // 250}.{n % 250}"' for n in range(2000))

    assert (
        answers('{"watch":["192.0.2.5","2001:db8::5"]}', f'{{"watch":[{many}]}}', '{"names":["x.example"]}')
        == ["{}"] * 4
    )


def test_a_question_without_an_end_is_the_end() -> None:
    assert answers("x" * 2_000_000) == ["{}"]
