"""A paused agent contacts nobody, and goes on when the pause ends."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent import pause_file
from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.daemon import run_daemon, run_once
from probe.agent.pause_file import PAUSE_FILE, Pause, end_pause, read_pause, write_pause
from probe.errors import ExitStatus
from probe.model.transition import Transition
from tests.loopback.agent.made import SettableClock, agent_context, port, settings, until
from tests.loopback.tiny_servers import serving, silent

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pause_file, "POLL_SECONDS", 0.01)


def quiet(transition: Transition) -> None:
    pytest.fail(f"nothing has changed, and yet: {transition}")


def test_a_pause_is_in_force_until_its_end(tmp_path: Path) -> None:
    assert read_pause(tmp_path, NOON) is None

    write_pause(tmp_path, Pause(since=NOON, until=NOON + timedelta(hours=8)))

    assert read_pause(tmp_path, NOON) == Pause(since=NOON, until=NOON + timedelta(hours=8))
    assert read_pause(tmp_path, NOON + timedelta(hours=8)) is None


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are of POSIX")
def test_an_agent_of_another_user_can_read_when_the_pause_ends(tmp_path: Path) -> None:
    """Root pauses the service; the folder lets nobody but the agent in."""
    write_pause(tmp_path, Pause(since=NOON))

    assert (tmp_path / PAUSE_FILE).stat().st_mode & 0o777 == 0o644


def test_a_pause_without_an_end_lasts_until_it_is_ended(tmp_path: Path) -> None:
    write_pause(tmp_path, Pause(since=NOON))

    assert read_pause(tmp_path, NOON + timedelta(days=4000)) is not None
    assert end_pause(tmp_path)
    assert read_pause(tmp_path, NOON) is None
    assert not end_pause(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b'{"since": 3}', b'{"since":"2026-05-04T12:00:00Z","until":1}'])
def test_a_file_that_cannot_be_read_is_a_pause_without_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PAUSE_FILE).write_bytes(content)

    assert read_pause(tmp_path, NOON) == Pause(since=NOON)


async def test_a_single_round_during_a_pause_contacts_nobody_and_is_no_failure(tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    with port() as target:
        write_pause(context.folder, Pause(since=context.clock.now()))

        assert await run_once(settings(tmp_path, target), context, quiet) == (ExitStatus.OK, "")

    assert not (context.folder / HEARTBEAT_FILE).exists()


async def test_a_daemon_waits_for_the_end_of_a_pause(tmp_path: Path) -> None:
    """It begins paused, does a round when the clock reaches the end of the pause, and is stopped."""
    clock = SettableClock(NOON)
    context = dataclasses.replace(agent_context(tmp_path), clock=clock)
    write_pause(context.folder, Pause(since=NOON, until=NOON + timedelta(hours=1)))
    with port() as target:
        running = asyncio.create_task(run_daemon(lambda: settings(tmp_path, target), context, quiet))
        await asyncio.sleep(0.1)
        assert not (context.folder / HEARTBEAT_FILE).exists()

        clock.wall = NOON + timedelta(hours=1)
        await until((context.folder / HEARTBEAT_FILE).exists)
        context.stopping.set()
        await asyncio.wait_for(running, 120)


async def test_a_pause_ends_a_round_at_once_and_stores_nothing_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The target accepts connections and never answers: the round would take until the time-out."""
    caplog.set_level(logging.INFO)
    context = agent_context(tmp_path)
    connected = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await silent(reader, writer)

    async with serving(answer) as number:
        target = f"http://127.0.0.1:{number}/"
        running = asyncio.create_task(run_daemon(lambda: settings(tmp_path, target), context, quiet))
        await asyncio.wait_for(connected.wait(), 60)

        write_pause(context.folder, Pause(since=context.clock.now()))
        await until(lambda: "paused until `probe resume`: nothing is contacted" in caplog.text)

        assert not (context.folder / HEARTBEAT_FILE).exists()
        end_pause(context.folder)
        await until(lambda: "the pause has ended" in caplog.text)
        context.stopping.set()
        await asyncio.wait_for(running, 120)


async def test_a_paused_daemon_can_be_stopped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    context = agent_context(tmp_path)
    write_pause(context.folder, Pause(since=context.clock.now()))
    running = asyncio.create_task(run_daemon(lambda: settings(tmp_path), context, quiet))
    await until(lambda: "nothing is contacted" in caplog.text)

    context.stopping.set()

    await asyncio.wait_for(running, 120)
