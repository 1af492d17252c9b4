"""The rounds of a control agent inside another process: the collector's own (`probe collector serve --control`).

The rounds, the state folder and the outbox are those of every agent. Only the way to the collector differs: the process
takes the batches itself, so nothing is enrolled by hand and no connection is made.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import msgspec

from probe.agent import watchlist
from probe.agent.agent import Agent, AgentContext
from probe.agent.delivery import send_all
from probe.agent.lock import FolderLock
from probe.agent.outbox import Outbox, UnsentBatch
from probe.agent.scheduler import next_start
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink_replies import CollectorReply, classify_reply
from probe.errors import StorageError
from probe.session.concurrency import pause
from probe.session.session import Session
from probe.settings import Settings

log = logging.getLogger(__name__)


class Intake(Protocol):
    """The collector in the same process.

    Attributes:
        agent_id: under which it takes the control's batches.
        origin: the collector's.
    """

    agent_id: str
    origin: str

    async def take(self, compressed: bytes) -> tuple[int, bytes]:
        """Store a batch; the status and the body of what would be the HTTP reply."""


class ControlRounds:
    """A control agent that does one round at a time; `running` opens and closes it.

    Args:
        agent: of role `control`.
        outbox: the agent's, open.
        intake: takes its batches.
    """

    def __init__(self, agent: Agent, outbox: Outbox, intake: Intake) -> None:
        self._agent = agent
        self._outbox = outbox
        self._intake = intake
        self._start: float | None = None

    async def run_once(self) -> None:
        """Wait for the next round's time, measure, and hand the batches over.

        Raises:
            StorageError: the round cannot be stored, or the collector does not take it. It is repeated.
        """
        context, settings = self._agent.context, self._agent.settings
        await self._wait()
        self._start = context.clock.monotonic()
        async with Session(settings, context.clock, limit_traffic=True, account=self._agent.account) as session:
            await self._agent.run_round(session, None)
        result = await send_all(self._outbox, self._send, context.clock, where="the collector's own control")
        if result.problem:
            raise StorageError(result.problem, mend="look at the collector's database")

    async def _wait(self) -> None:
        """Wait until an interval has passed since the start of the round before; not before the first."""
        if self._start is None:
            return
        context, chosen = self._agent.context, self._agent.settings.agent
        now = context.clock.monotonic()
        start = next_start(
            self._start, now, interval=chosen.interval, jitter=chosen.jitter, draw=context.random.random()
        )
        await pause(context.clock, start - now, context.stopping)

    async def _send(self, batch: UnsentBatch) -> CollectorReply:
        return classify_reply(*await self._intake.take(batch.compressed))


OnePass = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def opened(settings: Settings, context: AgentContext, intake: Intake) -> AsyncIterator[OnePass]:
    """Open a control agent; gives the coroutine function that does its next round.

    Args:
        settings: merged; the role is `control` here, whatever they say, and reports go to `intake` alone.
        context: its state folder, which must be no other agent's, the clock, random numbers.
        intake: takes its batches.

    Raises:
        StateError: another agent uses the folder, or its state cannot be read.
        StorageError: the folder cannot be written.
        UsageError: the targets of the settings cannot be read.
    """
    own = msgspec.structs.replace(settings.agent, role="control", collectors=(intake.origin,), token_file="")
    chosen = msgspec.structs.replace(settings, agent=own)
    with FolderLock(context.folder), Outbox(context.folder / STATE_FILE) as outbox:
        outbox.assign_agent(intake.agent_id)
        agent = Agent(chosen, watchlist.load(chosen), outbox, context)
        yield ControlRounds(agent, outbox, intake).run_once
