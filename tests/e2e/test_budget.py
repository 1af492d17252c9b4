"""A budget of connections is kept by real processes that are killed again and again: a server counts."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probe.agent.outbox import Outbox
from probe.agent.traffic_budget import read_record
from tests.e2e.processes import command, environment, probe, settings

BUDGET = 60
"""Connections a day."""


class Counter:
    """Servers on loopback that count the connections to them."""

    def __init__(self) -> None:
        self.accepted = 0
        self.servers = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(4)]

    @property
    def targets(self) -> list[str]:
        """The servers as targets."""
        return [f"tcp://127.0.0.1:{server.getsockname()[1]}" for server in self.servers]

    def serve(self, server: socket.socket) -> None:
        """Accept and close."""
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.accepted += 1
            connection.close()


@contextmanager
def counting() -> Iterator[Counter]:
    """Servers until the end of the block."""
    counter = Counter()
    threads = [threading.Thread(target=counter.serve, args=(server,), daemon=True) for server in counter.servers]
    for thread in threads:
        thread.start()
    yield counter
    for server in counter.servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def test_no_day_has_more_connections_than_its_budget_however_often_the_agent_is_killed(tmp_path: Path) -> None:
    """Rounds under one day's date, twenty starts, half of them killed: the budget is used and never exceeded."""
    with counting() as counter:
        config = settings(tmp_path, counter.targets, interval=86400, full_every=0, history_days=1)
        config.write_text(config.read_text() + f"[budget]\nday_connections = {BUDGET}\n")
        clock = f"2026-05-04T00:00:00Z@1@{time.time()}"
        for number in range(20):
            if number % 2:
                done = probe("run", "--once", "--config", str(config), PROBE_CLOCK=clock)
                assert (done.returncode, done.stdout) == (0, b""), done.stderr
                continue
            words = command("run", "--once", "--config", str(config))
            process = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=environment(PROBE_CLOCK=clock))
            time.sleep(0.05 * number)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with Outbox(tmp_path / "state" / "state.sqlite") as outbox:
            record = read_record(outbox.notes())

    assert record is not None
    assert BUDGET / 4 < counter.accepted <= record.day_used.connections <= BUDGET
