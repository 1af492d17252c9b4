"""Upload the outbox beside the rounds for as long as the daemon runs: at once, and again after a back-off."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol

from probe.agent.agent import Agent, AgentContext
from probe.agent.scheduler import back_off
from probe.agent.uplink_replies import Action
from probe.session.concurrency import finish_within, pause_until, stop_after

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient
    from probe.agent.delivery import UploadResult
    from probe.agent.outbox import Outbox

log = logging.getLogger(__name__)

MIN_BACK_OFF_SECONDS = 0.2
"""Real seconds between two uploads at least, however fast a laboratory's clock runs."""

TOKEN_CHECK_SECONDS = 60.0
"""Between two looks at the token file of an agent that was revoked."""


class UploadSource(Protocol):
    """What is uploaded to one collector: the agent itself, or a further collector of it."""

    async def upload(self, client: CollectorClient) -> UploadResult:
        """Upload what waits."""

    def has_new_token(self) -> bool:
        """Whether an agent that was refused for good has been given a new token."""


class Destination(NamedTuple):
    """A collector, and what waits for it."""

    client: CollectorClient
    source: UploadSource
    outbox: Outbox

    async def upload(self, stopping: asyncio.Event, seconds: float) -> str:
        """Upload what waits; a stop leaves it that many seconds. What is wrong, empty when nothing is.

        Raises:
            StorageError: an acknowledgement cannot be stored.
        """
        sent = await finish_within(self.source.upload(self.client), stopping, seconds)
        problem = "stopped before everything was sent" if sent is None else sent.problem
        return f"{problem}; {self.outbox.unsent_count()} batches wait for the next run" if problem else ""


class Sender:
    """Uploads whenever there are new batches; a collector that does not answer never delays a round.

    Args:
        agent: has the timetable.
        destination: the collector, and what is uploaded to it.
        context: clock and random numbers.

    Attributes:
        new_batches: set it when the outbox has new batches; set at first, for what an earlier run left.
    """

    def __init__(self, agent: Agent, destination: Destination, context: AgentContext) -> None:
        self._agent = agent
        self._destination = destination
        self._clock = context.clock
        self._random = context.random
        self._failures = 0
        self.new_batches = asyncio.Event()
        self.new_batches.set()

    async def run(self) -> None:
        """Upload until cancelled. Where the collector has revoked this agent, wait for a new token in the token file.

        Raises:
            StorageError: an acknowledgement cannot be stored.
        """
        while True:
            await self.new_batches.wait()
            self.new_batches.clear()
            while (result := await self._upload()).action is not Action.DONE:
                if result.action is Action.STOP:
                    log.error("%s; nothing more is sent until the token file has a new token", result.problem)
                    await self._wait_for_token()
                else:
                    await self._back_off(result)
            if self._failures:
                log.info("collector answers again after %d failures", self._failures)
                self._failures = 0

    async def _upload(self) -> UploadResult:
        """Upload outside of quiet hours; what these interrupt goes on after them."""
        timetable, never = self._agent.timetable, asyncio.Event()
        while True:
            await pause_until(self._clock, timetable.allowed(self._clock.now()))
            async with stop_after(self._clock, timetable.seconds_left(self._clock.now()), never) as ending:
                result = await finish_within(self._destination.source.upload(self._destination.client), ending, 0.0)
            if result is not None:
                return result

    async def _wait_for_token(self) -> None:
        while not self._destination.source.has_new_token():
            await self._clock.sleep(max(TOKEN_CHECK_SECONDS, MIN_BACK_OFF_SECONDS * self._clock.rate))

    async def _back_off(self, result: UploadResult) -> None:
        self._failures += 1
        if self._failures == 1:  # once, not at every try: do not fill the volunteer's journal
            log.warning("%s; what is to be reported waits", result.problem)
        seconds = max(result.wait, back_off(self._failures, self._random.random()))
        await self._clock.sleep(max(seconds, MIN_BACK_OFF_SECONDS * self._clock.rate))
