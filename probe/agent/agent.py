"""One turn of the agent: ask for control, do a round, write it down, send what waits.

The daemon does turn after turn, cron one at a time, over the same state.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from probe import __version__
from probe.agent import control_facts, hit_list, round_report, services
from probe.agent.batching import RoundFindings, make_batches
from probe.agent.context import Surroundings
from probe.agent.identity import read_enrolment, write_private_file
from probe.agent.outbox import AgentState, Outbox
from probe.agent.round import RoundResult, RoundTerms, run_round
from probe.agent.scheduler import due
from probe.agent.watchlist import Watchlist
from probe.detect.detector import Detector
from probe.errors import RecordError
from probe.formats.batch import Batch, RoundReport
from probe.model.event import Network
from probe.model.target import RangeTarget
from probe.model.verdict import ControlFacts
from probe.session.concurrency import finish_within
from probe.session.session import Session
from probe.settings import Settings

if TYPE_CHECKING:
    from probe.agent.collector_client import CollectorClient
    from probe.agent.uplink import Uplink, UploadResult

log = logging.getLogger(__name__)

HEARTBEAT_FILE = "heartbeat.json"


class Agent:
    """Turns of one agent over one state file.

    Args:
        settings: merged.
        watchlist: the targets.
        outbox: open; the caller closes it.
        around: folder, clock, chance, the stop.

    Attributes:
        settings, around: as given.
    """

    def __init__(self, settings: Settings, watchlist: Watchlist, outbox: Outbox, around: Surroundings) -> None:
        self.settings = settings
        self._watchlist = watchlist
        self._outbox = outbox
        self.around = around
        kept = outbox.agent_state()
        self._kept = kept
        self._detector = Detector() if kept.detector is None else Detector.load(kept.detector)
        self._control = control_facts.CachedControl(around.folder, max_age=settings.agent.control_max_age)
        self._file_facts: Mapping[str, ControlFacts] | None = None
        self._enrolment = read_enrolment(around.folder)
        self._uplink: Uplink | None = None
        ranges = {text for text, target in watchlist.targets if isinstance(target, RangeTarget)}
        self._known = hit_list.read(around.folder, ranges) if settings.agent.role == "control" else {}

    @property
    def ways(self) -> tuple[str, ...]:
        """The collector's addresses; none when nothing is reported."""
        if self.settings.agent.collectors:
            return self.settings.agent.collectors
        return () if self._enrolment is None else (self._enrolment.origin,)

    def collector(self) -> CollectorClient:
        """A fresh connection to the collector, to be used in `async with`."""
        from probe.agent.collector_client import CollectorClient  # noqa: PLC0415 - aiohttp, only where there is a collector

        return CollectorClient(
            self.ways, ca_file=self.settings.agent.ca_file, timeout=self.settings.agent.uplink_timeout
        )

    async def turn(self, session: Session, collector: CollectorClient | None) -> RoundResult:
        """Ask for control, do a round and write it down, whole or not at all.

        Raises:
            StorageError: it cannot be written down; the round is as if it had not been.
            RecordError: the control's file makes no sense.
        """
        start = self.around.clock.now()
        compared = await self._facts(collector, start)
        targets = due(self._watchlist.targets, self._kept.measured, start)
        session.prepare(
            compared,
            range_samples=self._watchlist.samples,
            range_hits={text: tuple(counts) for text, counts in self._known.items()},
            range_holes=self._watchlist.holes,
        )
        result = await run_round(targets, session, self._detector, self._terms())
        result.report = _with_costs(result.report, session)
        changes = (transition for transition, _ in result.changes)
        result.services = services.service_transitions(changes, self._watchlist.services, self._detector.settled)
        self._write_down(result)
        report = result.report
        log.info(
            "round state=%s targets=%d measured=%d changes=%d seconds=%.1f",
            *(report.state, report.targets, report.measured, len(result.changes), report.seconds),
        )
        for one in result.services:
            numbers = one.evidence["targets"], one.evidence["of"]
            log.info("%s %s -> %s at %d of %d targets", one.target, one.before, one.after, *numbers)
        return result

    def _terms(self) -> RoundTerms:
        return RoundTerms(
            retests=self.settings.agent.retests,
            retest_window=self.settings.agent.retest_window,
            clock=self.around.clock,
            random=self.around.chance,
            stopping=self.around.stopping,
        )

    async def _facts(self, collector: CollectorClient | None, now: datetime) -> Mapping[str, ControlFacts]:
        if self.settings.agent.role == "control":
            return {}  # it is the control: nobody else's word goes into its own
        if self.settings.agent.control:
            return self._facts_from_file(Path(self.settings.agent.control))
        if collector is None:
            return {}
        problem = await finish_within(self._control.refresh(collector, now), self.around.stopping, 0.0)
        if problem:
            log.info("control not refreshed: %s", problem)
        return self._control.facts(now)

    def _facts_from_file(self, path: Path) -> Mapping[str, ControlFacts]:
        try:
            self._file_facts = control_facts.read_control_file(path)
        except RecordError as error:
            if self._file_facts is None:
                raise
            log.warning("the old control holds: %s", error)  # it may be about to be written anew
        return self._file_facts

    def _write_down(self, result: RoundResult) -> None:
        now = self.around.clock.now()
        told = self._outbox.last_reports()
        if self.settings.agent.role == "control":
            findings, telling_now = round_report.of_control(
                result, told=told, repeat=self.settings.agent.control_repeat, now=now
            )
        else:
            findings, telling_now = round_report.of_vantage(
                result,
                believed=self._detector.settled,
                told=told,
                last_state=self._kept.vantage,
                asn=self.settings.network.asn,
                services=self._watchlist.services,
                now=now,
            )
        measured = {  # by its end: the last address may have been asked just now
            text: now for text, target in self._watchlist.targets
            if isinstance(target, RangeTarget) and text in result.verdicts
        }  # fmt: skip
        kept = AgentState(
            detector=self._detector.dump(), vantage=result.report.state, measured={**self._kept.measured, **measured}
        )
        self._outbox.commit(
            kept,
            self._batches(findings, now),
            reports=telling_now if self.ways else {},
            now=now,
            watched=frozenset(text for text, _ in self._watchlist.targets),
            max_bytes=self.settings.agent.outbox_bytes,
            notes={"round": msgspec.to_builtins(result.report), "version": __version__},
        )
        self._kept = kept
        if measured and self.settings.agent.role == "control":
            self._known = hit_list.updated(self._known, (result.verdicts[text] for text in measured))
            hit_list.write(self.around.folder, self._known)
        self._beat(now, result)

    def _batches(self, findings: RoundFindings, now: datetime) -> tuple[Batch, ...]:
        if not self.ways:
            return ()
        network = Network(asn=self.settings.network.asn, country=self.settings.network.country)
        return make_batches(findings, sent=now, interval=self.settings.agent.interval, network=network)

    def _beat(self, now: datetime, result: RoundResult) -> None:
        beat = {"time": now, "state": result.report.state, "interval": self.settings.agent.interval}
        write_private_file(self.around.folder / HEARTBEAT_FILE, msgspec.json.encode(beat) + b"\n")

    async def deliver(self, collector: CollectorClient) -> UploadResult:
        """Deliver the outbox; enrol first where that is needed and a token is at hand.

        Raises:
            StorageError: an acknowledgement cannot be written down.
        """
        from probe.agent.enrolment import origin_of  # noqa: PLC0415 - see `collector`
        from probe.agent.uplink import Uplink  # noqa: PLC0415

        if self._uplink is None:
            origin, folder = origin_of(self.ways[0]), self.around.folder
            self._uplink = Uplink(origin, self._outbox, folder, self.settings, self.around.clock)
        return await self._uplink.deliver(collector)


def _with_costs(report: RoundReport, session: Session) -> RoundReport:
    refused = session.connections_refused
    if refused:
        log.warning("%d connections were left out: the round's budget was spent", refused)
    return msgspec.structs.replace(report, bytes=session.bytes_read, refused=refused)
