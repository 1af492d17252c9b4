"""The agent as a process: turns until it is told to stop, or one turn for cron.

SIGTERM and SIGINT let what is under way finish, write it down, try once more to send it, and end with status 0. SIGHUP
reads the settings again and keeps the old ones where the new ones are wrong. The lock on the state folder is held all
along.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from typing import Any

from probe.agent import watchlist
from probe.agent.agent import Agent
from probe.agent.context import Surroundings
from probe.agent.lock import FolderLock
from probe.agent.outbox import Outbox
from probe.agent.round import RoundResult
from probe.agent.scheduler import next_start
from probe.agent.sender import FLUSH_SECONDS, Sender
from probe.agent.state_file import STATE_FILE
from probe.agent.systemd import notify, watchdog_seconds
from probe.errors import ExitStatus, ProbeError, UsageError
from probe.model.transition import Transition
from probe.model.verdict import VantageState
from probe.session.concurrency import pause
from probe.session.session import Session
from probe.settings import Settings

log = logging.getLogger(__name__)

Show = Callable[[Transition], None]
"""Is told each transition where there is no collector to tell."""


async def once(settings: Settings, around: Surroundings, show: Show) -> tuple[ExitStatus, str]:
    """One round: the status to exit with, and one line about what is wrong; empty when nothing is.

    Raises:
        ProbeError: it could not be done, or not be written down.
    """
    with FolderLock(around.folder), Outbox(around.folder / STATE_FILE) as outbox, _signals(around.stopping):
        agent = Agent(settings, watchlist.load(settings), outbox, around)
        async with contextlib.AsyncExitStack() as stack:
            collector = await stack.enter_async_context(agent.collector()) if agent.ways else None
            session = await _opened(stack, settings, around)
            result = await agent.turn(session, collector)
            if collector is None:
                _show(result, show)
            problem = "" if collector is None else (await agent.deliver(collector)).problem
        if problem:
            return ExitStatus.NOT_ALL_WELL, f"{problem}; {outbox.unsent_count()} batches wait for the next run"
        offline = result.report.state == VantageState.OFFLINE
        return (ExitStatus.OFFLINE if offline else ExitStatus.OK), ""


async def serve(load: Callable[[], Settings], around: Surroundings, show: Show) -> None:
    """Turns until a stop.

    Args:
        load: reads the settings, now and at each SIGHUP.
        around: folder, clock, chance, the stop.
        show: for an agent without a collector.

    Raises:
        ProbeError: the state cannot be kept; a service manager may try again.
    """
    settings = load()
    reload = asyncio.Event()
    with (
        FolderLock(around.folder),
        Outbox(around.folder / STATE_FILE) as outbox,
        _signals(around.stopping, reload),
        _signs_of_life(),
    ):
        agent = Agent(settings, watchlist.load(settings), outbox, around)
        notify("READY=1")
        while not around.stopping.is_set():
            reload.clear()
            try:
                await _turns(agent, outbox, around, reload, show)
            except BaseExceptionGroup as group:
                raise _reason(group) from group
            if reload.is_set():
                agent = _renewed(agent, load, outbox, around)
        notify("STOPPING=1")


async def _opened(stack: contextlib.AsyncExitStack, settings: Settings, around: Surroundings) -> Session:
    """A session that the stack closes; warns where packets cannot be captured although the settings ask for it."""
    session = await stack.enter_async_context(Session(settings, around.clock, limit_traffic=True))
    if session.missing_packets:
        log.warning("measuring without packets: %s", session.missing_packets)
    return session


async def _turns(agent: Agent, outbox: Outbox, around: Surroundings, reload: asyncio.Event, show: Show) -> None:
    """Turn after turn under one set of settings, and the sending beside them."""
    async with contextlib.AsyncExitStack() as stack:
        session = await _opened(stack, agent.settings, around)
        collector = await stack.enter_async_context(agent.collector()) if agent.ways else None
        sender = None if collector is None else Sender(agent, collector, around)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(sender.run()) if sender is not None else None
            while not (around.stopping.is_set() or reload.is_set()):
                result = await agent.turn(session, collector)
                if sender is None:
                    _show(result, show)
                else:
                    sender.news.set()
                await _rest(agent.settings, result, around, reload)
            if sending is not None:
                sending.cancel()
        if collector is not None and outbox.unsent_count():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await agent.deliver(collector)


async def _rest(settings: Settings, result: RoundResult, around: Surroundings, reload: asyncio.Event) -> None:
    now = around.clock.now()
    start = next_start(
        result.report.start,
        now,
        interval=settings.agent.interval,
        jitter=settings.agent.jitter,
        draw=around.chance.random(),
    )
    notify(f"STATUS=last round {result.report.state}, next {start:%H:%M:%S} UTC")
    await pause(around.clock, (start - now).total_seconds(), around.stopping, reload)


def _renewed(agent: Agent, load: Callable[[], Settings], outbox: Outbox, around: Surroundings) -> Agent:
    """An agent under the settings as they are now; the same one where they are wrong."""
    try:
        settings = load()
        renewed = Agent(settings, watchlist.load(settings), outbox, around)
    except UsageError as error:
        log.error("settings not reloaded, the old ones hold: %s", error)  # noqa: TRY400 - one line, no stack
        return agent
    log.info("settings reloaded from %s", settings.source or "the defaults")
    return renewed


def _show(result: RoundResult, show: Show) -> None:
    for transition in (*(change for change, _ in result.changes), *result.services):
        show(transition)


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a group of tasks: ours if there is one, else the first."""
    flat: list[BaseException] = list(group.exceptions)
    while any(isinstance(error, BaseExceptionGroup) for error in flat):
        flat = [
            one for error in flat for one in (error.exceptions if isinstance(error, BaseExceptionGroup) else [error])
        ]
    return next((error for error in flat if isinstance(error, ProbeError)), flat[0])


@contextlib.contextmanager
def _signals(stopping: asyncio.Event, reload: asyncio.Event | None = None) -> Iterator[None]:
    """While inside, SIGTERM and SIGINT set the one event and SIGHUP the other."""
    loop = asyncio.get_running_loop()
    wanted = {"SIGTERM": stopping, "SIGINT": stopping} | ({} if reload is None else {"SIGHUP": reload})
    taken: list[tuple[int, Any]] = []
    for name, event in wanted.items():
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, event.set)
            taken.append((number, None))
        except NotImplementedError:  # Windows' loop
            old = signal.signal(number, lambda *_, event=event: loop.call_soon_threadsafe(event.set))
            taken.append((number, old))
    try:
        yield
    finally:
        for number, old in taken:
            if old is None:
                loop.remove_signal_handler(number)
            else:
                signal.signal(number, old)


@contextlib.contextmanager
def _signs_of_life() -> Iterator[None]:
    """While inside, tell the service manager now and then that the event loop turns."""
    seconds = watchdog_seconds()
    if not seconds:
        yield
        return

    async def tell() -> None:
        while True:
            notify("WATCHDOG=1")
            await asyncio.sleep(seconds)

    task = asyncio.ensure_future(tell())
    try:
        yield
    finally:
        task.cancel()
