"""Uploads beside the rounds: at once, and again after a back-off."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.agent.agent import Agent
from probe.agent.collector_client import CollectorClient
from probe.agent.outbox import AgentState, Outbox
from probe.agent.sender import Destination, Sender
from probe.agent.state_file import STATE_FILE
from probe.agent.timetable import QuietHours, Timetable
from probe.agent.watchlist import Watchlist
from probe.formats.batch import Batch, RoundReport
from probe.model.event import Network
from tests.loopback.agent.made import SettableClock, agent_context, settings, until
from tests.loopback.agent.tiny_collector import TinyCollector

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
FAST = 1000.0
"""Rate of the clock: a back-off of five seconds takes milliseconds."""


class UploadSetup:
    """A collector, an outbox with one batch, and an agent."""

    def __init__(self, tiny: TinyCollector, outbox: Outbox, agent: Agent) -> None:
        self.tiny = tiny
        self.outbox = outbox
        self.agent = agent

    def to(self, client: CollectorClient) -> Destination:
        """The collector as where the outbox goes."""
        return Destination(client, self.agent, self.outbox)

    def add(self) -> None:
        """Put one more batch into the outbox."""
        report = RoundReport(start=NOON, seconds=1, targets=1, measured=1)
        draft = Batch(agent="", epoch="", seq=0, sent=NOON, interval=300, network=Network(), rounds=(report,))
        self.outbox.commit(AgentState(), [draft], reports={}, now=NOON)

    async def drained(self) -> None:
        """Wait until every batch is acknowledged."""
        await until(lambda: not self.outbox.unsent_count())


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[UploadSetup]:
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
        context = agent_context(tmp_path, rate=FAST)
        with Outbox(context.folder / STATE_FILE) as outbox:
            made = UploadSetup(tiny, outbox, Agent(chosen, Watchlist(), outbox, context))
            made.add()
            yield made


async def test_batches_of_an_earlier_run_are_sent_at_once_and_new_ones_when_they_are_made(setup: UploadSetup) -> None:
    async with setup.agent.collector_client() as collector:
        sender = Sender(setup.agent, setup.to(collector), setup.agent.context)
        task = asyncio.create_task(sender.run())
        await setup.drained()
        setup.add()
        sender.new_batches.set()
        await setup.drained()
        task.cancel()

    assert [len(kept) for kept in setup.tiny.stored.values()] == [2]


async def test_nothing_is_uploaded_in_quiet_hours(setup: UploadSetup) -> None:
    clock = SettableClock(datetime(2026, 5, 4, 23, 30, tzinfo=UTC))
    agent = setup.agent
    agent.timetable = Timetable(UTC, [QuietHours.parse("23:00-07:00")])
    context = dataclasses.replace(agent.context, clock=clock)
    async with agent.collector_client() as collector:
        task = asyncio.create_task(Sender(agent, Destination(collector, agent, setup.outbox), context).run())
        for _ in range(100):
            await asyncio.sleep(0)
        assert setup.outbox.unsent_count() == 1
        clock.wall = datetime(2026, 5, 5, 7, tzinfo=UTC)
        await setup.drained()
        task.cancel()


async def test_a_collector_that_fails_is_logged_once_and_once_when_it_answers_again(
    setup: UploadSetup, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers = [503, 503, 503, 200]

    def busy(batch: Batch) -> tuple[int, dict[str, object], dict[str, str]] | None:
        status = answers.pop(0)
        return None if status == 200 else (status, {"error": {"code": "busy", "message": "later"}}, {})

    setup.tiny.script = busy
    async with setup.agent.collector_client() as collector:
        task = asyncio.create_task(Sender(setup.agent, setup.to(collector), setup.agent.context).run())
        await until(lambda: "collector answers again" in caplog.text)
        task.cancel()

    said = [record.getMessage() for record in caplog.records if record.name == "probe.agent.sender"]
    assert len(said) == 2
    assert said[0].endswith("the collector does not take reports: 503 later; what is to be reported waits")
    assert said[1] == "collector answers again after 3 failures"


async def test_a_revoked_agent_sends_nothing_until_it_has_a_new_token_and_then_enrols_by_itself(
    setup: UploadSetup, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The batches that waited are delivered under the new id, once."""

    def refuse_first(batch: Batch) -> tuple[int, dict[str, object], dict[str, str]] | None:
        revoked = batch.agent == "agent0"
        return (403, {"error": {"code": "revoked", "message": "shut out"}}, {}) if revoked else None

    setup.tiny.script = refuse_first
    async with setup.agent.collector_client() as collector:
        task = asyncio.create_task(Sender(setup.agent, setup.to(collector), setup.agent.context).run())
        await until(lambda: "nothing more is sent" in caplog.text)
        assert not setup.agent.has_new_token()
        assert (len(setup.tiny.heard), setup.outbox.unsent_count()) == (1, 1)
        setup.tiny.token = "another"
        (tmp_path / "token").write_text("another")
        os.utime(tmp_path / "token", (time.time() + 86_400,) * 2)  # the setup's clock is ahead of the file system's
        await setup.drained()
        task.cancel()

    assert setup.tiny.tokens == ["t0ken", "another"]
    assert [agent for agent, _ in setup.tiny.stored] == ["agent1"]
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert message.startswith("http://127.0.0.1:")
    assert message.endswith(" 403 shut out; nothing more is sent until the token file has a new token")
