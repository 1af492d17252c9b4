"""Count what was read, judged and set aside, and how our verdicts agree with OONI's own conclusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from probe.formats.ooni.measurement_header import SetAside
from probe.model.verdict import Status, Verdict

MAX_NAMED_ROWS = 20
"""Rows of each reason that are named; the others are counted."""
NO_CONCLUSION = "(none)"


class ReadSummary:
    """What came of the measurements.

    Attributes:
        read: rows, blank ones left out.
        verdicts: that were judged.
        odd: measurements of which a part could not be read.
    """

    def __init__(self) -> None:
        self.read = 0
        self.verdicts = 0
        self.odd = 0
        self._reasons: Counter[str] = Counter()
        self._table: Counter[tuple[str, Status]] = Counter()

    @property
    def set_aside(self) -> int:
        """How many rows were set aside."""
        return sum(self._reasons.values())

    def count_of(self, reason: str) -> int:
        """How many rows were set aside for a reason."""
        return self._reasons[reason]

    def add_fault(self, fault: SetAside) -> bool:
        """Count a row that was set aside; return whether it is to be named."""
        self._reasons[fault.reason] += 1
        return self._reasons[fault.reason] <= MAX_NAMED_ROWS

    def add_verdict(self, verdict: Verdict, conclusion: str) -> None:
        """Count a verdict and OONI's own conclusion about the same measurement."""
        self.verdicts += 1
        self._table[conclusion or NO_CONCLUSION, verdict.status] += 1

    def add_odd(self) -> bool:
        """Count a measurement of which a part could not be read; return whether it is to be named."""
        self.odd += 1
        return self.odd <= MAX_NAMED_ROWS

    def lines(self) -> Iterator[str]:
        """The summary as lines of text."""
        yield f"{self.read} measurements read, {self.verdicts} verdicts, {self.set_aside} set aside"
        for reason, count in self._reasons.most_common():
            yield f"  {count:7} {reason}"
        if self.odd:
            yield f"  {self.odd:7} read in part, or with another time than the client's"
        if self._table:
            yield from self._agreement()

    def _agreement(self) -> Iterator[str]:
        """The table: OONI's conclusions in rows, our statuses in columns."""
        statuses = [status for status in Status if any(one is status for _, one in self._table)]
        yield "OONI's conclusion".ljust(20) + "".join(f"{status:>13}" for status in statuses)
        for conclusion in sorted({one for one, _ in self._table}):
            yield conclusion[:19].ljust(20) + "".join(f"{self._table[conclusion, one]:13}" for one in statuses)
