"""Computes the transitions of a stored series of verdicts with the agent's own detector.

Only `time`, `target`, `status` and `causes` are required; `vantage` is used when present. Everything else in a line,
mainly the evidence, is skipped undecoded, which makes the replay fast. Memory grows with the targets, not with the
lines.
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
    """A line that is no verdict and was skipped.

    Attributes:
        line: line number, from 1.
        what: what is wrong with the line.
    """

    line: int
    what: str


def replay(
    lines: Iterable[bytes], where: str = "-", detector: Detector | None = None
) -> Iterator[Transition | BadVerdictLine]:
    """Feed the lines of a file to a detector.

    Args:
        lines: JSON Lines in order of time; blank lines are skipped.
        where: name of the file, for the error message.
        detector: a detector with state; None for a new one.

    Yields:
        Transitions as soon as the detector reports them, bad lines in their place.

    Raises:
        RecordError: a line is older than an earlier one; the message names the line.
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
            yield BadVerdictLine(number, f"not a verdict: the year {time.year} is not between 1970 and 9998")
            continue
        if newest is not None and time < newest:
            raise _out_of_order(newest, time, f"{where}:{number}")
        newest = time
        found = feed(verdict_input)
        if found:
            yield from found
    if newest is not None:
        yield from detector.finish()


def _out_of_order(newest: datetime, time: datetime, where: str) -> RecordError:
    text = f"time goes back from {_rfc3339(newest)} to {_rfc3339(time)}"
    return RecordError(text, where=where, mend="sort the verdicts by time")


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
