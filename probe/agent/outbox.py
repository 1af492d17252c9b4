"""The agent's state and its outbox of batches, kept in one file and written in one transaction a round.

The detector's state after a round and the batches that report the round are written together or not at all. A crash
before the transaction repeats the round; a crash after it loses nothing.

Batches are numbered 1, 2, .. without gaps within an epoch, a random name for one history of this outbox. Acknowledged
batches are kept for a week, so that a collector that lost its last hours can have them again (`rewind`). When the two
histories no longer fit together, a new epoch begins (`start_new_epoch`).

The outbox is bounded (`[agent] outbox_bytes`); `probe.agent.outbox_bound` says what is dropped when it is full.
"""

from __future__ import annotations

import gzip
import logging
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import TracebackType

import msgspec

from probe.agent.batch_table import BatchTable, Dropped
from probe.agent.copy_table import CopyTable
from probe.agent.outbox_bound import Drops, shrink
from probe.agent.state_file import StateFile
from probe.agent.verdict_history import RoundHistory, VerdictHistory
from probe.errors import StateError
from probe.formats.batch import Batch

log = logging.getLogger(__name__)

ACKNOWLEDGED_RETENTION_SECONDS = 7 * 86400
"""How long acknowledged batches are kept for a rewind."""
UNWATCHED_RANGE_RETENTION = timedelta(days=1)
"""How long the last measurement of a range that is no longer watched is remembered; an hour must pass between two."""


class UnsentBatch(msgspec.Struct, frozen=True):
    """A batch to send: its sequence number and the gzip of its JSON."""

    seq: int
    compressed: bytes

    @property
    def body(self) -> bytes:
        """The JSON that is signed."""
        return gzip.decompress(self.compressed)

    @property
    def encoded(self) -> str:
        """What is sent, in base64."""
        return b64encode(self.compressed).decode("ascii")


class OutboxEntry(msgspec.Struct, frozen=True):
    """A batch in the outbox, as `probe outbox list` shows it.

    Attributes:
        batch: without what was dropped.
        bytes: on disk.
        acknowledged: whether the collector has it.
    """

    batch: Batch
    bytes: int
    acknowledged: bool


