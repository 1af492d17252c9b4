"""Real worker processes on loopback: they measure, share what was cut, and are lost."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.formats import jsonlines
from probe.model.verdict import ControlFacts, Status, VantageState
from probe.sweep import worker_process
from probe.sweep.messages import BeginMessage, CutMessage
from probe.sweep.sweep import WorkerLostError
from probe.sweep.sweep_pass import Chunk
from probe.sweep.worker_process import WorkerGroup, WorkerMeasurer, share_of
from tests.loopback.agent.made import settings
from tests.loopback.sweep.test_sweep_pass import measuring

CLOSED = "tcp://127.0.0.1:1"


@pytest.fixture
def chunk() -> Iterator[Chunk]:
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server((f"127.0.8.{n}", 0))) for n in range(1, 9)]
        yield [(n, "tcp://{}:{}".format(*server.getsockname()[:2])) for n, server in enumerate(servers)]


async def test_workers_measure_their_chunks_with_the_control(chunk: Chunk, tmp_path: Path) -> None:
    down = ControlFacts(time=datetime.now(UTC), statuses=(Status.DOWN,), failures=("tcp.reset",))
    async with WorkerGroup(BeginMessage(settings(tmp_path), ""), 2) as group:
        found = [
            [one async for one in measurer.measure(part, {CLOSED: down}, None, is_alone=False)]
            for measurer, part in zip(group.measurers, (chunk[:4], [*chunk[4:], (99, CLOSED)]), strict=True)
        ]
        pids = {one._process.pid for one in group.measurers if one._process is not None}

    assert [len(verdicts) for verdicts in found] == [4, 5]
    read = {one.number: jsonlines.read_verdict(bytes(one.verdict)) for verdicts in found for one in verdicts}
    assert {number: verdict.target for number, verdict in read.items()} == dict([*chunk, (99, CLOSED)])
    assert {number for number, verdict in read.items() if verdict.status is not Status.REACHABLE} == {99}
    assert read[99].status is Status.DOWN
    assert len(pids) == 2
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_says_that_the_vantage_is_offline(chunk: Chunk, tmp_path: Path) -> None:
    offline = measuring(tmp_path, anchors=("http://127.0.0.1:1/", "http://127.0.0.2:1/"))
    async with WorkerGroup(BeginMessage(offline, ""), 1) as group:
        found = [one async for one in group.measurers[0].measure(chunk, {}, None, is_alone=True)]

    assert (found, group.measurers[0].vantage.state) == ([], VantageState.OFFLINE)


async def test_a_killed_worker_is_noticed_and_started_again(chunk: Chunk, tmp_path: Path) -> None:
    async def kill_after_the_first(measurer: WorkerMeasurer) -> None:
        silent = [(99, chunk[0][1].replace("tcp:", "tls:") + "/silent.example")]
        async for _ in measurer.measure([*chunk, *silent], {}, None, is_alone=True):
            if measurer not in killed and measurer._process is not None:
                killed.append(measurer)
                os.kill(measurer._process.pid, signal.SIGKILL)
                await measurer._process.wait()

    killed: list[WorkerMeasurer] = []
    async with WorkerGroup(BeginMessage(settings(tmp_path), ""), 1) as group:
        (measurer,) = group.measurers
        with pytest.raises(WorkerLostError, match=r"ended with status -9"):
            await kill_after_the_first(measurer)
        again = [one async for one in measurer.measure(chunk, {}, None, is_alone=True)]

    assert len(again) == len(chunk)


async def test_a_process_that_writes_something_else_is_ended(
    chunk: Chunk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = (sys.executable, "-c", "import sys; print('a library says hello', flush=True); sys.stdin.read()")
    monkeypatch.setattr(worker_process, "COMMAND", noise)
    async with WorkerGroup(BeginMessage(settings(tmp_path), ""), 1) as group:
        with pytest.raises(WorkerLostError, match="wrote no message"):
            async for _ in group.measurers[0].measure(chunk, {}, None, is_alone=True):
                pass


async def test_workers_learn_what_was_cut_for_another(tmp_path: Path) -> None:
    """A server that resets every ClientHello: each worker tells of it, and it is told to the others only."""
    told: list[tuple[WorkerMeasurer, CutMessage]] = []
    with socket.create_server(("127.0.9.1", 0)) as server:
        port = server.getsockname()[1]
        import asyncio  # noqa: PLC0415

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.close()

        async with (
            await asyncio.start_server(reset, sock=server.dup()),
            WorkerGroup(BeginMessage(settings(tmp_path), ""), 2) as group,
        ):
            original = group._tell_others
            for one in group.measurers:
                one._tell_others = lambda sender, message: (told.append((sender, message)), original(sender, message))
            target = [(0, f"tls://127.0.9.1:{port}/forbidden.example")]
            assert len([one async for one in group.measurers[0].measure(target, {}, None, is_alone=False)]) == 1

    assert {(message.event.name, message.event.address) for _, message in told} >= {("forbidden.example", "127.0.9.1")}
    assert {sender for sender, _ in told} == {group.measurers[0]}


def test_workers_share_what_all_may_do_together(tmp_path: Path) -> None:
    whole = measuring(tmp_path, pace=1.0, concurrency=5, round_connections=11, round_bytes=0)
    share = share_of(whole, 2).measure

    assert (share.pace, share.concurrency, share.round_connections, share.round_bytes) == (0.5, 2, 6, 0)
    assert share_of(measuring(tmp_path, concurrency=1, pace=0.0), 4).measure.concurrency == 1
