"""How many targets that are new here an agent may name: its list is its own, and has an end.

Each new target is a row for ever, a line in pages and work for the fuser. Those that anybody has named before are free.
What is over the quota is left out of the batch and counted as ignored; the agent is acknowledged, and names it again
with the next change. Quotas are kept in memory and are full after a start.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from probe.collector.intake.apply_batch import VerifiedBatch
from probe.collector.intake.rate_limits import TokenBucket
from probe.collector.store import Store, StoreSession
from probe.collector.store.key_sets import rows_in
from probe.formats.batch import Batch
from probe.model.transition import VANTAGE

AGENT_TARGETS, AGENT_TARGETS_PER_DAY = 20_000.0, 500.0
"""New targets of one agent: at once, and every day after that."""
TOTAL_TARGETS, TOTAL_TARGETS_PER_DAY = 200_000.0, 20_000.0
"""New targets of all agents."""
MAX_KNOWN = 300_000
"""Targets that are remembered as known, so that the database is not asked again."""
MAX_AGENTS = 50_000
DAY_SECONDS = 86_400.0


class TargetQuota:
    """The quotas of all agents."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._agents: OrderedDict[str, TokenBucket] = OrderedDict()
        self._total: TokenBucket | None = None

    async def within(self, store: Store, agent: str, verified: VerifiedBatch, now: float) -> VerifiedBatch:
        """The batch without the new targets that are over the quota.

        Args:
            store: knows the targets that are not new.
            agent: the sender's id.
            verified: the batch.
            now: seconds of a monotonic clock.

        Raises:
            StorageError: the database cannot be read.
        """
        asked = {text for text in _named(verified.batch) if text not in self._known}
        if not asked:
            return verified
        found = await store.read(lambda session: _stored(session, asked))
        self._remember(found)
        new = sorted(asked - found)
        kept = new[: self._take(agent, len(new), now)]
        self._remember(kept)
        over = set(new[len(kept) :])
        return _without(verified, over) if over else verified

    def _take(self, agent: str, wanted: int, now: float) -> int:
        """Take new targets from the quotas; how many there were."""
        bucket = self._agents.pop(agent, None) or TokenBucket(AGENT_TARGETS_PER_DAY / DAY_SECONDS, AGENT_TARGETS, now)
        self._agents[agent] = bucket
        if len(self._agents) > MAX_AGENTS:
            self._agents.popitem(last=False)
        if self._total is None:
            self._total = TokenBucket(TOTAL_TARGETS_PER_DAY / DAY_SECONDS, TOTAL_TARGETS, now)
        for each in (bucket, self._total):
            each.take(0.0, now)  # fills it
        granted = min(wanted, int(bucket.level), int(self._total.level))
        for each in (bucket, self._total):
            each.take(granted, now)
        return granted

    def _remember(self, texts: set[str] | list[str]) -> None:
        self._known.update(dict.fromkeys(texts))
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def _stored(session: StoreSession, texts: set[str]) -> set[str]:
    return {row[0] for row in rows_in(session, "SELECT text FROM target WHERE text IN", sorted(texts))}


def _named(batch: Batch) -> Iterator[str]:
    yield from batch.services
    yield from (item.target for item in batch.settled)
    yield from (change.transition.target for change in batch.changes if change.transition.target != VANTAGE)
    yield from (item.target for item in batch.failing)


def _without(verified: VerifiedBatch, over: set[str]) -> VerifiedBatch:
    """The batch without these targets; those that lose a status or a change count as ignored."""
    batch = verified.batch
    settled = [
        pair for pair in zip(batch.settled, verified.settled_evidence, strict=True) if pair[0].target not in over
    ]
    changes = [
        pair for pair in zip(batch.changes, verified.evidence, strict=True) if pair[0].transition.target not in over
    ]
    ignored = len(batch.settled) - len(settled) + len(batch.changes) - len(changes)
    replace = msgspec.structs.replace
    shorter = replace(
        batch,
        settled=tuple(item for item, _ in settled),
        changes=tuple(item for item, _ in changes),
        services={text: name for text, name in batch.services.items() if text not in over},
        failing=tuple(item for item in batch.failing if item.target not in over),
    )
    return replace(
        verified,
        batch=shorter,
        settled_evidence=tuple(packed for _, packed in settled),
        evidence=tuple(packed for _, packed in changes),
        unread=verified.unread + ignored,
    )
