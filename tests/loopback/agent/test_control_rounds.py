"""The rounds of a collector's own control: real measurements, handed to a real collector in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from probe.agent import control_rounds
from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.clock import Clock
from probe.collector.own_control import OwnControl, own_control
from probe.collector.server import running
from probe.collector.store import batches
from probe.errors import StateError, StorageError
from probe.model.event import Network
from tests.loopback.agent.made import agent_context, port, settings


@pytest.fixture
async def intake(tmp_path: Path) -> AsyncIterator[OwnControl]:
    """The own control of a collector that runs."""
    async with running(tmp_path / "c.db", "127.0.0.1:0", "http://collector.test", Clock()) as (collector, _):
        yield await own_control(collector, Network(asn=64500, country="NL"))


async def control_lines(intake: OwnControl) -> list[bytes]:
    """The verdicts of controls that the collector has, compressed."""
    return await intake.collector.store.read(lambda session: batches.control_bodies(session, 0))


async def test_a_round_reaches_the_collector_as_a_controls(intake: OwnControl, tmp_path: Path) -> None:
    with port() as target:
        chosen = settings(tmp_path, target)
        async with control_rounds.opened(chosen, agent_context(tmp_path), intake) as one_round:
            await one_round()

    assert len(await control_lines(intake)) == 1


async def test_settings_of_a_vantage_make_a_control_that_reports_nowhere_else(
    intake: OwnControl, tmp_path: Path
) -> None:
    """A collector's operator may have an agent on the same host: its settings serve, its collector and token do not."""
    with port() as target:
        chosen = settings(
            tmp_path, target, role="vantage", collectors=["http://127.0.0.1:1"], token_file="/nonexistent"
        )
        async with control_rounds.opened(chosen, agent_context(tmp_path), intake) as one_round:
            await one_round()

    assert len(await control_lines(intake)) == 1


async def test_the_second_round_waits_for_its_time_and_a_cancelled_one_is_not_stored(
    intake: OwnControl, tmp_path: Path
) -> None:
    context = agent_context(tmp_path)
    with port() as target:
        async with control_rounds.opened(settings(tmp_path, target), context, intake) as one_round:
            await one_round()
            second = asyncio.create_task(one_round())
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second

    with Outbox(context.folder / STATE_FILE) as outbox:
        assert outbox.unsent_count() == 0
        assert outbox.rewind(2, context.clock.now())  # one batch was made, and no second


async def test_a_round_that_the_collector_cannot_store_fails_and_its_batch_is_taken_by_the_next(
    intake: OwnControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with port() as target:
        chosen = settings(tmp_path, target, interval=0.05)
        async with control_rounds.opened(chosen, agent_context(tmp_path), intake) as one_round:
            with monkeypatch.context() as patch:
                patch.setattr(intake, "take", refuse)
                with pytest.raises(StorageError, match="503"):
                    await one_round()
            await one_round()

    assert len(await control_lines(intake)) == 1


async def refuse(compressed: bytes) -> tuple[int, bytes]:
    """The answer of a collector whose disk is full."""
    del compressed
    return 503, b'{"error":{"code":"unavailable","message":"nothing can be stored at the moment"}}'


async def test_two_controls_in_one_folder_are_refused(intake: OwnControl, tmp_path: Path) -> None:
    chosen, context = settings(tmp_path), agent_context(tmp_path)
    async with control_rounds.opened(chosen, context, intake):
        with pytest.raises(StateError, match="another agent is at work here"):
            async with control_rounds.opened(chosen, context, intake):
                pass