class LastReport(msgspec.Struct, frozen=True):
    """What was last reported of a target in this epoch, and when (Unix seconds)."""

    time: int
    facts: str


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the agent between two rounds.

    Attributes:
        detector: the detector's dump; None before the first round.
        vantage: state of the vantage as last reported.
        measured: range -> end of its last measurement.
        looks: the dump of the look book; None before the first round.
    """

    detector: bytes | None = None
    vantage: str = ""
    measured: dict[str, datetime] = {}
    looks: bytes | None = None


class Outbox:
    """An open state file. Close it, or use it in `with`.

    Args:
        path: of the file; it is created when it does not exist.
        max_pages: pages that the file may have, for tests of a full disk; 0: no limit.

    Attributes:
        history: of verdicts; read it inside `errors()` alone.

    Raises:
        StateError: a newer version wrote the file, another process has locked it, or it is damaged.
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, *, max_pages: int = 0) -> None:
        self._file = StateFile(path, max_pages=max_pages)
        self._db = self._file.connection
        self._batches = BatchTable(self._db)
        self.copies = CopyTable(self._db)
        self.history = VerdictHistory(self._db)
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
            row = self._db.execute("SELECT detector, vantage, measured, looks FROM agent_state").fetchone()
        measured = msgspec.json.decode(row[2], type=dict[str, datetime])
        return AgentState(detector=row[0], vantage=row[1], measured=measured, looks=row[3])

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
        history: RoundHistory | None = None,
        copies: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Write a round, whole or not at all.

        Args:
            state: for the next round.
            drafts: batches without agent, epoch and number, in order.
            reports: what the drafts report of targets.
            now: batches that were acknowledged more than a week before are deleted.
            watched: targets of the watchlist, so that others are forgotten; None forgets none.
            max_bytes: bound on all batches together; 0: no bound.
            notes: for `probe status`.
            history: what the round adds to the history of verdicts.
            copies: (origin, report) of further collectors.

        Raises:
            StorageError: the disk is full or cannot be written; nothing has changed.
        """
        with self._file.errors(), self._file.transaction():
            following = self._add_batches(drafts)
            measured = state.measured if watched is None else _remembered(state.measured, watched, now)
            self._write_state(msgspec.structs.replace(state, measured=measured), following)
            self._write_reports(reports, watched)
            self._delete_acknowledged(now)
            self._apply_bound(max_bytes, now)
            self._file.write_notes(notes or {})
            self.copies.add(copies)
            if history is not None:
                self.history.add(history, now)

    def _add_batches(self, drafts: Sequence[Batch]) -> int:
        """Add the batches; the sequence number of the next one."""
        epoch, seq = self._db.execute("SELECT epoch, next FROM agent_state").fetchone()
        agent = self._agent()
        for number, draft in enumerate(drafts, seq):
            self._batches.insert(msgspec.structs.replace(draft, agent=agent, epoch=epoch, seq=number))
        return int(seq) + len(drafts)

    def _write_state(self, state: AgentState, following: int) -> None:
        self._db.execute(
            "UPDATE agent_state SET next = ?, detector = ?, vantage = ?, measured = ?, looks = ?",
            (following, state.detector, state.vantage, msgspec.json.encode(state.measured).decode(), state.looks),
        )

    def _agent(self) -> str:
        return str(self._db.execute("SELECT agent FROM outbox").fetchone()[0])

    def _write_reports(self, reports: Mapping[str, LastReport], watched: Collection[str] | None) -> None:
        """Write these reports; delete those of targets that have left the watchlist, since lists change for years."""
        self._db.executemany(
            "INSERT OR REPLACE INTO last_report (target, time, facts) VALUES (?, ?, ?)",
            [(target, report.time, report.facts) for target, report in reports.items()],
        )
        if watched is not None:
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

    def _apply_bound(self, max_bytes: int, now: datetime) -> None:
        drops = shrink(self._batches, max_bytes) if max_bytes else Drops()
        if drops.batches:  # numbers are missing now
            self._renumber()
        over_bound = drops != Drops()
        if over_bound:
            self._note_drops(drops, now)
        if over_bound and not self._over_bound:
            log.warning(
                "outbox full (agent.outbox_bytes = %d): dropped the evidence of %d unsent batches, and %d batches"
                " without a transition, oldest first",
                *(max_bytes, drops.evidence, drops.batches),
            )
        self._over_bound = over_bound

    def _note_drops(self, drops: Drops, now: datetime) -> None:
        """Add to the note that `probe status` shows until everything has been delivered."""
        note = self._file.notes().get("dropped")
        before = note if isinstance(note, dict) else {}
        total = {
            "since": before.get("since", now),
            "evidence": before.get("evidence", 0) + drops.evidence,
            "batches": before.get("batches", 0) + drops.batches,
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
            return self._batches.total_bytes()

    def next_unsent(self) -> UnsentBatch | None:
        """The oldest batch that is not acknowledged; None when there is none."""
        with self._file.errors():
            row = self._db.execute("SELECT seq, body FROM batch WHERE acked IS NULL ORDER BY seq LIMIT 1").fetchone()
        return None if row is None else UnsentBatch(*row)

    def entries(self) -> Iterator[OutboxEntry]:
        """Every batch, acknowledged or not, in order; read one at a time."""
        with self._file.errors():
            rows = self._db.execute("SELECT seq, length(body), acked IS NOT NULL FROM batch ORDER BY seq").fetchall()
            for seq, size, acknowledged in rows:
                yield OutboxEntry(self._batches.get(seq).batch, size, bool(acknowledged))

    def batch(self, seq: int) -> UnsentBatch:
        """The batch of this number, which must exist, as it is sent."""
        with self._file.errors():
            return UnsentBatch(*self._db.execute("SELECT seq, body FROM batch WHERE seq = ?", (seq,)).fetchone())

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
        for count, row in enumerate(self._batches.unsent(), 1):
            # No number is taken: the new one is at most the old one, and smaller old ones have been deleted.
            renumbered = msgspec.structs.replace(row.batch, epoch=epoch, seq=count)
            self._batches.replace(row.batch.seq, renumbered, row.dropped)
        self._db.execute("UPDATE agent_state SET epoch = ?, next = ?", (epoch, count + 1))

    def drop_content(self, seq: int) -> None:
        """Keep the number and the round report of a batch, and drop the rest: the collector will never take it."""
        with self._file.errors(), self._file.transaction():
            batch = self._batches.get(seq).batch
            bare = msgspec.structs.replace(batch, settled=(), changes=(), services={}, control=())
            self._batches.replace(seq, bare, Dropped.EVIDENCE)

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
            for row in self._batches.unsent():
                if row.batch.agent != agent:
                    renamed = msgspec.structs.replace(row.batch, agent=agent)
                    self._batches.replace(row.batch.seq, renamed, row.dropped)
            self._db.execute("UPDATE outbox SET agent = ?", (agent,))

    # Notes for people

    def write_notes(self, **values: object) -> None:
        """Replace notes that `probe status` shows."""
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
