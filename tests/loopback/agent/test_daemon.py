"""The agent as a process, run inside the test's: one round for cron, turns until a stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from probe.agent.context import Surroundings
from probe.agent.daemon import once, serve
from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.errors import ExitStatus, SettingsError, StorageError
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status, VantageState
from probe.settings import Settings
from tests.loopback.agent.made import port, settings, surroundings, until
from tests.loopback.agent.tiny_collector import TinyCollector


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


def quiet(transition: Transition) -> None:
    pytest.fail(f"nothing has changed, and yet: {transition}")


async def test_one_round_that_goes_well_says_nothing(target: str, tmp_path: Path) -> None:
    assert await once(settings(tmp_path, target), surroundings(tmp_path), quiet) == (ExitStatus.OK, "")


async def test_without_a_collector_changes_are_shown_for_targets_and_for_their_service(tmp_path: Path) -> None:
    """Both addresses of a service were blocked for a day and answer again; so the service does, said once."""
    around = surroundings(tmp_path)
    with port() as one, port() as other:
        chosen = settings(tmp_path, retests=3, retest_window=0.4)
        (tmp_path / "targets.txt").write_text(f"url,service\n{one},wechat\n{other},wechat\n")
        _remember_blocked(around, one, other)
        shown: list[Transition] = []

        assert await once(chosen, around, shown.append) == (ExitStatus.OK, "")

    said = [(change.target, change.before, change.after) for change in shown]
    assert sorted(said[:2]) == sorted((target, "blocked", "reachable") for target in (one, other))
    assert said[2:] == [("service:wechat", "blocked", "reachable")]


def _remember_blocked(around: Surroundings, *targets: str) -> None:
    """Put a detector's state in the folder that has seen these blocked for a day."""
    detector, now = Detector(), around.clock.now()
    for number in range(300, 0, -1):
        start = now - timedelta(seconds=300 * number)
        for target in (*targets, "a.example", "b.example", "c.example"):
            found = (Status.BLOCKED, (Cause.TCP_RESET,)) if target in targets else (Status.REACHABLE, ())
            detector.feed(DetectorInput(start, target, *found))
        detector.end_round(start + timedelta(seconds=30))
    assert all(getattr(detector.settled(target), "status", None) is Status.BLOCKED for target in targets)
    around.folder.mkdir(parents=True, mode=0o700)
    with Outbox(around.folder / STATE_FILE) as outbox:
        kept = AgentState(detector=detector.dump(), vantage=VantageState.ONLINE, measured={})
        outbox.commit(kept, (), reports={}, now=now)


async def test_one_round_that_cannot_be_reported_says_where_and_how_many_wait(target: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path, target, collectors=["http://127.0.0.1:1"])

    status, problem = await once(chosen, surroundings(tmp_path), quiet)

    assert status == ExitStatus.NOT_ALL_WELL
    assert problem.startswith("http://127.0.0.1:1: not enrolled (run probe enrol")
    assert problem.endswith("; 1 batches wait for the next run")


async def test_turns_go_on_until_a_stop_and_the_last_report_is_still_sent(target: str, tmp_path: Path) -> None:
    around = surroundings(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"), interval=0.05)
        daemon = asyncio.create_task(serve(lambda: chosen, around, quiet))
        await until(lambda: any(len(kept) >= 3 for kept in tiny.stored.values()))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(daemon, 30)

    with Outbox(around.folder / STATE_FILE) as outbox:
        assert outbox.unsent_count() == 0


async def test_a_hang_up_takes_new_settings_and_leaves_the_old_where_the_new_are_wrong(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    around = surroundings(tmp_path)
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

    daemon = asyncio.create_task(serve(load, around, quiet))
    await said("round state=online")
    os.kill(os.getpid(), signal.SIGHUP)
    await said("settings not reloaded, the old ones hold: probe.toml: unknown key")
    await said("round state=online", 2)
    os.kill(os.getpid(), signal.SIGHUP)
    await said("settings reloaded from the defaults")
    await said("round state=online", 3)
    around.stopping.set()
    await asyncio.wait_for(daemon, 30)


async def test_a_state_that_cannot_be_written_ends_the_daemon_with_the_reason(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with a group of groups of exceptions, whatever task it came from."""

    def full(*args: object, **more: object) -> None:
        raise StorageError("the disk is full", where="state.sqlite")

    monkeypatch.setattr(Outbox, "commit", full)
    async with TinyCollector() as tiny:
        chosen = settings(tmp_path, target, collectors=[tiny.origin])

        with pytest.raises(StorageError, match=r"state\.sqlite: the disk is full"):
            await serve(lambda: chosen, surroundings(tmp_path), quiet)
