"""The bound on the outbox: what is dropped, and in which order, while the collector takes no reports.

Oldest first: batches that are acknowledged (kept only for a rewind), the evidence in unsent batches, unsent batches
without a transition. A transition is never dropped.
"""

from __future__ import annotations

import msgspec

from probe.agent.batch_table import BatchTable, Dropped
from probe.formats.batch import ReportedChange

REFILL_SHARE = 0.75
"""Share of the bound in use after batches were deleted. Deleting renumbers all the others, so it must happen rarely."""


class Drops(msgspec.Struct, frozen=True):
    """How many unsent batches lost their evidence, and how many were reduced to their transitions or deleted."""

    evidence: int = 0
    batches: int = 0


def shrink(table: BatchTable, max_bytes: int) -> Drops:
    """Bring the table within its bound, as far as transitions allow.

    After `Drops.batches` numbers may be missing between the unsent batches: a new epoch must begin.
    """
    while table.total_bytes() > max_bytes and table.delete_oldest_acknowledged():
        continue
    evidence = reduced = 0
    while table.total_bytes() > max_bytes and _drop_evidence(table):
        evidence += 1
    if table.total_bytes() > max_bytes:
        while table.total_bytes() > max_bytes * REFILL_SHARE and _drop_all_but_transitions(table):
            reduced += 1
    return Drops(evidence, reduced)


def _drop_evidence(table: BatchTable) -> bool:
    """Drop the verdicts of the oldest unsent batch that still has them; False when none has."""
    row = table.oldest_unsent(Dropped.NOTHING)
    if row is None:
        return False
    changes = tuple(ReportedChange(transition=change.transition) for change in row.batch.changes)
    reduced = msgspec.structs.replace(row.batch, changes=changes, control=())
    table.replace(row.batch.seq, reduced, Dropped.EVIDENCE)
    return True


def _drop_all_but_transitions(table: BatchTable) -> bool:
    """Reduce the oldest unsent batch that has more than transitions, or delete it; False when none has more."""
    row = table.oldest_unsent(Dropped.EVIDENCE)
    if row is None:
        return False
    if row.batch.changes:
        reduced = msgspec.structs.replace(row.batch, settled=(), rounds=())
        table.replace(row.batch.seq, reduced, Dropped.ALL_BUT_TRANSITIONS)
    else:
        table.delete(row.batch.seq)
    return True
