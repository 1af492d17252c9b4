"""The daemon and the single round, run in the process of the test."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probe.agent import daemon
from probe.agent.agent import HEARTBEAT_FILE, Agent, AgentContext
from probe.agent.daemon import run_daemon, run_once
from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from probe.clock import Clock
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.errors import ExitStatus, SettingsError, StorageError
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status, VantageState
from probe.settings import Settings
from tests.loopback.agent.made import SettableClock, agent_context, port, settings, until
from tests.loopback.agent.tiny_collector import TinyCollector
from tests.loopback.tiny_servers import serving, silent

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


def quiet(transition: Transition) -> None:
    pytest.fail(f"nothing has changed, and yet: {transition}")


async def run_daemon_until_stopped(chosen: Settings, context: AgentContext) -> None:
    running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
    await until((context.folder / HEARTBEAT_FILE).exists)
    context.stopping.set()
    await asyncio.wait_for(running, 120)


async def run_one_round(chosen: Settings, context: AgentContext) -> None:
    assert await run_once(chosen, context, quiet) == (ExitStatus.OK, "")


async def test_a_successful_round_prints_nothing(target: str, tmp_path: Path) -> None:
    assert await run_once(settings(tmp_path, target), agent_context(tmp_path), quiet) == (ExitStatus.OK, "")


async def test_without_a_collector_transitions_of_targets_and_services_are_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Both addresses of a service were blocked for a day and answer again: one transition of the service."""
    caplog.set_level(logging.DEBUG)
    context = dataclasses.replace(agent_context(tmp_path), clock=SettableClock(NOON))  # no re-test comes too late
    with port() as one, port() as other:
        chosen = settings(tmp_path, retests=9, retest_window=8.0)
        (tmp_path / "targets.txt").write_text(f"url,service\n{one},wechat\n{other},wechat\n")
        _remember_blocked(context, one, other)
        shown: list[Transition] = []

        assert await run_once(chosen, context, shown.append) == (ExitStatus.OK, "")

    said = [(change.target, change.before, change.after) for change in shown]
    assert sorted(said[:2]) == sorted((target, "blocked", "reachable") for target in (one, other))
    assert said[2:] == [("service:wechat", "blocked", "reachable")]
    assert "service:wechat blocked -> reachable at " in caplog.text


def _remember_blocked(context: AgentContext, *targets: str) -> None:
    """Store a detector's state in which these targets have been blocked for a day."""
    detector, now = Detector(), context.clock.now()
    for number in range(300, 0, -1):
        start = now - timedelta(seconds=300 * number)
        for target in (*targets, "a.example", "b.example", "c.example"):
            found = (Status.BLOCKED, (Cause.TCP_RESET,)) if target in targets else (Status.REACHABLE, ())
            detector.feed(DetectorInput(start, target, *found))
        detector.end_round(start + timedelta(seconds=30))
    assert all(getattr(detector.settled(target), "status", None) is Status.BLOCKED for target in targets)
    context.folder.mkdir(parents=True, mode=0o700)
    with Outbox(context.folder / STATE_FILE) as outbox:
        kept = AgentState(detector=detector.dump(), vantage=VantageState.ONLINE, measured={})
        outbox.commit(kept, (), reports={}, now=now)


async def test_a_round_that_cannot_be_uploaded_names_the_collector_and_the_number_of_batches_that_wait(
    target: str, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, target, collectors=["http://127.0.0.1:1"])

    status, problem = await run_once(chosen, agent_context(tmp_path), quiet)

    assert status == ExitStatus.NOT_ALL_WELL
    assert problem.startswith("http://127.0.0.1:1: not enrolled (run probe enrol")
    assert problem.endswith("; 1 batches wait for the next run")


async def test_rounds_are_repeated_until_a_stop_and_the_last_report_is_uploaded(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"), interval=0.05)
        running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
        await until(lambda: any(len(kept) >= 3 for kept in tiny.stored.values()))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 120)

    with Outbox(context.folder / STATE_FILE) as outbox:
        assert outbox.unsent_count() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_signals_of_a_stop_end_the_daemon(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, number: signal.Signals
) -> None:
    caplog.set_level(logging.INFO)
    chosen = settings(tmp_path, target)
    running = asyncio.create_task(run_daemon(lambda: chosen, agent_context(tmp_path), quiet))
    await until(lambda: "round state=online" in caplog.text)
    os.kill(os.getpid(), number)
    await asyncio.wait_for(running, 120)


