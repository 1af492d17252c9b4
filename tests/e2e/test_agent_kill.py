"""kill -9 of the agent at random moments under load: what was acknowledged is stored, and nothing has effect twice.

A real agent process reports to a real collector process; its targets are ports on loopback that open and close, so that
there are changes to report, on a laboratory's clock that runs a thousand times as fast. Five kills by default;
`PROBE_KILLS=20` for the full run, whose figures are printed (`pytest -s`).
"""

from __future__ import annotations

import gzip
import os
import random
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from probe.formats.batch import Batch, decode
from tests.e2e.processes import command, environment, probe, settings

KILLS = int(os.environ.get("PROBE_KILLS", "5"))
RATE = 1000
"""Seconds of the laboratory's clock in a real second: the week for which the outbox keeps everything is ten minutes."""
TARGETS = 8


@dataclass
class Ports:
    """Ports on loopback; some of them open and close at random."""

    numbers: list[int] = field(default_factory=list)
    open: dict[int, socket.socket] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Take the ports."""
        for _ in range(TARGETS):
            server = socket.create_server(("127.0.0.1", 0))
            self.numbers.append(server.getsockname()[1])
            self.open[self.numbers[-1]] = server
        self.thread = threading.Thread(target=self._flip, daemon=True)

    def _flip(self) -> None:
        """Close and open the first two about every three seconds; the others show that the vantage works."""
        chance = random.Random(1)
        while not self.over.wait(chance.uniform(3, 5)):
            number = chance.choice(self.numbers[:2])
            if number in self.open:
                self.open.pop(number).close()
            else:
                self.open[number] = socket.create_server(("127.0.0.1", number))

    @property
    def targets(self) -> list[str]:
        """The ports as targets."""
        return [f"tcp://127.0.0.1:{number}" for number in self.numbers]


@contextmanager
def changing_ports() -> Iterator[Ports]:
    """Ports that open and close until the end of the block."""
    ports = Ports()
    ports.thread.start()
    try:
        yield ports
    finally:
        ports.over.set()
        ports.thread.join()
        for server in ports.open.values():
            server.close()


@contextmanager
def collector(folder: Path, clock: str) -> Iterator[tuple[str, Path]]:
    """A collector process; its origin and its database."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    origin, db = f"http://127.0.0.1:{port}", folder / "collector.sqlite"
    words = ("collector", "serve", "--db", str(db), "--listen", f"127.0.0.1:{port}", "--origin", origin)
    process = subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(PROBE_CLOCK=clock)
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"probe collector: http")
    try:
        yield origin, db
    finally:
        process.terminate()
        process.communicate(timeout=60)


def batches_of(state: Path) -> dict[tuple[str, int], tuple[bytes, Batch, bool]]:
    """The outbox, which keeps batches for a week: (epoch, number) -> body, batch, whether it is acknowledged."""
    connection = sqlite3.connect(state)
    begun = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'batch'").fetchone()
    rows = connection.execute("SELECT body, acked FROM batch ORDER BY seq").fetchall() if begun else []
    connection.close()
    found = {}
    for compressed, acked in rows:
        body = gzip.decompress(compressed)
        batch = decode(body)
        found[batch.epoch, batch.seq] = (body, batch, acked is not None)
    return found


