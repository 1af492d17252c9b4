"""Sends what rounds put into the outbox, for as long as the daemon runs: at once, and again with patience."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from probe.agent.agent import Agent
from probe.agent.context import Surroundings
from probe.agent.scheduler import back_off
from probe.agent.uplink_replies import Action

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient
    from probe.agent.uplink import UploadResult

log = logging.getLogger(__name__)

FLUSH_SECONDS = 15.0
"""Real seconds for the last sending before the process ends; what is not sent then goes with the next start."""
SHORTEST = 0.2
"""Real seconds between two tries at least, however fast a laboratory's clock runs."""


class Sender:
    """Beside the rounds; a collector that is away never holds one up.

    Args:
        agent: has the outbox.
        collector: open.
        around: clock and chance.

    Attributes:
        news: to be set when something new waits; set at first, for what an earlier run left.
    """

    def __init__(self, agent: Agent, collector: CollectorClient, around: Surroundings) -> None:
        self._agent = agent
        self._collector = collector
        self._clock = around.clock
        self._chance = around.chance
        self._failures = 0
        self.news = asyncio.Event()
        self.news.set()

    async def run(self) -> None:
        """Until cancelled, or until the collector has shut this agent out.

        Raises:
            StorageError: an acknowledgement cannot be written down.
        """
        while True:
            await self.news.wait()
            self.news.clear()
            while (delivery := await self._agent.deliver(self._collector)).action is not Action.DONE:
                if delivery.action is Action.STOP:
                    log.error("%s; nothing more is sent until the agent is started anew", delivery.problem)
                    return
                await self._wait(delivery)
            if self._failures:
                log.info("collector answers again after %d failures", self._failures)
                self._failures = 0

    async def _wait(self, delivery: UploadResult) -> None:
        self._failures += 1
        if self._failures == 1:  # once, not at every try: the volunteer's journal is not ours to fill
            log.warning("%s; what is to be reported waits", delivery.problem)
        seconds = max(delivery.wait, back_off(self._failures, self._chance.random()))
        await self._clock.sleep(max(seconds, SHORTEST * self._clock.rate))
