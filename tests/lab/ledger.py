"""Compare the spans in a collector's database with the true changes of the demo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_SPANS = """
SELECT agent.sponsor, target.text, target.service, span.start, span.known, span.status, span.causes
FROM span JOIN agent ON agent.no = span.agent JOIN target ON target.no = span.target ORDER BY span.known, span.start
"""


@dataclass(frozen=True)
class RecordedSpan:
    """A span in the collector's database: from `onset` on, the vantage reports `status` for the target."""

    vantage: str
    target: str
    service: str
    onset: datetime
    known: datetime
    status: str
    causes: str


@dataclass(frozen=True)
class Truth:
    """A change that really happened for one vantage and target."""

    moment: datetime
    status: str
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """A reported transition beside the true change; `truth` is None for one that never happened."""

    span: RecordedSpan
    before: str
    truth: Truth | None
    interval: float

    @property
    def delay(self) -> float:
        """Rounds from the change to its detection."""
        assert self.truth is not None
        return (self.span.known - self.truth.moment).total_seconds() / self.interval

    @property
    def onset_error(self) -> float:
        """Rounds by which the reported onset lies after the change (before, when negative)."""
        assert self.truth is not None
        return (self.span.onset - self.truth.moment).total_seconds() / self.interval

    def line(self) -> str:
        """The comparison as a line for the terminal."""
        one = self.span
        causes = f" ({one.causes})" if one.causes else ""
        said = f"{one.known:%d %H:%M:%S}  {one.vantage}  {one.target:<36} {self.before} -> {one.status}{causes}"
        if self.truth is None:
            return f"{said}  NEVER HAPPENED"
        return (
            f"{said}  true since {self.truth.moment:%H:%M:%S}: {self.delay:+.1f} rounds, onset {self.onset_error:+.1f}"
        )


class Ledger:
    """Reads a collector's database and compares each new transition with the truth.

    Args:
        database: the collector's SQLite file.
        interval: seconds of a round.
    """

    def __init__(self, database: Path, interval: float) -> None:
        self._database, self._interval = database, interval
        self._seen: dict[tuple[str, str, datetime], RecordedSpan] = {}
        self._last: dict[tuple[str, str], str] = {}
        self.scores: list[Score] = []
        self.truth: dict[tuple[str, str], list[Truth]] = {}

    def settled(self) -> int:
        """The number of (vantage, target) pairs with a status."""
        return len(self._last)

    def standing(self, vantage: str, target: str) -> str:
        """The newest status of a pair; empty where there is none."""
        return self._last.get((vantage, target), "")

    def news(self) -> Iterator[Score]:
        """Transitions that the collector has got since the last call."""
        for one in self.spans():
            key, pair = (one.vantage, one.target, one.onset), (one.vantage, one.target)
            if key in self._seen:
                continue
            self._seen[key] = one
            before = self._last.get(pair, "")
            self._last[pair] = one.status
            if before in ("", one.status):
                continue  # the first status, or a block that goes on by other means
            score = Score(one, before, self._truth_of(one), self._interval)
            self.scores.append(score)
            yield score

    def spans(self) -> list[RecordedSpan]:
        """Every span in the database, in the order the collector got them."""
        with sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10) as reading:
            rows = reading.execute(_SPANS).fetchall()
        reading.close()
        return [RecordedSpan(*row[:3], _moment(row[3]), _moment(row[4]), row[5], row[6]) for row in rows]

    def _truth_of(self, one: RecordedSpan) -> Truth | None:
        """The latest real change to this status that is not later than the report."""
        changes: Mapping[tuple[str, str], list[Truth]] = self.truth
        fitting = [t for t in changes.get((one.vantage, one.target), ()) if t.status == one.status]
        return next((t for t in reversed(fitting) if t.moment <= one.known), None)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
