"""The state of the agent on this host, read from its state folder: what `probe status` prints. Contacts nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from probe import __version__
from probe.agent import watchlist
from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.clock_offset import ClockOffset
from probe.agent.control_facts import Coverage
from probe.agent.enrolment import origin_of
from probe.agent.forgetting import read_pending
from probe.agent.further_collectors import folder_of
from probe.agent.identity import KEY_FILE, read_enrolment
from probe.agent.outbox import AgentState, Outbox
from probe.agent.pause_file import Pause, read_pause
from probe.agent.state_file import STATE_FILE
from probe.agent.traffic_budget import PeriodUse, read_record, use_of
from probe.detect.detector import Detector
from probe.errors import ProbeError
from probe.formats.batch import RoundReport
from probe.model.verdict import Status
from probe.settings import Settings
from probe.traffic_account import TrafficRecord

VANTAGE_PATH = "/v/"
"""Where a collector has the page of a vantage, by its public name."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's last sign of life.

    Attributes:
        interval: seconds after which the next one is due.
        next: when the next round begins, as far as the agent has decided.
    """

    time: datetime
    interval: float
    next: datetime | None = None


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """A target that is not simply reachable.

    Attributes:
        status: the settled one; `unknown` while nothing is settled.
        since: when the status began; for an unsettled failure the first failure.
        before_watch: it began before the target was first measured, and `since` is that measurement.
    """

    target: str
    status: Status
    causes: tuple[str, ...]
    since: datetime
    before_watch: bool = False


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """The reports that wait to be sent.

    Attributes:
        batches: how many wait.
        bytes: of all batches on disk, those that were sent lately among them.
        sent: when the collector took the last one.
        problem: why the last delivery stopped, and when; None when it did not.
        dropped: what was dropped because the outbox was full; None when nothing was.
    """

    batches: int = 0
    bytes: int = 0
    sent: datetime | None = None
    problem: dict[str, Any] | None = None
    dropped: dict[str, Any] | None = None


class VantageIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The agent as its collector knows it.

    Attributes:
        agent: id that the collector gave at enrolment.
        collector: its origin.
        key: whether the key that signs is there.
        name: public name of this vantage in its network; empty where the collector has not said it.
        page: where the collector publishes what this vantage reported; empty without a name.
    """

    agent: str
    collector: str
    key: bool
    name: str = ""
    page: str = ""


