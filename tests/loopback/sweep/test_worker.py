"""A worker process by itself: what it does with its pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.model.verdict import VantageState
from probe.session.recent_cuts import CutEvent, CutEventKind
from probe.sweep.messages import (
    BeginMessage,
    ChunkEndMessage,
    ChunkMessage,
    CutMessage,
    VerdictMessage,
    packed,
    unpack_from_worker,
)
from tests.e2e.processes import environment
from tests.loopback.agent.made import settings

COMMAND = [sys.executable, "-m", "probe.sweep.worker"]
CUT = CutMessage(CutEvent(CutEventKind.CUT, "127.0.10.1", "a.example", 1.0))


def test_it_measures_what_it_reads_and_ends_with_its_input(tmp_path: Path) -> None:
    begin = BeginMessage(settings(tmp_path), "")
    chunk = ChunkMessage(((4, "tcp://127.0.0.1:1"),), {}, is_alone=True)
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(packed(begin) + packed(CUT) + packed(chunk))
        process.stdin.flush()
        verdict, end = (unpack_from_worker(process.stdout.readline()) for _ in range(2))
        process.stdin.close()
        rest = process.stdout.read()

    assert isinstance(verdict, VerdictMessage)
    assert verdict.verdict.number == 4
    assert end == ChunkEndMessage(VantageState.ONLINE, is_spent=False)
    assert (rest, process.returncode) == (b"", 0)


@pytest.mark.parametrize("first", [b"", packed(CUT)])
def test_it_ends_where_it_is_not_told_how_to_measure(first: bytes) -> None:
    done = subprocess.run(COMMAND, input=first, capture_output=True, env=environment(), check=False, timeout=60)

    assert (done.returncode, done.stdout) == (0, b"")
