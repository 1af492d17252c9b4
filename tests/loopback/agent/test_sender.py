"""Sending beside the rounds: at once, and again with patience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.agent.agent import Agent
from probe.agent.outbox import AgentState, Outbox
from probe.agent.sender import Sender
from probe.agent.state_file import STATE_FILE
from probe.agent.watchlist import Watchlist
from probe.formats.batch import Batch, RoundReport
from probe.model.event import Network
from tests.loopback.agent.made import agent_context, settings, until
from tests.loopback.agent.tiny_collector import TinyCollector

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
FAST = 1000.0
"""The back-off of five seconds takes milliseconds."""


class House:
    """A collector, an outbox with one batch, and a sender between them."""

    def __init__(self, tiny: TinyCollector, outbox: Outbox, agent: Agent) -> None:
        self.tiny = tiny
        self.outbox = outbox
        self.agent = agent

    def add(self) -> None:
        """One more batch waits."""
        report = RoundReport(start=NOON, seconds=1, targets=1, measured=1)
        draft = Batch(agent="", epoch="", seq=0, sent=NOON, interval=300, network=Network(), rounds=(report,))
        self.outbox.commit(AgentState(), [draft], reports={}, now=NOON)

    async def drained(self) -> None:
        """Wait until nothing waits."""
        await until(lambda: not self.outbox.unsent_count())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
        context = agent_context(tmp_path, rate=FAST)
        with Outbox(context.folder / STATE_FILE) as outbox:
            made = House(tiny, outbox, Agent(chosen, Watchlist(), outbox, context))
            made.add()
            yield made


async def test_what_an_earlier_run_left_is_sent_at_once_and_news_when_they_come(house: House) -> None:
    async with house.agent.collector_client() as collector:
        sender = Sender(house.agent, collector, house.agent.context)
        task = asyncio.create_task(sender.run())
        await house.drained()
        house.add()
        sender.new_batches.set()
        await house.drained()
        task.cancel()

    assert [len(kept) for kept in house.tiny.stored.values()] == [2]


async def test_a_collector_that_is_away_is_said_to_be_so_once_and_again_when_it_is_back(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers = [503, 503, 503, 200]

    def busy(batch: Batch) -> tuple[int, dict[str, object], dict[str, str]] | None:
        status = answers.pop(0)
        return None if status == 200 else (status, {"error": {"code": "busy", "message": "later"}}, {})

    house.tiny.script = busy
    async with house.agent.collector_client() as collector:
        task = asyncio.create_task(Sender(house.agent, collector, house.agent.context).run())
        await house.drained()
        await asyncio.sleep(0)
        task.cancel()

    said = [record.getMessage() for record in caplog.records if record.name == "probe.agent.sender"]
    assert len(said) == 2
    assert said[0].endswith("the collector does not take reports: 503 later; what is to be reported waits")
    assert said[1] == "collector answers again after 3 failures"


async def test_an_agent_that_was_shut_out_stops_asking(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.tiny.script = lambda _: (403, {"error": {"code": "revoked", "message": "shut out"}}, {})
    async with house.agent.collector_client() as collector:
        async with asyncio.timeout(60):
            await Sender(house.agent, collector, house.agent.context).run()

    assert len(house.tiny.heard) == 1
    assert "403 shut out; nothing more is sent until the agent is started anew" in caplog.text
    assert house.outbox.unsent_count() == 1
