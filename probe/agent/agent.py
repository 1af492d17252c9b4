"""One agent over one state file: fetch control, measure a round, store it, upload.

The daemon does round after round; a cron job does one at a time. Both use the same state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec

from probe import __version__
from probe.agent import control_facts, hit_list, round_report, services, traffic_budget
from probe.agent.batching import RoundFindings, make_batches
from probe.agent.cost import Cost, anchors_of_round
from probe.agent.identity import read_enrolment, write_private_file
from probe.agent.look_book import LookBook, look_terms
from probe.agent.outbox import AgentState, LastReport, Outbox
from probe.agent.round import RoundResult, RoundTerms, log_result, measure_round, with_costs
from probe.agent.round_choice import RoundChoice, TargetRanks, affordable, choose
from probe.agent.scheduler import due
from probe.agent.timetable import timetable_of
from probe.agent.watchlist import Watchlist
from probe.clock import Clock, ClockJumps
from probe.detect.detector import Detector
from probe.errors import RecordError
from probe.formats.batch import Batch
from probe.model.event import Network
from probe.model.target import RangeTarget, TargetText
from probe.model.verdict import ControlFacts, Status, VantageState
from probe.session.concurrency import finish_within, stop_after
from probe.session.pass_glances import RoundLooks
from probe.session.session import Session
from probe.settings import Settings
from probe.traffic_account import WireTraffic

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient
    from probe.agent.delivery import UploadResult
    from probe.agent.further_collectors import FurtherCollectors, RoundCopy
    from probe.agent.uplink import Uplink

log = logging.getLogger(__name__)

HEARTBEAT_FILE = "heartbeat.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentContext:
    """The surroundings of an agent: folder, clock, random numbers and the stop event.

    Attributes:
        folder: of its state.
        clock: the real one or a laboratory's.
        random: for the order of targets and for jitter.
        stopping: set when the agent is to end.
        terminal: whether a person is at the terminal, and waits.
    """

    folder: Path
    clock: Clock
    random: Random
    stopping: asyncio.Event
    terminal: bool = False


class Agent:
    """Measures rounds under one set of settings and one watchlist.

    Args:
        settings: merged.
        watchlist: the targets.
        outbox: open; the caller closes it.
        context: folder, clock, random numbers, the stop.
        further: collectors beside the first; None for none.

    Attributes:
        settings, context, further: as given.
        timetable: of its settings.
        account: counts the traffic against the budgets.
        next_round: decides when the next round starts; called once in a round. None for a single round.

    Raises:
        SettingsError: the settings' schedule is bad.
    """

    def __init__(
        self,
        settings: Settings,
        watchlist: Watchlist,
        outbox: Outbox,
        context: AgentContext,
        further: FurtherCollectors | None = None,
    ) -> None:
        self.settings = settings
        self.further = further
        self.context = context
        self.timetable = timetable_of(settings)
        self.next_round: Callable[[], datetime] | None = None
        self.account = traffic_budget.open_account(settings, outbox, context.clock)
        self._lacks_budget = False
        self._watchlist = watchlist
        self._outbox = outbox
        self._state = state = outbox.agent_state()
        self._detector = Detector() if state.detector is None else Detector.load(state.detector)
        self._looks = LookBook.load(state.looks)
        self._look_terms = look_terms(settings)
        self._control = control_facts.CachedControl(
            context.folder, context.clock, max_age=settings.agent.control_max_age
        )
        self._file_facts: Mapping[str, ControlFacts] | None = None
        self._enrolment = read_enrolment(context.folder)
        self._uplink: Uplink | None = None
        self._clock_jumps = ClockJumps(context.clock)
        self._coverage = control_facts.CoverageWatch()
        ranges = {text for text, target in watchlist.targets if isinstance(target, RangeTarget)}
        self._hit_list = hit_list.read(context.folder, ranges) if settings.agent.role == "control" else {}

    @property
    def collector_urls(self) -> tuple[str, ...]:
        """The collector's URLs; none when nothing is reported."""
        if self.settings.agent.collectors:
            return self.settings.agent.collectors
        return () if self._enrolment is None else (self._enrolment.origin,)

    def collector_client(self) -> CollectorClient:
        """A new client of the collector, to be used in `async with`."""
        from probe.agent.collector_client import CollectorClient  # noqa: PLC0415 - only where there is a collector

        chosen = self.settings.agent
        return CollectorClient(self.collector_urls, ca_file=chosen.ca_file, timeout=chosen.uplink_timeout)

    async def run_round(self, session: Session, client: CollectorClient | None) -> RoundResult:
        """Fetch control, measure a round and store it, whole or not at all.

        Args:
            session: open, under this agent's settings.
            client: open; None without a collector.

        Raises:
            StorageError: the round cannot be stored; the state is as if it had not been.
            RecordError: the control file cannot be read.
        """
        start, used = self.context.clock.now(), self.account.used_today()
        self._correct_times()
        facts = await self._control_facts(client)
        if self.settings.agent.role != "control":
            self._coverage.note(facts, (text for text, _ in self._watchlist.targets))
        targets = due(self._watchlist.targets, self._state.measured, start)
        session.prepare(
            facts,
            range_samples=self._watchlist.samples,
            range_hits={text: tuple(counts) for text, counts in self._hit_list.items()},
            range_excluded_prefixes=self._watchlist.excluded_prefixes,
        )
        book = self._looks.at_vantage(session.vantage_key(self._looks.secret))
        session.recall(book.anchors, book.relays)
        wanted, looks = book.choose(targets, self._detector.settled, start.timestamp(), self._look_terms)
        choice = self._choice(wanted, looks, book, start)
        session.relays.failing = choice.looks.failing
        seconds = min(self.settings.agent.round_limit or inf, self.timetable.seconds_left(start))
        async with stop_after(self.context.clock, seconds, self.context.stopping) as ending:
            result = await measure_round(choice.targets, session, self._detector, self._terms(choice, ending))
        result.report = with_costs(result.report, session.bytes_read, session.connections_refused, choice.left_out)
        changes = (transition for transition, _ in result.changes)
        result.services = services.service_transitions(changes, self._watchlist.services, self._detector.settled)
        watched = frozenset(text for text, _ in self._watchlist.targets)
        book = book.after_round(result.looked, choice.looks, watched, self._look_terms, self.context.random)
        book = msgspec.structs.replace(book, anchors=session.anchor_memory(), relays=session.relays.findings)
        self._store(result, book, watched, traffic_budget.ahead(used, self.account.used_today()))
        log_result(result, len(choice.looks.glance) - choice.looks.differing)
        return result

    def _correct_times(self) -> None:
        """Tell the detector where the clock was set since the last round."""
        jump = self._clock_jumps.since_last_call()
        if jump:
            log.warning("the clock was set by %+.0f s; earlier times are corrected", jump)
            self._detector.clock_set(jump)

    async def upload(self, client: CollectorClient) -> UploadResult:
        """Upload the outbox; enrol first where that is needed and a token is at hand.

        Raises:
            StorageError: an acknowledgement cannot be stored.
        """
        from probe.agent.enrolment import origin_of  # noqa: PLC0415 - see `collector_client`
        from probe.agent.uplink import Uplink  # noqa: PLC0415

        if self._uplink is None:
            origin, folder = origin_of(self.collector_urls[0]), self.context.folder
            self._uplink = Uplink(origin, self._outbox, folder, self.settings, self.context.clock)
        return await self._uplink.deliver(client)

    def has_new_token(self) -> bool:
        """Whether an agent that was refused for good has been given a new token to enrol with."""
        return self._uplink is not None and self._uplink.has_new_token()

    def affords_round(self) -> bool:
        """Whether the traffic budget allows a round now; where not, says so once, and gives a sign of life."""
        now = self.context.clock.now()
        affords = affordable(self._allowance(now), anchors_of_round(self.settings))
        if not affords:
            if not self._lacks_budget:
                log.warning("rounds are left out: the traffic budget is used up, or the later rounds need the rest")
            self._write_heartbeat(now, self._state.vantage or VantageState.ONLINE)
        self._lacks_budget = not affords
        return affords

    def _allowance(self, now: datetime) -> Cost | None:
        """What a round that starts now may cost."""
        if not self.account.is_limited:
            return None
        seconds = self.timetable.seconds_between(now, self.settings.agent.interval)
        return traffic_budget.allowance(self.account, seconds, now)

    def close_account(self) -> None:
        """Write down exactly what was used, at the end of the process or of these settings.

        Raises:
            StorageError: it cannot be written; then more counts as used.
        """
        self._outbox.write_notes(**{traffic_budget.NOTE: msgspec.to_builtins(self.account.record(None))})

    def _choice(self, wanted: Sequence[TargetText], looks: RoundLooks, book: LookBook, start: datetime) -> RoundChoice:
        """Which of the due targets this round looks at, and in which order."""
        allowance = self._allowance(start)
        timed = bool(self.settings.agent.round_limit)
        if allowance is None and not timed:
            return RoundChoice(list(wanted), looks, ordered=False, left_out=0)
        settled = {text: self._detector.settled(text) for text, _ in wanted}
        failing = {text for text, one in settled.items() if one is not None and one.status is not Status.REACHABLE}
        looked = {text: memory.looked for text, memory in book.targets.items()}
        return choose(
            wanted,
            looks,
            TargetRanks(failing | book.failing(), self._watchlist.services, looked),
            allowance=allowance,
            timed=timed,
            now=start.timestamp(),
            random=self.context.random,
            anchors=anchors_of_round(self.settings),
            samples=self._watchlist.samples,
        )

    def _terms(self, choice: RoundChoice, ending: asyncio.Event) -> RoundTerms:
        return RoundTerms(
            retests=self.settings.agent.retests,
            retest_window=self.settings.agent.retest_window,
            clock=self.context.clock,
            random=self.context.random,
            stopping=ending,
            looks=choice.looks if self._look_terms.full_every else None,
            ordered=choice.ordered,
        )

    async def _control_facts(self, client: CollectorClient | None) -> Mapping[str, ControlFacts]:
        """The facts to compare with: from the settings' file, else from the collector; a stop ends the wait for it."""
        if self.settings.agent.role == "control":
            return {}  # a control compares with nobody
        if self.settings.agent.control:
            return self._facts_from_file(Path(self.settings.agent.control))
        if client is None:
            return {}
        problem = await finish_within(self._control.refresh(client), self.context.stopping, 0.0)
        if problem:
            log.info("control not refreshed: %s", problem)
        return self._control.facts()

    def _facts_from_file(self, path: Path) -> Mapping[str, ControlFacts]:
        try:
            self._file_facts = control_facts.read_control_file(path)
        except RecordError as error:
            if self._file_facts is None:
                raise
            log.warning(
                "control file not reloaded, the facts read before stay in use: %s", error
            )  # the file may be about to be rewritten
        return self._file_facts

    def _store(self, result: RoundResult, book: LookBook, watched: frozenset[str], ahead: WireTraffic) -> None:
        """Store the detector's state, the look book and the batches of a round in one transaction."""
        now = self.context.clock.now()
        self._detector.drop_unwatched(watched, now)
        reported = self._outbox.last_reports()
        findings, reports = self._findings(result, now, reported)
        measured = {  # the end of the round: the last address may have been asked just now
            text: now for text, target in self._watchlist.targets
            if isinstance(target, RangeTarget) and text in result.verdicts
        }  # fmt: skip
        state = AgentState(
            detector=self._detector.dump(),
            vantage=result.report.state,
            measured={**self._state.measured, **measured},
            looks=book.dump(),
        )
        traffic = {traffic_budget.NOTE: msgspec.to_builtins(self.account.record(ahead))}
        round_note = msgspec.to_builtins(result.report)
        self._outbox.commit(
            state,
            self._batches(findings, now),
            reports=reports if self.collector_urls else {},
            now=now,
            watched=watched,
            max_bytes=self.settings.agent.outbox_bytes,
            notes={**traffic, "round": round_note, "version": __version__, "control": self._coverage.last},
            copies=[] if self.further is None else self.further.copies(partial(self._copy, result, watched, now)),
            history=round_report.history_of(result, watched, timedelta(days=self.settings.agent.history_days)),
        )
        self._state, self._looks = state, book
        if self.further is not None:
            self.further.take()
        if measured and self.settings.agent.role == "control":
            self._hit_list = hit_list.updated(self._hit_list, (result.verdicts[text] for text in measured))
            hit_list.write(self.context.folder, self._hit_list)
        self._write_heartbeat(now, result.report.state)

    def _copy(
        self, result: RoundResult, watched: frozenset[str], now: datetime, reported: Mapping[str, LastReport]
    ) -> RoundCopy:
        """What the round reports to a further collector with these last reports."""
        from probe.agent.further_collectors import RoundCopy  # noqa: PLC0415 - only where there are any

        findings, reports = self._findings(result, now, reported)
        return RoundCopy(batches=self._made(findings, now), reports=dict(reports), watched=watched, time=now)

    def _findings(
        self, result: RoundResult, now: datetime, reported: Mapping[str, LastReport]
    ) -> tuple[RoundFindings, Mapping[str, LastReport]]:
        """The findings to report of the round, and the last report of each target that they are about."""
        if self.settings.agent.role == "control":
            repeat = self.settings.agent.control_repeat
            return round_report.of_control(result, reported=reported, repeat=repeat, now=now)
        return round_report.of_vantage(
            result,
            settled=self._detector.settled,
            failing=self._detector.unsettled_failures(),
            reported=reported,
            last_state=self._state.vantage,
            asn=self.settings.network.asn,
            services=self._watchlist.services,
            now=now,
        )

    def _batches(self, findings: RoundFindings, now: datetime) -> tuple[Batch, ...]:
        return self._made(findings, now) if self.collector_urls else ()

    def _made(self, findings: RoundFindings, now: datetime) -> tuple[Batch, ...]:
        network = Network(asn=self.settings.network.asn, country=self.settings.network.country)
        return make_batches(findings, sent=now, interval=self.settings.agent.interval, network=network)

    def _write_heartbeat(self, now: datetime, state: str) -> None:
        interval = self.settings.agent.interval
        heartbeat: dict[str, object] = {"time": now, "state": state, "interval": interval}
        if self.next_round is not None:
            heartbeat["next"] = following = self.next_round()
            heartbeat["interval"] = max(interval, (following - now).total_seconds())
        write_private_file(self.context.folder / HEARTBEAT_FILE, msgspec.json.encode(heartbeat) + b"\n")

    def is_quiet(self) -> bool:
        """Whether nothing is to be sent now: quiet hours, or so shortly before that nothing is begun."""
        now = self.context.clock.now()
        return self.timetable.allowed(now) > now
