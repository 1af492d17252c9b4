"""Judge the evidence that waits, before fusing: intake judges only the first verdicts of a batch.

Reports of one target, network and status wait together. Once evidence of two sponsors was judged alike here, the others
count without: the event stands already, and the work of a national event stays bounded.
"""

from __future__ import annotations

import asyncio
import zlib

import msgspec

from probe.collector.intake.apply_batch import CONTRADICTS
from probe.collector.intake.votes import NoVote, Vote, judged_vote
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, history, pending_evidence, to_ms
from probe.collector.store.pending_evidence import PendingGroup, PendingSpan
from probe.fuse.standing import MIN_SPONSORS
from probe.model.verdict import Verdict

MAX_GROUPS = 50
"""Groups that are looked at before the next fusion."""
MAX_OF_GROUP = 4
"""Verdicts of a group that are judged at a time."""
TRIMMED = "trimmed"
"""Note of evidence that was cut to fit: what is left of it may be judged otherwise than the whole."""
_VERDICT = msgspec.json.Decoder(Verdict)
Judged = list[tuple[PendingGroup, list[tuple[PendingSpan, Vote]] | None]]


async def judge_some(collector: Collector) -> bool:
    """Judge some of the evidence that waits, on another thread; whether there may be more."""
    waiting = await collector.store.read(_read)
    if not waiting:
        return False
    judged = await asyncio.to_thread(_judge, waiting)
    now = to_ms(collector.clock.now())
    await collector.store.write(lambda session: _write(session, judged, now))
    return True


def _read(session: StoreSession) -> list[tuple[PendingGroup, list[PendingSpan] | None]]:
    """The groups that wait, each with some of its spans; None for one that counts without judging."""
    found: list[tuple[PendingGroup, list[PendingSpan] | None]] = []
    for group in pending_evidence.pending_groups(session, MAX_GROUPS):
        proven = pending_evidence.judged_sponsors(session, group) >= MIN_SPONSORS
        found.append((group, None if proven else pending_evidence.pending_spans(session, group, MAX_OF_GROUP)))
    return found


def _judge(waiting: list[tuple[PendingGroup, list[PendingSpan] | None]]) -> Judged:
    return [
        (group, None if spans is None else [(span, vote_of_body(group.status, span.body)) for span in spans])
        for group, spans in waiting
    ]


def vote_of_body(status: str, body: bytes | None) -> Vote:
    """The vote of a report with this status by its stored evidence."""
    if body is None:
        return Vote(NoVote.NO_EVIDENCE)
    try:
        verdict = _VERDICT.decode(zlib.decompress(body))
    except (msgspec.DecodeError, zlib.error):
        return Vote(NoVote.JUDGED_OTHERWISE)
    if TRIMMED in verdict.evidence.notes:
        return Vote(NoVote.JUDGED_OTHERWISE)
    return judged_vote(status, verdict)


def _write(session: StoreSession, judged: Judged, now: int) -> None:
    for group, votes in judged:
        if votes is None:
            pending_evidence.give_votes(session, group)
        else:
            pending_evidence.set_votes(
                session, group.target, [(vote.no_vote, span.agent, span.start) for span, vote in votes]
            )
            for agent in sorted({span.agent for span, vote in votes if vote.contradicts}):
                agents.flag(session, agent, CONTRADICTS)
        history.mark_dirty(session, group.service, group.country, now)
