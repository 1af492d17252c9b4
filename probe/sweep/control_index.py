"""The control of a sweep: a file of verdicts that is as long as the list, read where it is needed.

A control of a million targets takes gigabytes as records. Here memory holds where the verdicts on each target stand in
the file, 4 bytes a target and 12 a line. It says the same as `probe.agent.control_facts.read_control_file`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

from probe.errors import RecordError
from probe.formats.jsonlines import KeptLine, lines_of, read_or_keep, read_verdict, without_mark
from probe.judge.control import canonical_text, facts
from probe.model.verdict import ControlFacts, Status, Verdict
from probe.sweep.target_names import TargetNames


class ControlIndex(Mapping[str, ControlFacts]):
    """Target -> the control's facts about it, for the targets of a list; use it in `with`.

    Args:
        path: of the control's verdicts.
        names: of the list.
        report: told of each verdict with words of a newer version, which is left out.

    Raises:
        RecordError: the file cannot be read, has no verdict, or a line of it is not one.
    """

    def __init__(self, path: Path, names: TargetNames, report: Callable[[str], None]) -> None:
        self._names = names
        self._report = report
        self._offsets = array("Q")
        self._earlier = array("I")
        """By line: the line before it about the same target, plus one; 0 where there is none."""
        self._latest = array("I", bytes(4 * len(names)))
        """By number: the last line about the target, plus one."""
        self._count = self._offset = 0
        try:
            self._file = path.open("rb")
            try:
                self._read(str(path))
            except BaseException:
                self._file.close()
                raise
        except OSError as error:
            mend = "give the control's file"
            raise RecordError(f"cannot be read: {error.strerror}", where=str(path), mend=mend) from error

    def __enter__(self) -> ControlIndex:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __getitem__(self, text: str) -> ControlFacts:
        number = self._names.number_of(text)
        line = self._latest[number] if number is not None else 0
        offsets: list[int] = []
        while line:
            offsets.append(self._offsets[line - 1])
            line = self._earlier[line - 1]
        return facts(map(self._verdict_at, reversed(offsets)))[text]

    def __iter__(self) -> Iterator[str]:
        return (self._names[number] for number, line in enumerate(self._latest) if line)

    def __len__(self) -> int:
        return self._count

    def _read(self, where: str) -> None:
        is_empty = True
        for known in read_or_keep(self._lines(where), where):
            if isinstance(known, KeptLine):
                self._report(f"{known.where}: left out of the control: {known.what}")
            else:
                is_empty = False
                self._index(known, self._offset)
        if is_empty:
            raise RecordError("has no verdict", where=where, mend="give lines of `probe check --json`")
        self._count = sum(map(bool, self._latest))

    def _lines(self, where: str) -> Iterator[bytes]:
        """The lines of the file; while one is handled, its offset is known."""
        end = 0
        for line in lines_of(self._file, where):
            self._offset, end = end, self._file.tell()
            yield line

    def _index(self, verdict: Verdict, offset: int) -> None:
        if verdict.status is Status.UNKNOWN:
            return
        for text in {verdict.target, canonical_text(verdict.target)}:
            number = self._names.number_of(text)
            if number is not None:
                self._offsets.append(offset)
                self._earlier.append(self._latest[number])
                self._latest[number] = len(self._offsets)

    def _verdict_at(self, offset: int) -> Verdict:
        self._file.seek(offset)
        return read_verdict(without_mark(self._file.readline(), ""))