@pytest.mark.parametrize("rounds", [run_daemon_until_stopped, run_one_round])
async def test_the_earlier_signal_handlers_are_restored_at_the_end(
    target: str, tmp_path: Path, rounds: Callable[[Settings, AgentContext], Awaitable[None]]
) -> None:
    """`asyncio.run` has a handler of its own for SIGINT."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    handlers: list[Any] = [lambda *_: None, signal.SIG_IGN, signal.SIG_DFL]
    try:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        await rounds(settings(tmp_path, target), agent_context(tmp_path))

        assert [signal.getsignal(number) for number in numbers] == handlers
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


async def test_the_service_manager_gets_start_rounds_watchdog_and_stop(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "100000")
        chosen = settings(tmp_path, target)
        context = agent_context(tmp_path)
        told: list[str] = []

        def told_of(word: str) -> bool:
            with suppress(BlockingIOError):
                told.append(manager.recv(1000).decode())
            return any(text.startswith(word) for text in told)

        running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
        await until(lambda: told_of("STATUS=last round online, next "))
        await until(lambda: told_of("WATCHDOG=1"))
        context.stopping.set()
        await asyncio.wait_for(running, 120)
        await until(lambda: told_of("STOPPING=1"))

    assert "READY=1" in told
    moment = next(text for text in told if text.startswith("STATUS=")).split()[-2]
    ahead = (datetime.strptime(f"{moment} +0000", "%H:%M:%S %z") - datetime.now(UTC)).seconds
    assert 200 < ahead < 340, "an interval of 300 s and its jitter of a tenth"


async def test_a_stop_does_not_wait_for_a_collector_that_never_answers(target: str, tmp_path: Path) -> None:
    """It waits neither for the control nor for the last upload."""
    context = agent_context(tmp_path)
    connected = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await silent(reader, writer)

    async with serving(never_answer) as number:
        chosen = settings(tmp_path, target, collectors=[f"http://127.0.0.1:{number}"], uplink_timeout=300.0)
        running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
        await asyncio.wait_for(connected.wait(), 120)
        context.stopping.set()
        await asyncio.wait_for(running, 120)

    with Outbox(context.folder / STATE_FILE) as outbox:
        assert outbox.notes()["round"]["measured"] == 0  # type: ignore[index]


async def test_a_stop_during_the_upload_of_a_single_round_ends_it_soon_with_a_message(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = agent_context(tmp_path)

    async def stopped(self: Agent, collector: object) -> None:
        context.stopping.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Agent, "upload", stopped)
    monkeypatch.setattr(daemon, "LAST_UPLOAD_SECONDS", 0.1)
    chosen = settings(tmp_path, target, collectors=["http://127.0.0.1:1"])

    status, problem = await asyncio.wait_for(run_once(chosen, context, quiet), 120)

    assert status == ExitStatus.NOT_ALL_WELL
    assert problem == "stopped before everything was sent; 1 batches wait for the next run"


class SetBackClock(Clock):
    """A clock whose wall time can be set back; its monotonic time goes on."""

    set_back = timedelta()

    def now(self) -> datetime:
        """The wall time, set back or not."""
        return super().now() - self.set_back


async def test_a_wall_clock_that_is_set_back_does_not_delay_the_next_round(target: str, tmp_path: Path) -> None:
    """After each round the clock is set back by one hour more. The next round starts within two minutes."""
    clock = SetBackClock()
    context = dataclasses.replace(agent_context(tmp_path), clock=clock)
    chosen = settings(tmp_path, target, interval=1.0)
    rounds: list[float] = []

    def note(outbox: Outbox, *args: Any, **more: Any) -> None:
        rounds.append(clock.monotonic())
        clock.set_back = timedelta(hours=len(rounds))
        commit(outbox, *args, **more)

    commit = Outbox.commit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "commit", note)
        running = asyncio.create_task(run_daemon(lambda: chosen, context, quiet))
        await until(lambda: len(rounds) >= 3)
        context.stopping.set()
        await asyncio.wait_for(running, 120)


async def test_sighup_reloads_the_settings_and_keeps_the_old_ones_where_the_new_are_wrong(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    context = agent_context(tmp_path)
    loads: list[Settings | Exception] = [
        settings(tmp_path, target),
        SettingsError("unknown key", where="probe.toml"),
        settings(tmp_path, target),
    ]

    def load() -> Settings:
        found = loads.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def said(words: str, times: int = 1) -> None:
        await until(lambda: caplog.text.count(words) >= times)

    running = asyncio.create_task(run_daemon(load, context, quiet))
    await said("round state=online")
    os.kill(os.getpid(), signal.SIGHUP)
    await said("settings not reloaded, the old ones hold: probe.toml: unknown key")
    await said("round state=online", 2)
    os.kill(os.getpid(), signal.SIGHUP)
    await said("settings reloaded from the defaults")
    await said("round state=online", 3)
    context.stopping.set()
    await asyncio.wait_for(running, 120)


async def test_a_state_that_cannot_be_stored_ends_the_daemon_with_one_clear_error(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of any task is raised by itself, not in a group of exceptions."""

    def full(*args: object, **more: object) -> None:
        raise StorageError("the disk is full", where="state.sqlite")

    monkeypatch.setattr(Outbox, "commit", full)
    async with TinyCollector() as tiny:
        chosen = settings(tmp_path, target, collectors=[tiny.origin])

        with pytest.raises(StorageError, match=r"state\.sqlite: the disk is full"):
            await run_daemon(lambda: chosen, agent_context(tmp_path), quiet)