def kill_again_and_again(config: Path, state: Path, clock: str, chance: random.Random) -> tuple[int, int]:
    """Start the agent and kill it, `KILLS` times; the batches it made, and those acknowledged before the last kill.

    Every third start is killed within a second. The others are killed some time after a new batch was acknowledged.
    """
    acknowledged: set[tuple[str, int]] = set()
    for number in range(KILLS):
        process = subprocess.Popen(
            command("run", "--config", str(config)), stderr=subprocess.DEVNULL, env=environment(PROBE_CLOCK=clock)
        )
        if number % 3 != 1:
            wait_for_acknowledgements(state, more_than=len(acknowledged))
        time.sleep(chance.uniform(0.0, 1.0 if number % 3 == 1 else 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if state.exists():
            kept = batches_of(state)
            assert acknowledged <= {key for key, (_, _, acked) in kept.items() if acked}, "an acknowledgement was lost"
            acknowledged = {key for key, (_, _, acked) in kept.items() if acked}
    return len(batches_of(state)), len(acknowledged)


def wait_for_acknowledgements(state: Path, *, more_than: int) -> None:
    """Wait until more than a number of batches are acknowledged."""
    end = time.monotonic() + 120
    log = state.with_name(f"{state.name}-wal")  # exists while the agent has the file open, after its preparation
    while not log.exists() or sum(acked for _, _, acked in batches_of(state).values()) <= more_than:
        assert time.monotonic() < end, "no batch was acknowledged"
        time.sleep(0.2)


@pytest.mark.timeout(300 + 120 * KILLS)
def test_an_agent_that_is_killed_loses_nothing_acknowledged_and_reports_nothing_twice(tmp_path: Path) -> None:
    clock = f"2026-05-04T00:00:00Z@{RATE}@{time.time()}"
    with changing_ports() as ports, collector(tmp_path, clock) as (origin, db):
        control = probe("check", *ports.targets, "--json", "--anchor", "", "--trusted-resolver", "", "--pace", "0")
        (tmp_path / "control.jsonl").write_bytes(control.stdout)
        config = settings(
            tmp_path, ports.targets, collectors=[origin], interval=0.1 * RATE, jitter=0.5, retests=0,
            control=str(tmp_path / "control.jsonl"),
        )  # fmt: skip
        token = probe("collector", "token", "--db", str(db), PROBE_CLOCK=clock).stdout
        words = ("enrol", origin, "--token-file", "-", "--config", str(config))
        assert probe(*words, stdin=token, PROBE_CLOCK=clock).returncode == 0
        state = tmp_path / "state" / "state.sqlite"

        rounds, acknowledged = kill_again_and_again(config, state, clock, random.Random(0))
        last = probe("run", "--once", "--config", str(config), PROBE_CLOCK=clock)

        assert last.returncode == 0, last.stderr
    figures = compare(batches_of(state), db)
    print(f"\n{KILLS} kills: {rounds} batches made, {acknowledged} acknowledged before the last start, {figures}")  # noqa: T201
    assert rounds >= acknowledged > KILLS // 2
    assert (figures["lost"], figures["doubled"]) == (0, 0)


def compare(kept: dict[tuple[str, int], tuple[bytes, Batch, bool]], db: Path) -> dict[str, int]:
    """Compare the agent's outbox with the collector's database."""
    assert all(acked for _, _, acked in kept.values()), "the last start sent everything"
    connection = sqlite3.connect(db)
    stored = {(epoch, seq): digest for epoch, seq, digest in connection.execute("SELECT epoch, seq, sha256 FROM batch")}
    stored_rounds = connection.execute("SELECT sum(rounds) FROM presence").fetchone()[0]
    spans = connection.execute("SELECT target.text, start FROM span JOIN target ON target.no = span.target").fetchall()
    connection.close()
    numbers = sorted(seq for _, seq in kept)
    assert numbers == list(range(1, len(kept) + 1)), "one epoch, no gaps"
    statuses: dict[str, list[str]] = defaultdict(list)
    for _, batch, _ in (kept[key] for key in sorted(kept, key=lambda key: key[1])):
        for item in batch.settled:
            statuses[item.target].append(item.status)
        for change in batch.changes:
            said = statuses[change.transition.target]
            assert not said or said[-1] == change.transition.before, "a change is reported once"
            said.append(change.transition.after)
    assert all(one != other for said in statuses.values() for one, other in pairwise(said))
    lost = sum(stored.get(key) != sha256(body).digest() for key, (body, _, _) in kept.items())
    changes = sum(len(said) for said in statuses.values())
    return {
        "acknowledged": len(kept),
        "stored": len(stored),
        "lost": lost,
        "doubled": abs(stored_rounds - len(kept)) + abs(len(spans) - changes),
        "changes": sum(len(batch.changes) for _, batch, _ in kept.values()),
    }
