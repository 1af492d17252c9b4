"""Write the statuses and changes of one batch as sets: a few statements a batch, however many changes it has.

The spans of an agent and target follow each other. So the open spans are read at once, the batch is played in memory,
and what came of it is written: spans that end, spans that begin, evidence, marks for the fuser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from probe.collector.intake.evidence import Packed
from probe.collector.store import StoreSession, batches, history
from probe.collector.store.history import EndedSpan, NewSpan, OpenSpan
from probe.fuse.service import INTERFERENCE
from probe.model.verdict import Cause


class SpanKey(msgspec.Struct, frozen=True):
    """Whose spans are written: numbers of the agent and of the network it is in, and the network's country."""

    agent: int
    network: int
    country: str


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """A status that begins.

    Attributes:
        status: a `Status`, or a word of a newer version: it ends what was, and counts for nothing.
        start: its onset; `known`: when the agent was sure; both in milliseconds.
        reported: where the open span began after `start`, the status begins at this moment; None for at once.
        no_vote: why it changes no event; empty where it may.
    """

    target: str
    start: int
    known: int
    status: str
    causes: tuple[Cause, ...]
    evidence: Packed | None
    before_watch: bool = False
    reported: int | None = None
    no_vote: str = ""


class SpanWriter:
    """The spans of one agent, for the time of one batch.

    Args:
        session: the transaction.
        key: whose spans.
        targets: the targets of the batch; `batches.target_numbers` gave them numbers.
        now: the time of the batch's arrival, in milliseconds.
    """

    def __init__(self, session: StoreSession, key: SpanKey, targets: Mapping[str, batches.TargetRow], now: int) -> None:
        self._session = session
        self._key = key
        self._targets = targets
        self._now = now
        self._open: dict[int, OpenSpan] = {}
        self._new: dict[int, NewSpan] = {}
        self._begun: list[NewSpan] = []
        self._ended: list[EndedSpan] = []
        self._first: dict[int, int] = {}
        self._evidence: dict[bytes, bytes] = {}
        self._marks: dict[str, int] = {}
        self._quiet_marks: dict[str, int] = {}

    def read(self, texts: Iterable[str]) -> None:
        """Read the open spans of these targets."""
        numbers = [self._targets[text].no for text in texts]
        self._open = history.open_spans_of(self._session, self._key.agent, numbers)

    def begin(self, item: Beginning) -> None:
        """Begin a status and end the open one, unless the open one is the same and does not lack a vote."""
        target = self._targets[item.target]
        before = self._open.get(target.no)
        start, known = item.start, item.known
        if before is not None:
            if item.reported is not None and start <= before.start:
                start = max(before.start + 1, item.reported)
                known = max(start, known)
            alike = (before.status, before.network) == (item.status, self._key.network)
            if alike and (item.no_vote or not before.no_vote):
                return
            start = max(start, before.start + 1)
        if before is None or before.network != self._key.network:
            self._first[target.no] = min(start, self._first.get(target.no, start))
        self._end(target.no, start)
        self._open[target.no] = OpenSpan(start, item.status, self._key.network, item.no_vote)
        self._new[target.no] = NewSpan(
            target=target.no,
            agent=self._key.agent,
            start=start,
            known=known,
            network=self._key.network,
            status=item.status,
            causes=" ".join(item.causes),
            evidence=None if item.evidence is None else item.evidence.digest,
            before_watch=item.before_watch,
            no_vote=item.no_vote,
        )
        if item.evidence is not None and item.evidence.compressed is not None:
            self._evidence[item.evidence.digest] = item.evidence.compressed
        interferes = item.status in INTERFERENCE or (before is not None and before.status in INTERFERENCE)
        marks = self._marks if interferes else self._quiet_marks
        marks[target.service] = min(start, marks.get(target.service, start))

    def write(self) -> None:
        """Write what the batch changed."""
        session = self._session
        batches.add_evidence(session, self._evidence.items(), self._now)
        history.close_spans(session, sorted(self._ended, key=lambda span: span.target))
        spans = [*self._begun, *self._new.values()]
        history.add_spans(session, sorted(spans, key=lambda span: (span.target, span.start)))
        history.add_first_looks(session, self._key.network, self._first)

    def mark(self) -> None:
        """Mark the services whose events may change: the last rows that the transaction writes.

        A status without interference matters where something is to be disputed or lifted: where there are events, or
        a mark shows that there will be.
        """
        country = self._key.country
        quiet = self._quiet_marks.keys() - self._marks.keys()
        watched = history.watched_services(self._session, country, sorted(quiet))
        marks = self._marks | {service: self._quiet_marks[service] for service in watched}
        history.mark_dirty_many(self._session, country, marks, self._now)

    def _end(self, target: int, stop: int) -> None:
        """End the open span of a target, whether it is stored or of this batch."""
        fresh = self._new.pop(target, None)
        if fresh is not None:
            self._begun.append(msgspec.structs.replace(fresh, stop=stop))
        elif (before := self._open.get(target)) is not None:
            moved = before.network != self._key.network
            self._ended.append(EndedSpan(self._key.agent, target, before.start, stop, moved))
