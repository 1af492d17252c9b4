"""The agent as a process: rounds until a stop, or one round for cron.

SIGTERM and SIGINT stop it: measurements under way have a grace period, the round is stored, the outbox is uploaded once
more, and the exit status is 0. SIGHUP reloads the settings; where the new ones are wrong, the old ones stay in use. The
state folder is locked until the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from probe.agent import watchlist
from probe.agent.agent import Agent, AgentContext
from probe.agent.lock import FolderLock
from probe.agent.outbox import Outbox
from probe.agent.pause_file import read_pause, wait_for_pause, wait_for_resume
from probe.agent.round import RoundResult
from probe.agent.round_timer import RoundTimer
from probe.agent.scheduler import first_delay
from probe.agent.sender import Destination, Sender
from probe.agent.state_file import STATE_FILE
from probe.agent.systemd import notify, watchdog
from probe.agent.timetable import timetable_of
from probe.errors import ExitStatus, ProbeError, UsageError
from probe.model.transition import Transition
from probe.model.verdict import VantageState
from probe.session.concurrency import finish_unless
from probe.session.session import Session
from probe.settings import Settings

if TYPE_CHECKING:
    from probe.agent.further_collectors import FurtherCollectors

log = logging.getLogger(__name__)

LAST_UPLOAD_SECONDS = 15.0
"""Real seconds for the upload before the process ends; what is not sent then is sent after the next start."""

ShowTransition = Callable[[Transition], None]
"""Prints a transition, where there is no collector to report it to."""


async def run_once(settings: Settings, context: AgentContext, show: ShowTransition) -> tuple[ExitStatus, str]:
    """Do one round; returns the exit status, and one line about what is wrong, empty when nothing is.

    During a pause and in quiet hours nothing is done, and nothing is wrong. Its glances are not spread over time: a
    process of cron ends soon.

    Raises:
        AgentAtWorkError: another process does a round here.
        ProbeError: the round could not be done or stored.
    """
    now = context.clock.now()
    if timetable_of(settings).allowed(now) > now:
        log.info("quiet hours: nothing is sent")
        return ExitStatus.OK, ""

    settings = replace(settings, agent=replace(settings.agent, spread=0.0))
    found: list[tuple[ExitStatus, str]] = []

    async def measure() -> None:
        found.append(await _do_single_round(settings, context, show))

    if not await _unless_paused(measure(), context):
        log.info("paused: no round")
    return found[0] if found else (ExitStatus.OK, "")


async def _do_single_round(settings: Settings, context: AgentContext, show: ShowTransition) -> tuple[ExitStatus, str]:
    """Do the round of `run_once`."""
    with FolderLock(context.folder), Outbox(context.folder / STATE_FILE) as outbox, _signals(context.stopping):
        async with contextlib.AsyncExitStack() as stack:
            further = stack.enter_context(_further_collectors(settings, outbox, context))
            agent = Agent(settings, watchlist.load(settings), outbox, context, further)
            destinations = await _destinations(stack, agent, outbox)
            session = await _open_session(stack, agent, context)
            if not agent.affords_round():
                return ExitStatus.OK, ""
            result = await agent.run_round(session, destinations[0].client if agent.collector_urls else None)
            if not destinations:
                _show_transitions(result, show)
            uploads = (one.upload(context.stopping, LAST_UPLOAD_SECONDS) for one in destinations)
            problem = "; ".join(filter(None, await asyncio.gather(*uploads)))
            agent.close_account()
        if problem:
            return ExitStatus.NOT_ALL_WELL, problem
        offline = result.report.state == VantageState.OFFLINE
        return (ExitStatus.OFFLINE if offline else ExitStatus.OK), ""


async def run_daemon(load: Callable[[], Settings], context: AgentContext, show: ShowTransition) -> None:
    """Do rounds until a stop.

    Args:
        load: reads the settings, now and at each SIGHUP.
        context: folder, clock, random numbers, the stop.
        show: prints transitions where there is no collector.

    Raises:
        ProbeError: the state cannot be stored; a service manager may start the agent again.
    """
    settings = load()
    reload = asyncio.Event()
    with (
        FolderLock(context.folder),
        Outbox(context.folder / STATE_FILE) as outbox,
        _signals(context.stopping, reload),
        watchdog(),
        _further_collectors(settings, outbox, context) as further,
    ):
        agent = Agent(settings, watchlist.load(settings), outbox, context, further)
        notify("READY=1")
        longest, draw = settings.agent.start_delay, context.random.random()
        delay = first_delay(longest=longest, terminal=context.terminal, draw=draw)
        while not context.stopping.is_set():
            reload.clear()
            try:
                await _wait_while_paused(context, reload)
                if not (context.stopping.is_set() or reload.is_set()):
                    await _unless_paused(_run_rounds(agent, outbox, context, reload, show, delay=delay), context)
            except BaseExceptionGroup as group:
                raise _first_error(group) from group
            delay = 0.0
            if reload.is_set():
                agent = _reloaded(agent, load, outbox, context, further)
        notify("STOPPING=1")


async def _wait_while_paused(context: AgentContext, reload: asyncio.Event) -> None:
    """Wait for the end of a pause, a stop or a reload."""
    pause_now = read_pause(context.folder, context.clock.now())
    if pause_now is None:
        return
    end = f"until {pause_now.until:%Y-%m-%d %H:%M:%S} UTC" if pause_now.until else "until `probe resume`"
    log.info("paused %s: nothing is contacted", end)
    notify(f"STATUS=paused {end}")
    if await finish_unless(wait_for_resume(context.folder, context.clock), context.stopping, reload):
        log.info("the pause has ended")


async def _unless_paused(work: Coroutine[Any, Any, object], context: AgentContext) -> bool:
    """Do the work unless a pause is in force or begins; whether it was finished. What it raises is raised."""
    paused = asyncio.Event()
    if read_pause(context.folder, context.clock.now()) is not None:
        paused.set()

    async def watch() -> None:
        await wait_for_pause(context.folder, context.clock)
        paused.set()

    watching = asyncio.create_task(watch())
    try:
        return await finish_unless(work, paused)
    finally:
        watching.cancel()


async def _open_session(stack: contextlib.AsyncExitStack, agent: Agent, context: AgentContext) -> Session:
    """A session that the stack closes; warns where packets cannot be captured although the settings ask for it."""
    session = await stack.enter_async_context(
        Session(agent.settings, context.clock, limit_traffic=True, account=agent.account)
    )
    if session.missing_packets:
        log.warning("measuring without packets: %s", session.missing_packets)
    return session


@contextlib.contextmanager
def _further_collectors(
    settings: Settings, outbox: Outbox, context: AgentContext
) -> Iterator[FurtherCollectors | None]:
    """The collectors beside the first, open; None where there are none."""
    if not settings.agent.further_collectors:
        yield None
        return
    from probe.agent.further_collectors import FurtherCollectors  # noqa: PLC0415 - few agents have any

    with FurtherCollectors(settings, outbox, context.folder, context.clock) as further:
        yield further


async def _destinations(stack: contextlib.AsyncExitStack, agent: Agent, outbox: Outbox) -> list[Destination]:
    """The collectors with their clients, which the stack closes; the agent's own is the first where it has one."""
    found = []
    if agent.collector_urls:
        found.append(Destination(await stack.enter_async_context(agent.collector_client()), agent, outbox))
    others = [(await stack.enter_async_context(one.client()), one) for one in agent.further or ()]
    return [*found, *(Destination(client, one, one.outbox) for client, one in others)]


