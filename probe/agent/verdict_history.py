"""The local history of verdicts in the state file: what `probe explain` and `probe status` read.

It keeps for each target the changes of what single measurements said (`measured`), the changes of its settled status
(`settled`), and the verdict of the last full look with its evidence. A round that changes nothing adds nothing but the
evidence of its full looks. Everything is bounded: rows by age and number, evidence by size.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from probe.model.verdict import Cause, Status, Verdict

MAX_ROWS = 50_000
"""Changes of all targets together; the oldest are deleted."""
MAX_TARGET_ROWS = 300
"""Changes of one kind of one target: a target that fails in every second round has thousands a month."""
MAX_EVIDENCE_BYTES = 8 * 1024 * 1024
"""Compressed verdicts of all targets together; the oldest are deleted."""
MAX_VERDICT_BYTES = 64 * 1024
"""Compressed bytes of one verdict; a larger one is not kept."""


class HistoryKind(StrEnum):
    """What changed."""

    MEASURED = "measured"
    """The outcome of single measurements."""
    SETTLED = "settled"
    """The status that the detector is sure of."""


class HistoryChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change in the history.

    Attributes:
        target: its text, `vantage`, or `service:` and a name.
        time: of the measurement, or when the detector became sure.
        status: from then on; a state of the vantage where the target is `vantage`.
        causes: what was seen; empty when reachable.
        onset: when a settled status began; `time` for a measured one.
        before_watch: the settled status stood before the target was first measured.
    """

    target: str
    kind: HistoryKind
    time: datetime
    status: str
    causes: tuple[str, ...] = ()
    onset: datetime
    before_watch: bool = False


class RoundHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What one round adds.

    Attributes:
        verdicts: the newest verdict of each target.
        full: verdicts of full looks; of a target the last one counts.
        settled: changes of settled statuses.
        watched: targets of the watchlist. What is older than `max_age` of others is deleted.
        max_age: of a change; zero: nothing is kept, and what was kept is deleted.
    """

    verdicts: Collection[Verdict]
    full: Collection[Verdict]
    settled: Collection[HistoryChange]
    watched: Collection[str]
    max_age: timedelta


class VerdictHistory:
    """Reads and writes the history inside the caller's transaction.

    Args:
        connection: to the state file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def add(self, found: RoundHistory, now: datetime) -> None:
        """Add a round, and delete what is beyond the bounds."""
        if not found.max_age:
            self._db.execute("DELETE FROM status_change")
            self._db.execute("DELETE FROM last_evidence")
            return
        changed = {one.target for one in found.settled}
        for change in found.settled:
            self._insert(change)
        for verdict in found.verdicts:
            if verdict.status is not Status.UNKNOWN and self._differs(verdict):
                self._insert(_measured(verdict))
                changed.add(verdict.target)
        for verdict in found.full:
            self._keep_evidence(verdict)
        self._delete_old(_ms(now - found.max_age), found.watched)
        self._bound(changed)

    def changes(self, target: str = "") -> list[HistoryChange]:
        """The changes of one target, or of all when it is empty, the newest first."""
        rows = self._db.execute(
            "SELECT target, kind, time, status, causes, onset, before_watch FROM status_change"
            " WHERE ? IN ('', target) ORDER BY time DESC, target, kind",
            (target,),
        ).fetchall()
        return [_change(row) for row in rows]

    def last_evidence(self, target: str) -> bytes | None:
        """The verdict of a target's last full look as JSON; None when none is kept."""
        row = self._db.execute("SELECT body FROM last_evidence WHERE target = ?", (target,)).fetchone()
        return None if row is None else zlib.decompress(row[0])

    def _differs(self, verdict: Verdict) -> bool:
        last = self._db.execute(
            "SELECT status, causes FROM status_change WHERE target = ? AND kind = ? AND time <= ?"
            " ORDER BY time DESC LIMIT 1",  # later ones were written before the clock was set back
            (verdict.target, HistoryKind.MEASURED, _ms(verdict.time)),
        ).fetchone()
        return bool(last != (verdict.status, " ".join(verdict.causes)))

    def _insert(self, change: HistoryChange) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO status_change (target, kind, time, status, causes, onset, before_watch)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(change.target, change.kind, _ms(change.time), change.status, " ".join(change.causes)),
                *(_ms(change.onset), int(change.before_watch)),
            ),
        )

    def _keep_evidence(self, verdict: Verdict) -> None:
        body = zlib.compress(msgspec.json.encode(verdict), 6)
        if len(body) <= MAX_VERDICT_BYTES:
            self._db.execute(
                "INSERT OR REPLACE INTO last_evidence (target, time, size, body) VALUES (?, ?, ?, ?)",
                (verdict.target, _ms(verdict.time), len(body), body),
            )

    def _delete_old(self, earliest: int, watched: Collection[str]) -> None:
        """Delete what is too old; the newest change of a watched target is still true, and stays."""
        self._db.execute(
            "DELETE FROM status_change WHERE time < ? AND EXISTS (SELECT 1 FROM status_change AS later"
            " WHERE later.target = status_change.target AND later.kind = status_change.kind"
            " AND later.time > status_change.time)",
            (earliest,),
        )
        for table in ("status_change", "last_evidence"):
            old = self._db.execute(f"SELECT DISTINCT target FROM {table} WHERE time < ?", (earliest,))  # noqa: S608
            gone = [row for row in old.fetchall() if row[0] not in watched]
            self._db.executemany(f"DELETE FROM {table} WHERE target = ?", gone)  # noqa: S608

    def _bound(self, changed: Iterable[str]) -> None:
        """Delete the oldest changes of targets that have too many, and the oldest of all and the oldest evidence."""
        for target in changed:
            for kind in HistoryKind:
                self._db.execute(
                    "DELETE FROM status_change WHERE target = ? AND kind = ? AND time < (SELECT time FROM status_change"
                    " WHERE target = ? AND kind = ? ORDER BY time DESC LIMIT 1 OFFSET ?)",
                    (target, kind, target, kind, MAX_TARGET_ROWS - 1),
                )
        count = self._db.execute("SELECT count(*) FROM status_change").fetchone()[0]
        if count > MAX_ROWS:
            self._db.execute(
                "DELETE FROM status_change WHERE (target, kind, time) IN"
                " (SELECT target, kind, time FROM status_change ORDER BY time LIMIT ?)",
                (count - MAX_ROWS,),
            )
        while self._db.execute("SELECT sum(size) > ? FROM last_evidence", (MAX_EVIDENCE_BYTES,)).fetchone()[0]:
            self._db.execute(
                "DELETE FROM last_evidence WHERE target = (SELECT target FROM last_evidence ORDER BY time LIMIT 1)"
            )


def _measured(verdict: Verdict) -> HistoryChange:
    return HistoryChange(
        target=verdict.target,
        kind=HistoryKind.MEASURED,
        time=verdict.time,
        status=verdict.status,
        causes=verdict.causes,
        onset=verdict.time,
    )


def _change(row: tuple[str, str, int, str, str, int, int]) -> HistoryChange:
    target, kind, time, status, causes, onset, before_watch = row
    return HistoryChange(
        target=target,
        kind=HistoryKind(kind),
        time=_moment(time),
        status=status,
        causes=tuple(Cause(cause) for cause in causes.split()),
        onset=_moment(onset),
        before_watch=bool(before_watch),
    )


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)
