"""The agent's state and its outbox of batches, kept in one file and written in one transaction a round.

The detector's state after a round and the batches that report the round are written together or not at all. A crash
before the transaction repeats the round; a crash after it loses nothing.

Batches are numbered 1, 2, .. without gaps within an epoch, a random name for one history of this outbox. Acknowledged
batches are kept for a week, so that a collector that lost its last hours can have them again (`rewind`). When the two
histories no longer fit together, a new epoch begins (`start_new_epoch`).

The outbox is bounded (`[agent] outbox_bytes`). When it is full, it gives up in this order, oldest first: batches that
are acknowledged, the evidence in unsent batches, unsent batches without a transition. It never gives up a transition.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from secrets import token_hex
from types import TracebackType

import msgspec

from probe.agent.state_file import StateFile
from probe.errors import StateError
from probe.formats import batch as batches
from probe.formats.batch import Batch, ReportedChange

log = logging.getLogger(__name__)

ACKNOWLEDGED_RETENTION_SECONDS = 7 * 86400
"""How long acknowledged batches are kept for a rewind."""
UNWATCHED_RANGE_RETENTION = timedelta(days=1)
"""How long the last measurement of a range that is no longer watched is remembered; an hour must pass between two."""
REFILL_SHARE = 0.75
"""Share of the bound that remains used after unsent batches were deleted, since that renumbers all the others."""


class Dropped(IntEnum):
    """What was dropped from an unsent batch to keep the outbox within its bound. The numbers are stored."""

    NOTHING = 0
    EVIDENCE = 1
    """Verdicts: of changes, and those of a control."""
    ALL_BUT_TRANSITIONS = 2


class UnsentBatch(msgspec.Struct, frozen=True):
    """A batch to send: its sequence number and the gzip of its JSON."""

    seq: int
    compressed: bytes

    @property
    def body(self) -> bytes:
        """The JSON that is signed."""
        return gzip.decompress(self.compressed)


class LastReport(msgspec.Struct, frozen=True):
    """What was last reported of a target in this epoch, and when (Unix seconds)."""

    time: int
    facts: str


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """What one round hands to the next.

    Attributes:
        detector: the detector's dump; None before the first round.
        vantage: state of the vantage as last reported.
        measured: range -> end of its last measurement.
    """

    detector: bytes | None = None
    vantage: str = ""
    measured: dict[str, datetime] = {}


class Outbox:
    """An open state file. Close it, or use it in `with`.

    Args:
        path: of the file; it is created when it does not exist.
        max_pages: pages that the file may have, for tests of a full disk; 0: no limit.

    Raises:
        StateError: a newer version wrote the file, another process has locked it, or it is damaged.
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, *, max_pages: int = 0) -> None:
        self._file = StateFile(path, max_pages=max_pages)
        self._db = self._file.connection
        self._over_bound = False

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    # State between rounds

    def agent_state(self) -> AgentState:
        """The state after the last round."""
        with self._file.errors():
            row = self._db.execute("SELECT detector, vantage, measured FROM agent_state").fetchone()
        measured = msgspec.json.decode(row[2], type=dict[str, datetime])
        return AgentState(detector=row[0], vantage=row[1], measured=measured)

    def last_reports(self) -> dict[str, LastReport]:
        """Target -> what was last reported of it in this epoch."""
        with self._file.errors():
            rows = self._db.execute("SELECT target, time, facts FROM last_report").fetchall()
        return {target: LastReport(time, facts) for target, time, facts in rows}

    def commit(
        self,
        state: AgentState,
        drafts: Sequence[Batch],
        *,
        reports: Mapping[str, LastReport],
        now: datetime,
        watched: Collection[str] | None = None,
        max_bytes: int = 0,
        notes: Mapping[str, object] | None = None,
    ) -> None:
        """Write a round, whole or not at all.

        Args:
            state: for the next round.
            drafts: batches without agent, epoch and number, in order.
            reports: what the drafts report of targets.
            now: batches that were acknowledged more than a week before are deleted.
            watched: targets of the watchlist, so that others are forgotten; None forgets none.
            max_bytes: bound on all batches together; 0: no bound.
            notes: for `probe doctor`.

        Raises:
            StorageError: the disk is full or cannot be written; nothing has changed.
        """
        with self._file.errors(), self._file.transaction():
            epoch, seq = self._db.execute("SELECT epoch, next FROM agent_state").fetchone()
            agent = self._agent()
            for number, draft in enumerate(drafts, seq):
                self._insert(msgspec.structs.replace(draft, agent=agent, epoch=epoch, seq=number))
            measured = state.measured if watched is None else _remembered(state.measured, watched, now)
            self._db.execute(
                "UPDATE agent_state SET next = ?, detector = ?, vantage = ?, measured = ?",
                (seq + len(drafts), state.detector, state.vantage, msgspec.json.encode(measured).decode()),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO last_report (target, time, facts) VALUES (?, ?, ?)",
                [(target, report.time, report.facts) for target, report in reports.items()],
            )
            if watched is not None:
                self._forget_reports(watched)
            self._delete_acknowledged(now)
            if max_bytes:
                self._shrink(max_bytes, now)
            self._file.write_notes(notes or {})

    def _agent(self) -> str:
        return str(self._db.execute("SELECT agent FROM outbox").fetchone()[0])

    def _insert(self, batch: Batch, dropped: Dropped = Dropped.NOTHING) -> None:
        body = gzip.compress(batches.encode(batch), 6, mtime=0)
        self._db.execute(
            "INSERT INTO batch (seq, agent, body, dropped) VALUES (?, ?, ?, ?)",
            (batch.seq, batch.agent, body, dropped),
        )

    def _forget_reports(self, watched: Collection[str]) -> None:
        """Delete what was reported of targets that have left the watchlist: lists change for years."""
        reported = self._db.execute("SELECT target FROM last_report").fetchall()
        unwatched = [row for row in reported if row[0] not in watched]
        self._db.executemany("DELETE FROM last_report WHERE target = ?", unwatched)

    def _delete_acknowledged(self, now: datetime) -> None:
        """Delete batches acknowledged over a week ago, or over a week ahead by a clock that was set back since."""
        second = int(now.timestamp())
        self._db.execute(
            "DELETE FROM batch WHERE acked NOT BETWEEN ? AND ?",
            (second - ACKNOWLEDGED_RETENTION_SECONDS, second + ACKNOWLEDGED_RETENTION_SECONDS),
        )

    # The bound

    def _shrink(self, max_bytes: int, now: datetime) -> None:
        """Bring the outbox within its bound; see the module's docstring for the order."""
        while self._bytes() > max_bytes and self._delete_oldest_acknowledged():
            continue
        stripped = deleted = 0
        while self._bytes() > max_bytes and self._drop_evidence():
            stripped += 1
        if self._bytes() > max_bytes:
            while self._bytes() > max_bytes * REFILL_SHARE and self._drop_all_but_transitions():
                deleted += 1
        if deleted:  # their numbers are missing now
            self._renumber()
        over = bool(stripped or deleted)
        if over:
            self._note_drops(stripped, deleted, now)
        if over and not self._over_bound:
            log.warning(
                "outbox full (agent.outbox_bytes = %d): dropped the evidence of %d unsent batches, and %d batches"
                " without a transition, oldest first",
                *(max_bytes, stripped, deleted),
            )
        self._over_bound = over

    def _bytes(self) -> int:
        return int(self._db.execute("SELECT bytes FROM outbox").fetchone()[0])

    def _delete_oldest_acknowledged(self) -> bool:
        """Delete one batch; False when none is left."""
        row = self._db.execute("SELECT seq, acked FROM batch ORDER BY seq LIMIT 1").fetchone()
        if row is None or row[1] is None:
            return False
        self._db.execute("DELETE FROM batch WHERE seq = ?", (row[0],))
        return True

    def _drop_evidence(self) -> bool:
        """Drop the verdicts of the oldest unsent batch that still has them; False when none has."""
        batch = self._oldest(Dropped.NOTHING)
        if batch is None:
            return False
        changes = tuple(ReportedChange(transition=change.transition) for change in batch.changes)
        self._db.execute("DELETE FROM batch WHERE seq = ?", (batch.seq,))
        self._insert(msgspec.structs.replace(batch, changes=changes, control=()), Dropped.EVIDENCE)
        return True

    def _drop_all_but_transitions(self) -> bool:
        """Do so with the oldest unsent batch that has more; delete it where it has none. False when none has more."""
        batch = self._oldest(Dropped.EVIDENCE)
        if batch is None:
            return False
        self._db.execute("DELETE FROM batch WHERE seq = ?", (batch.seq,))
        if batch.changes:
            self._insert(msgspec.structs.replace(batch, settled=(), rounds=()), Dropped.ALL_BUT_TRANSITIONS)
        return True

    def _oldest(self, dropped: Dropped) -> Batch | None:
        row = self._db.execute(
            "SELECT body FROM batch WHERE acked IS NULL AND dropped = ? ORDER BY seq LIMIT 1", (dropped,)
        ).fetchone()
        return None if row is None else batches.decode(gzip.decompress(row[0]))

    def _note_drops(self, stripped: int, deleted: int, now: datetime) -> None:
        """Add to the note that `probe doctor` shows until everything has been delivered."""
        note = self._file.notes().get("dropped")
        before = note if isinstance(note, dict) else {}
        total = {
            "since": before.get("since", now),
            "evidence": before.get("evidence", 0) + stripped,
            "batches": before.get("batches", 0) + deleted,
        }
        self._file.write_notes({"dropped": total})

    # Sending

    def unsent_count(self) -> int:
        """How many batches are not acknowledged."""
        with self._file.errors():
            return int(self._db.execute("SELECT count(*) FROM batch WHERE acked IS NULL").fetchone()[0])

    def total_bytes(self) -> int:
        """The size of all batches, unsent and acknowledged."""
        with self._file.errors():
            return self._bytes()

    def next_unsent(self) -> UnsentBatch | None:
        """The oldest batch that is not acknowledged; None when there is none."""
        with self._file.errors():
            row = self._db.execute("SELECT seq, body FROM batch WHERE acked IS NULL ORDER BY seq LIMIT 1").fetchone()
        return None if row is None else UnsentBatch(*row)

    def acknowledge(self, seq: int, now: datetime) -> None:
        """Mark every batch up to this number as stored by the collector."""
        with self._file.errors(), self._file.transaction():
            self._db.execute("UPDATE batch SET acked = ? WHERE acked IS NULL AND seq <= ?", (int(now.timestamp()), seq))

    def rewind(self, expected: int, now: datetime) -> bool:
        """Make this number the next to be sent.

        Returns:
            False when the batches from there on are not all here: only a new epoch helps.
        """
        with self._file.errors(), self._file.transaction():
            held = self._db.execute("SELECT count(*) FROM batch WHERE seq >= ?", (expected,)).fetchone()[0]
            following = self._db.execute("SELECT next FROM agent_state").fetchone()[0]
            if not 1 <= expected <= following or held != following - expected:
                return False
            self._db.execute("UPDATE batch SET acked = NULL WHERE seq >= ?", (expected,))
            self._db.execute(
                "UPDATE batch SET acked = ? WHERE seq < ? AND acked IS NULL", (int(now.timestamp()), expected)
            )
        return True

    def start_new_epoch(self) -> None:
        """Number the unsent batches from 1 under a new epoch; all settled statuses will be reported again."""
        with self._file.errors(), self._file.transaction():
            self._renumber()

    def _renumber(self) -> None:
        epoch, count = token_hex(8), 0
        self._db.execute("DELETE FROM batch WHERE acked IS NOT NULL")
        self._db.execute("DELETE FROM last_report")
        for count, (batch, dropped) in enumerate(self._unsent(), 1):
            # No number is taken: the new one is at most the old one, and smaller old ones have been deleted.
            self._db.execute("DELETE FROM batch WHERE seq = ?", (batch.seq,))
            self._insert(msgspec.structs.replace(batch, epoch=epoch, seq=count), dropped)
        self._db.execute("UPDATE agent_state SET epoch = ?, next = ?", (epoch, count + 1))

    def _unsent(self) -> Iterator[tuple[Batch, Dropped]]:
        """The unsent batches in order, read one at a time; the caller may replace each."""
        numbers = self._db.execute("SELECT seq FROM batch WHERE acked IS NULL ORDER BY seq").fetchall()
        for row in numbers:
            body, dropped = self._db.execute("SELECT body, dropped FROM batch WHERE seq = ?", row).fetchone()
            yield batches.decode(gzip.decompress(body)), Dropped(dropped)

    def drop_content(self, seq: int) -> None:
        """Keep the number and the round report of a batch, and drop the rest: the collector will never take it."""
        with self._file.errors(), self._file.transaction():
            (body,) = self._db.execute("SELECT body FROM batch WHERE seq = ?", (seq,)).fetchone()
            batch = batches.decode(gzip.decompress(body))
            bare = msgspec.structs.replace(batch, settled=(), changes=(), services={}, control=())
            self._db.execute("DELETE FROM batch WHERE seq = ?", (seq,))
            self._insert(bare, Dropped.EVIDENCE)

    def assign_agent(self, agent: str) -> None:
        """Make all batches from now on, and those not yet sent, under the id given at enrolment.

        Batches made before any enrolment keep their numbers. Batches made under another id belong to a history that the
        new id does not continue: a new epoch begins.
        """
        with self._file.errors(), self._file.transaction():
            if self._agent() == agent:
                return
            others = self._db.execute("SELECT 1 FROM batch WHERE agent NOT IN ('', ?) LIMIT 1", (agent,)).fetchone()
            if others is not None:
                self._renumber()
            for batch, dropped in self._unsent():
                if batch.agent != agent:
                    self._db.execute("DELETE FROM batch WHERE seq = ?", (batch.seq,))
                    self._insert(msgspec.structs.replace(batch, agent=agent), dropped)
            self._db.execute("UPDATE outbox SET agent = ?", (agent,))

    # Notes for people

    def write_notes(self, **values: object) -> None:
        """Replace notes that `probe doctor` shows."""
        with self._file.errors(), self._file.transaction():
            self._file.write_notes(values)

    def notes(self) -> dict[str, object]:
        """All notes: name -> value."""
        return self._file.notes()


def _remembered(measured: Mapping[str, datetime], watched: Collection[str], now: datetime) -> dict[str, datetime]:
    """The ranges that are watched, and those measured so lately that an hour may not have passed yet."""
    return {
        text: end for text, end in measured.items() if text in watched or abs(now - end) < UNWATCHED_RANGE_RETENTION
    }


def read_notes(path: Path) -> dict[str, object]:
    """The notes in a state file that another process may be using.

    Beside the notes: `unsent`, a number of batches, and `bytes`, the size of all batches.

    Raises:
        StateError: there is no state, or it cannot be read.
    """
    if not path.is_file():
        raise StateError("no state yet", where=str(path), mend="start `probe run`")
    with closing(Outbox(path)) as outbox:
        return outbox.notes() | {"unsent": outbox.unsent_count(), "bytes": outbox.total_bytes()}