class FurtherQueue(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one collector beside the first.

    Attributes:
        collector: its origin.
        enrolled: whether this agent is enrolled there.
        queue: empty before the first round.
    """

    collector: str
    enrolled: bool
    queue: Queue


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the agent at one moment. `probe status --json` prints it.

    Attributes:
        settings: the settings file; empty for the defaults.
        heartbeat: the last sign of life; None where there is none, or where the file cannot be read.
        has_state: whether there is a state file at all.
        round: report of the last round.
        paused: the pause in force.
        blocked: targets that the network blocks or slows, the longest first.
        failing: settled targets that fail without proof that the network is the reason.
        unsettled: targets that fail, not yet sure.
        reachable: number of targets that are settled as reachable and did not fail last.
        control: how much of the watchlist a control has measured; None where no round has said it.
        further: what waits for the collectors beside the first.
        clock: how far this host's clock is from the collector's; None where the difference is small or not known.
        collectors: of the settings.
        forget_requests: how many requests to be forgotten wait for a collector.
        traffic: what today and this month have cost, and their budgets; estimates that lie above the truth.
    """

    version: str = __version__
    time: datetime
    settings: str
    folder: str
    consent: bool
    role: str
    heartbeat: Heartbeat | None
    has_state: bool
    paused: Pause | None
    round: RoundReport | None = None
    blocked: tuple[TargetState, ...] = ()
    failing: tuple[TargetState, ...] = ()
    unsettled: tuple[TargetState, ...] = ()
    reachable: int = 0
    queue: Queue = Queue()
    vantage: VantageIdentity | None = None
    control: Coverage | None = None
    clock: ClockOffset | None = None
    further: tuple[FurtherQueue, ...] = ()
    collectors: tuple[str, ...] = ()
    forget_requests: int = 0
    traffic: tuple[PeriodUse, ...] = ()


def read_status(settings: Settings, folder: Path, now: datetime) -> AgentStatus:
    """The state of the agent of this folder.

    Raises:
        StateError: the state cannot be read.
    """
    found = AgentStatus(
        time=now,
        settings=settings.source,
        folder=str(folder),
        consent=settings.agent.consent,
        role=settings.agent.role,
        heartbeat=read_heartbeat(folder),
        has_state=(folder / STATE_FILE).is_file(),
        paused=read_pause(folder, now),
        collectors=settings.agent.collectors,
        vantage=_identity(folder, {}),
        forget_requests=len(read_pending(folder)),
    )
    if not found.has_state:
        return found
    with Outbox(folder / STATE_FILE) as outbox:
        notes = outbox.notes()
        queue = _queue(outbox, notes)
        state = outbox.agent_state()
    found = _with_targets(found, state, _watched(settings))
    return msgspec.structs.replace(
        found,
        queue=queue,
        round=_noted(notes.get("round"), RoundReport),
        control=_noted(notes.get("control"), Coverage),
        clock=_noted(notes.get("clock"), ClockOffset),
        further=tuple(_further_queues(settings, folder)),
        vantage=_identity(folder, notes),
        traffic=use_of(read_record(notes) or TrafficRecord(), settings.budget, found.time),
    )


def read_heartbeat(folder: Path) -> Heartbeat | None:
    """The agent's last sign of life; None where there is none, or where it cannot be read."""
    try:
        return msgspec.json.decode((folder / HEARTBEAT_FILE).read_bytes(), type=Heartbeat)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _with_targets(found: AgentStatus, state: AgentState, watched: Collection[str] | None) -> AgentStatus:
    """The status with what the detector knows of the targets."""
    if state.detector is None:
        return found
    detector = Detector.load(state.detector)
    unsettled = {
        one.target: TargetState(target=one.target, status=Status.UNKNOWN, causes=one.causes, since=one.since)
        for one in detector.unsettled_failures()
        if watched is None or one.target in watched
    }
    settled: list[TargetState] = []
    reachable = 0
    for target in detector.network.series:
        current = detector.settled(target)
        if current is None or (watched is not None and target not in watched):
            continue
        if current.status is Status.REACHABLE:
            reachable += target not in unsettled
            continue
        one = TargetState(target=target, status=current.status, causes=current.causes, since=current.since)
        settled.append(msgspec.structs.replace(one, before_watch=current.before_watch))
    settled.sort(key=lambda one: (one.since, one.target))
    accused = (Status.BLOCKED, Status.THROTTLED)
    return msgspec.structs.replace(
        found,
        blocked=tuple(one for one in settled if one.status in accused),
        failing=tuple(one for one in settled if one.status not in accused),
        unsettled=tuple(unsettled.values()),
        reachable=reachable,
    )


def _watched(settings: Settings) -> frozenset[str] | None:
    """The targets of the watchlist; None where the lists cannot be read, so that nothing is left out."""
    try:
        return frozenset(text for text, _ in watchlist.load(settings).targets)
    except ProbeError:
        return None


def _queue(outbox: Outbox, notes: dict[str, Any]) -> Queue:
    problem, dropped = notes.get("uplink"), notes.get("dropped")
    return Queue(
        batches=outbox.unsent_count(),
        bytes=outbox.total_bytes(),
        sent=_noted(notes.get("sent"), datetime),
        problem=problem if isinstance(problem, dict) else None,
        dropped=dropped if isinstance(dropped, dict) else None,
    )


def _further_queues(settings: Settings, folder: Path) -> Iterator[FurtherQueue]:
    """What waits for each of the further collectors."""
    for url in settings.agent.further_collectors:
        own, queue = folder_of(folder, origin_of(url)), Queue()
        if (own / STATE_FILE).is_file():
            with Outbox(own / STATE_FILE) as outbox:
                queue = _queue(outbox, outbox.notes())
        yield FurtherQueue(collector=origin_of(url), enrolled=read_enrolment(own) is not None, queue=queue)


def _identity(folder: Path, notes: dict[str, Any]) -> VantageIdentity | None:
    enrolment = read_enrolment(folder)
    if enrolment is None:
        return None
    told = notes.get("vantage")
    name = told.get(enrolment.origin, "") if isinstance(told, dict) else ""
    page = f"{enrolment.origin}{VANTAGE_PATH}{quote(str(name))}" if name else ""
    return VantageIdentity(
        agent=enrolment.agent,
        collector=enrolment.origin,
        key=(folder / KEY_FILE).is_file(),
        name=str(name),
        page=page,
    )


def _noted(value: Any, kind: type[Any]) -> Any:
    """A note as this type; None where there is none, or where another version wrote it otherwise."""
    try:
        return None if value is None else msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