async def _run_rounds(
    agent: Agent,
    outbox: Outbox,
    context: AgentContext,
    reload: asyncio.Event,
    show: ShowTransition,
    *,
    delay: float,
) -> None:
    """Do rounds under one set of settings until a stop or a reload, and upload beside them; begin after the delay."""
    async with contextlib.AsyncExitStack() as stack:
        session = await _open_session(stack, agent, context)
        destinations = await _destinations(stack, agent, outbox)
        client = destinations[0].client if agent.collector_urls else None
        senders = [Sender(agent, one, context) for one in destinations]
        timer, draw = RoundTimer(agent.settings, agent.timetable, context.clock), context.random.random
        async with asyncio.TaskGroup() as group:
            sending = [group.create_task(one.run()) for one in senders]
            timer.first(delay, draw())
            while await timer.wait(draw(), context.stopping, reload):
                start = context.clock.monotonic()
                agent.next_round = partial(timer.following, start, draw())
                if not agent.affords_round():
                    continue
                result = await agent.run_round(session, client)
                if not senders:
                    _show_transitions(result, show)
                for one in senders:
                    one.new_batches.set()
                notify(f"STATUS=last round {result.report.state}, next {timer.moment:%H:%M:%S} UTC")
            for task in sending:
                task.cancel()
        left = [one for one in destinations if one.outbox.unsent_count() and not agent.is_quiet()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_UPLOAD_SECONDS):
                await asyncio.gather(*(one.source.upload(one.client) for one in left))
        agent.close_account()


def _reloaded(
    agent: Agent,
    load: Callable[[], Settings],
    outbox: Outbox,
    context: AgentContext,
    further: FurtherCollectors | None,
) -> Agent:
    """An agent under the settings as they are now; the same agent where they are wrong."""
    try:
        settings = load()
        renewed = Agent(settings, watchlist.load(settings), outbox, context, further)
    except UsageError as error:
        log.error("settings not reloaded, the old ones hold: %s", error)  # noqa: TRY400 - one line, no stack
        return agent
    log.info("settings reloaded from %s", settings.source or "the defaults")
    return renewed


def _show_transitions(result: RoundResult, show: ShowTransition) -> None:
    for transition in (*(change for change, _ in result.changes), *result.services):
        show(transition)


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a group of tasks: the first `ProbeError` if there is one, else the first."""
    flat: list[BaseException] = list(group.exceptions)
    while any(isinstance(error, BaseExceptionGroup) for error in flat):
        flat = [
            one for error in flat for one in (error.exceptions if isinstance(error, BaseExceptionGroup) else [error])
        ]
    return next((error for error in flat if isinstance(error, ProbeError)), flat[0])


@contextlib.contextmanager
def _signals(stopping: asyncio.Event, reload: asyncio.Event | None = None) -> Iterator[None]:
    """Inside, SIGTERM and SIGINT set `stopping`, and SIGHUP sets `reload`; afterwards the earlier handlers are back."""
    loop = asyncio.get_running_loop()
    wanted = {"SIGTERM": stopping, "SIGINT": stopping} | ({} if reload is None else {"SIGHUP": reload})
    numbers = {getattr(signal, name): event for name, event in wanted.items() if hasattr(signal, name)}
    earlier = {number: signal.getsignal(number) for number in numbers}
    for number, event in numbers.items():
        try:
            loop.add_signal_handler(number, event.set)
        except NotImplementedError:  # Windows' loop
            signal.signal(number, lambda *_, event=event: loop.call_soon_threadsafe(event.set))
    try:
        yield
    finally:
        for number, handler in earlier.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)  # sets Python's default handler
            if handler is not None:  # None: it was not set by Python, and cannot be set by it
                signal.signal(number, handler)
