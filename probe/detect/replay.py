"""Transitions of a stored series: the same detector the agent runs, fed line by line.

Only `time`, `target`, `status` and `causes` need be there; `vantage` is read when it is. Everything else in a line,
the evidence above all, is skipped unread, which is most of the speed. Memory grows with the targets, not the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.errors import RecordError
from probe.model.transition import Transition


class BadVerdictLine(msgspec.Struct, frozen=True):
    """A line that is no verdict, and was skipped.

    Attributes:
        line: its number, from 1.
        what: what is wrong with it.
    """

    line: int
    what: str


def replay(
    lines: Iterable[bytes], where: str = "-", detector: Detector | None = None
) -> Iterator[Transition | BadVerdictLine]:
    """Feed a file of verdicts to a detector.

    Args:
        lines: JSON Lines in order of time; blank lines are left out.
        where: name of the file, for the error.
        detector: one that has state already; a new one when None.

    Yields:
        Transitions as soon as the lines show them to be sure, bad lines as they are met.

    Raises:
        RecordError: a line is older than one before it; the text says where.
    """
    detector = detector if detector is not None else Detector()
    feed = detector.feed
    decode = msgspec.json.Decoder(DetectorInput).decode
    newest: datetime | None = None
    for number, line in enumerate(lines, 1):
        try:
            verdict_input = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                yield BadVerdictLine(number, f"not a verdict: {error}")
            continue
        time = verdict_input.time
        if not 1970 <= time.year < 9999:
            yield BadVerdictLine(number, f"not a verdict: the year {time.year} is out of all reason")
            continue
        if newest is not None and time < newest:
            raise RecordError(
                f"time goes back from {_rfc3339(newest)} to {_rfc3339(time)}",
                where=f"{where}:{number}",
                mend="sort the verdicts by time",
            )
        newest = time
        found = feed(verdict_input)
        if found:
            yield from found
    if newest is not None:
        yield from detector.finish()


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
