"""Store a batch in one transaction; a repeated batch changes only the agent's last contact.

That change is needed: on a replicated engine a transaction that writes nothing does not wait for the replicas, so a
batch whose first commit was interrupted could be acknowledged and lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from probe.collector.intake.evidence import Packed
from probe.collector.intake.report_times import Dated, ReportBounds, clock_offset, is_kept_time
from probe.collector.intake.span_writer import Beginning, SpanKey, SpanWriter
from probe.collector.intake.votes import Vote, Votes
from probe.collector.store import StoreSession, agents, batches, failing, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.failing import FailingRow
from probe.collector.store.history import PresenceRun
from probe.formats.batch import Batch, ReportedChange, ReportedStatus, RoundReport
from probe.fuse.presence import MISSED_INTERVALS
from probe.fuse.service import INTERFERENCE
from probe.model.event import Network
from probe.model.transition import VANTAGE

CONTRADICTS = "evidence that is judged otherwise"
"""The flag of an agent whose verdicts contradict the evidence beside them."""


class VerifiedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch whose signature and bounds have been checked.

    Its verdicts are packed already, for compressing them takes longer than all else and the database has one writer.

    Attributes:
        evidence: the packed verdicts of the changes, in their order; None where a change has none.
        settled_evidence: the same of the settled statuses.
        control: the compressed verdicts of a control, in their order; None where one is too large to store.
        votes: of its changes and settled statuses; where there are none, each has a vote.
        unread: what was left out of the batch: verdicts of a control that this version cannot read, targets over quota.
        digest: SHA-256 of the signed body.
        raw: the body as received, compressed; empty where it held the sender's address.
        posted: the agent's clock at the request; None when it did not say.
        received: the collector's clock at the request.
        rate: speed of the collector's clock.
    """

    batch: Batch
    evidence: tuple[Packed | None, ...]
    settled_evidence: tuple[Packed | None, ...]
    control: tuple[bytes | None, ...]
    unread: int = 0
    digest: bytes
    raw: bytes
    signature: bytes
    posted: datetime | None
    received: datetime
    rate: float = 1.0
    votes: Votes = Votes()


class BatchResult(StrEnum):
    """The result of a batch."""

    STORED = "stored"
    AGAIN = "again"
    """It had been stored before."""
    GAP = "gap"
    """A batch before it is missing."""
    CONFLICT = "conflict"
    """Another body was stored under its number."""
    NO_AGENT = "no_agent"
    """Its agent was erased meanwhile."""


class BatchOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result and its numbers.

    Attributes:
        seq: the number that is acknowledged; for a gap the number that is expected.
        rounds: how many rounds were stored.
        changes: how many changes were stored.
        ignored: rounds and verdicts that were not stored: too old, in the future or too large.
        network: that the batch counts for.
        without_vote: reason -> how many changes and statuses change no event.
    """

    answer: BatchResult
    seq: int
    rounds: int = 0
    changes: int = 0
    ignored: int = 0
    network: Network = Network()
    without_vote: dict[str, int] = {}


def network_of_batch(agent: AgentRow, batch: Batch) -> Network:
    """The network that a batch counts for; what it leaves out is as the agent said at enrolment."""
    given = batch.network
    return Network(asn=given.asn or agent.asn, country=given.country or agent.cc)


def apply_batch(session: StoreSession, agent: AgentRow, verified: VerifiedBatch) -> BatchOutcome:
    """Store a batch if it is the next of its outbox; the result gives the reason otherwise."""
    batch = verified.batch
    now = to_ms(verified.received)
    offset = clock_offset(batch.sent, verified.posted, verified.received, verified.rate)
    offset_ms = offset // timedelta(milliseconds=1)
    if not agents.touch(session, agent, now, offset_ms):
        return BatchOutcome(answer=BatchResult.NO_AGENT, seq=batch.seq)
    acked = batches.acked(session, agent.no, batch.epoch)
    if batch.seq <= acked:
        known = batches.batch_digest(session, agent.no, batch.epoch, batch.seq)
        if known is not None and known != verified.digest:
            agents.flag(session, agent.no, "two histories under one number")
            return BatchOutcome(answer=BatchResult.CONFLICT, seq=batch.seq)
        return BatchOutcome(answer=BatchResult.AGAIN, seq=batch.seq)
    if batch.seq > acked + 1:
        return BatchOutcome(answer=BatchResult.GAP, seq=acked + 1)
    if acked and batches.newer_epoch(session, agent.no, batch.epoch):
        agents.flag(session, agent.no, "two outboxes at once")
    if not agent.asn or not agent.cc:
        agents.adopt_network(session, agent.no, batch.network.asn, batch.network.country)
    raw = (verified.raw, verified.signature) if verified.raw and (batch.changes or batch.settled) else (None, None)
    key = (agent.no, batch.epoch, batch.seq)
    batches.add_batch(session, key, verified.digest, (now, to_ms(batch.sent), offset_ms), raw)
    batches.advance(session, agent.no, batch.epoch, batch.seq, now)
    return _BatchWriter(session, agent, verified, offset).write()


class _BatchWriter:
    """Writes the rounds, statuses and changes of one batch, in order."""

    def __init__(self, session: StoreSession, agent: AgentRow, verified: VerifiedBatch, offset: timedelta) -> None:
        self._session = session
        self._agent = agent
        self._batch = verified.batch
        self._verified = verified
        self._received = verified.received
        self._now = to_ms(verified.received)
        self._rate = verified.rate
        self._offset = offset
        network = network_of_batch(agent, verified.batch)
        self._country = network.country
        self._network = batches.network_number(session, network.asn, network.country)
        self._ignored = verified.unread
        self._latest = history.presence_run_at(session, agent.no, self._now)
        self._has_saved = False
        last = 0 if self._latest is None else self._latest.stop
        self._bounds = ReportBounds(enrolled=agent.created, last=last, received=self._now)

    def write(self) -> BatchOutcome:
        """Write a batch; the numbers of stored and ignored items."""
        rounds = [(start, item) for item in self._batch.rounds if (start := self._time(item.start)) is not None]
        self._extend_presence(rounds)
        changes = 0
        if self._agent.role == "control":
            self._store_control()
        else:
            if self._batch.settled or self._batch.changes or self._batch.services:
                changes = self._store_statuses()
            if rounds:
                self._store_failing()
        return BatchOutcome(
            answer=BatchResult.STORED,
            seq=self._batch.seq,
            rounds=len(rounds),
            changes=changes,
            ignored=self._ignored,
            without_vote=self._verified.votes.reasons(),
        )

    def _time(self, moment: datetime) -> int | None:
        """The corrected time; None, and counted as ignored, when it is too old or in the future."""
        corrected = self._corrected(moment)
        self._ignored += corrected is None
        return corrected

    def _corrected(self, moment: datetime) -> int | None:
        """The corrected time; None when it is too old or in the future."""
        corrected = moment + self._offset
        return to_ms(corrected) if is_kept_time(corrected, self._received, self._rate) else None

    def _extend_presence(self, rounds: list[tuple[int, RoundReport]]) -> None:
        """Extend the agent's presence: one row for each unbroken run of rounds."""
        run: PresenceRun | None = None
        interval = round(self._batch.interval * 1000)
        for start, report in rounds:
            stop = start + round(report.seconds * 1000)
            state = report.state  # perhaps of a newer version; only `online` counts as presence
            if run is None or start < run.start:
                self._save(run)
                run = self._run_at(start)
            if (
                run is not None
                and run.start <= start <= run.stop + MISSED_INTERVALS * interval
                and (run.network, run.interval, run.state) == (self._network, interval, state)
            ):
                run.stop = max(run.stop, stop)
                run.rounds += 1
                run.measured += report.measured
                continue
            self._save(run)
            run = PresenceRun(start, stop, self._network, interval, state, 1, report.measured)
        self._save(run)

    def _run_at(self, start: int) -> PresenceRun | None:
        """The run of rounds that a round belongs to, by its start: nearly always the latest, which was read already."""
        latest = self._latest
        if not self._has_saved and (latest is None or latest.start <= start) and start <= self._now:
            return latest
        return history.presence_run_at(self._session, self._agent.no, start)

    def _save(self, run: PresenceRun | None) -> None:
        if run is not None:
            self._has_saved = True
            history.save_presence_run(self._session, self._agent.no, run)

    def _store_statuses(self) -> int:
        """Store the settled statuses, the changes and the votes on services; how many changes were stored."""
        verified = self._verified
        votes = verified.votes.settled or (Vote(),) * len(self._batch.settled)
        begun = [
            self._settled(item, evidence, vote.no_vote)
            for item, evidence, vote in zip(self._batch.settled, verified.settled_evidence, votes, strict=True)
        ]
        votes = verified.votes.changes or (Vote(),) * len(self._batch.changes)
        changed = [
            self._changed(item, evidence, vote.no_vote)
            for item, evidence, vote in zip(self._batch.changes, verified.evidence, votes, strict=True)
            if item.transition.target != VANTAGE  # the states of the rounds carry it
        ]
        begun += changed
        if verified.votes.contradicting:
            agents.flag(self._session, self._agent.no, CONTRADICTS)
        stored = [each for each in begun if each is not None]
        texts = {each.target for each in stored} | self._batch.services.keys()
        before = batches.target_rows(self._session, texts)
        after = batches.count_services(self._session, self._agent.no, self._measured_services(stored, before), before)
        key = SpanKey(self._agent.no, self._network, self._country)
        writer = SpanWriter(self._session, key, after, self._now)
        writer.read({each.target for each in stored})
        for each in stored:
            writer.begin(each)
        writer.write()
        for text in sorted(text for text in texts if before[text].service != after[text].service):
            for country in history.countries_of(self._session, after[text].no):
                history.mark_dirty(self._session, before[text].service, country, self._now)
                history.mark_dirty(self._session, after[text].service, country, self._now)
        writer.mark()
        return len(changed)

    def _measured_services(self, stored: list[Beginning], targets: Mapping[str, batches.TargetRow]) -> dict[str, str]:
        """The services that the agent names of targets it measures: others are not its to name."""
        reported = {each.target for each in stored}
        reported |= {one.target for one in self._batch.failing}
        asked = [text for text in self._batch.services if text not in reported]
        measured = history.measured_by(self._session, self._agent.no, [targets[text].no for text in asked])
        named = reported | {text for text in asked if targets[text].no in measured}
        return {text: service for text, service in self._batch.services.items() if text in named}

    def _store_failing(self) -> None:
        """Store what fails without a settled status after these rounds; a time that cannot be is left out."""
        targets = batches.target_rows(self._session, {one.target for one in self._batch.failing})
        rows = [
            FailingRow(targets[one.target].no, since, " ".join(one.causes))
            for one in self._batch.failing
            if (since := self._time(one.since)) is not None
        ]
        failing.replace_failing(self._session, self._agent.no, self._network, rows)

    def _settled(self, settled: ReportedStatus, evidence: Packed | None, no_vote: str) -> Beginning | None:
        """A status without a change that led to it: it opens a span, or corrects the open one.

        One that stood before the agent looked is known since the batch was made.
        """
        start = to_ms(settled.since + self._offset)
        if start > self._now and self._time(settled.since) is None:
            return None
        stood = self._bounds.stood(start, start) if settled.status in INTERFERENCE else Dated(start, start)
        before_watch = settled.before_watch or stood.before_watch
        reported = to_ms(self._batch.sent + self._offset)
        return Beginning(
            target=settled.target,
            start=stood.start,
            known=max(stood.start, reported) if before_watch else stood.start,
            status=settled.status,
            causes=settled.causes,
            evidence=evidence,
            before_watch=before_watch,
            reported=reported,
            no_vote=no_vote,
        )

    def _changed(self, change: ReportedChange, evidence: Packed | None, no_vote: str) -> Beginning:
        """A transition: it ends the open span where the next one begins."""
        transition = change.transition
        dated = self._bounds.dated(self._corrected(transition.onset), self._corrected(transition.time))
        return Beginning(
            target=transition.target,
            start=dated.start,
            known=dated.known,
            status=transition.after,
            causes=transition.causes,
            evidence=evidence,
            before_watch=dated.before_watch and transition.after in INTERFERENCE,
            no_vote=no_vote,
        )

    def _store_control(self) -> None:
        for verdict, packed in zip(self._batch.control, self._verified.control, strict=True):
            measured = self._time(verdict.time)
            if measured is None:
                continue
            if packed is None:
                self._ignored += 1
                continue
            target = batches.target_number(self._session, verdict.target)
            batches.set_control(self._session, target, self._agent.no, min(measured, self._now), packed)
