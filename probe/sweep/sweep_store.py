"""What a sweep has done, on disk: its verdicts in the output, and in the journal which targets they are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from probe.model.verdict import Status
from probe.sweep.journal import OUTPUT_OPENED, PASS_BEGUN, PASS_COMPLETE, Journal, JournalRecord
from probe.sweep.target_names import DIGEST_BYTES, TargetNames
from probe.sweep.target_states import TargetStates, code_of, status_of
from probe.sweep.verdict_output import VerdictOutput

MAX_RECORDS_A_TARGET = 3
"""Records that a journal has for each target before it is written anew."""
MAX_SPARE_RECORDS = 1000
"""Records that it has beside these."""


class _LineHead(msgspec.Struct):
    """What the output is read back for."""

    time: datetime
    target: str
    status: Status


_heads = msgspec.json.Decoder(_LineHead)


class SweepStore:
    """The states of all targets, restored from the last run and kept for the next.

    Args:
        names: of the targets, all of them; their key is the journal's.
        output: gets the verdicts.
        journal: None where the sweep cannot be resumed.

    Attributes:
        states: of the targets.
        is_complete: whether every target had its verdict when the last pass ended, or there was no pass.
        resumed: targets whose verdicts of the present pass an earlier run made.
    """

    def __init__(self, names: TargetNames, output: VerdictOutput, journal: Journal | None) -> None:
        self._names = names
        self._output = output
        self._journal = journal
        self._records: list[JournalRecord] = []
        self.states = TargetStates(len(names))
        self.is_complete = True
        if journal is not None:
            self._restore(journal)
        self.resumed = 0 if self.is_complete else self.states.measured

    @property
    def is_kept(self) -> bool:
        """Whether a later run can go on where this one stops."""
        return self._journal is not None

    def begin_pass(self, second: int) -> None:
        """Begin a pass over all targets. The journal knows it before the first verdict of it."""
        self.is_complete = False
        self.states.begin_pass()
        self.save([*self.unsaved(), self._mark(PASS_BEGUN, second)])

    def end_pass(self, second: int) -> None:
        """Note that every target has its verdict of this pass."""
        self.is_complete = True
        self.save([*self.unsaved(), self._mark(PASS_COMPLETE, second)])

    def take(self, number: int, status: Status, second: int, line: bytes) -> None:
        """Write the verdict on a target to the output."""
        self._output.write(line)
        self.states.set(number, status, second)
        self._records.append(self._record(number, status, second, self._output.size))

    def unsaved(self) -> list[JournalRecord]:
        """Return the records that are not in the journal, for `save`."""
        records, self._records = self._records, []
        return records

    def save(self, records: list[JournalRecord]) -> None:
        """Write the output and then these records to the disk; another thread may call `take` meanwhile."""
        self._output.sync()
        if self._journal is not None and records:
            self._journal.write(records)

    def _restore(self, journal: Journal) -> None:
        count = end = 0
        output: bytes | None = None
        for record in journal.read():
            count += 1
            end = record.end
            if record.kind == PASS_BEGUN:
                self.is_complete = False
                self.states.begin_pass()
            elif record.kind == PASS_COMPLETE:
                self.is_complete = True
            elif record.kind == OUTPUT_OPENED:
                output = record.digest
            elif status := status_of(record.kind):
                self._restore_target(self._names.number_by_digest(record.digest), status, record.second)
        if output == self._output.digest and self._output.ends_line(end):
            self._records += self._read_back(end)
        else:
            self._output.end_line()
            self._records.append(self._mark(OUTPUT_OPENED, 0, self._output.digest))
        if count > MAX_RECORDS_A_TARGET * len(self._names) + MAX_SPARE_RECORDS:
            self._records.clear()
            journal.replace(self._all_records())
        self.save(self.unsaved())

    def _restore_target(self, number: int | None, status: Status, second: int) -> None:
        """Set the state of a target; one that is not in the list any more is left out."""
        if number is not None:
            self.states.set(number, status, second)

    def _read_back(self, start: int) -> Iterator[JournalRecord]:
        """Restore the verdicts of the output that are not in the journal; their records."""
        for line, end in self._output.read_back(start):
            try:
                head = _heads.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # somebody else's line
            number, second = self._names.number_of(head.target), int(head.time.timestamp())
            self._restore_target(number, head.status, second)
            if number is not None:
                yield self._record(number, head.status, second, end)

    def _all_records(self) -> Iterator[JournalRecord]:
        """The fewest records from which the same is restored."""
        yield self._mark(OUTPUT_OPENED, 0, self._output.digest)
        for is_measured in (False, True):
            if is_measured:
                yield self._mark(PASS_BEGUN, 0)
            for number in range(len(self.states)):
                status = self.states.status(number)
                if status is not None and self.states.is_measured(number) is is_measured:
                    yield self._record(number, status, self.states.time(number), self._output.size)
        if self.is_complete:
            yield self._mark(PASS_COMPLETE, 0)

    def _record(self, number: int, status: Status, second: int, end: int) -> JournalRecord:
        return JournalRecord(self._names.digest(number), second, code_of(status), end)

    def _mark(self, kind: int, second: int, digest: bytes = bytes(DIGEST_BYTES)) -> JournalRecord:
        return JournalRecord(digest, second, kind, self._output.size)
