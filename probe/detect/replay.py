"""Computes the transitions of a stored series of verdicts with the agent's own detector.

Only `time`, `target`, `status` and `causes` are required; `vantage` is used when present. Everything else in a line,
mainly the evidence, is skipped undecoded, which makes the replay fast. Memory grows with the targets, not with the
lines.

A verdict is dated by the start of its measurement and printed at its end, so the lines of one round stand in any order.
They are sorted; only the verdicts of the last half hour are held in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import attrgetter, eq
from typing import Final

import msgspec

from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.errors import RecordError
from probe.model.transition import Transition

MAX_DISORDER: Final = timedelta(minutes=15)
"""How much older than an earlier line a verdict may be: a measurement is cut short after 15 minutes."""

MAX_HELD_VERDICTS: Final = 200_000
"""Bound of the verdicts held in memory, about 50 MB. With more of them in `MAX_DISORDER`, less disorder is accepted."""


_UNKNOWN_WORD: Final = "Invalid enum value"
"""How msgspec begins its message about a word that an enumeration lacks."""
_time_of: Final = attrgetter("time")
_decode: Final = msgspec.json.Decoder(DetectorInput).decode


class BadVerdictLine(msgspec.Struct, frozen=True):
    """A line that is no verdict and was skipped.

    Attributes:
        line: line number, from 1.
        what: what is wrong with the line.
        is_newer: it has a word that a newer version may know, such as another status.
    """

    line: int
    what: str
    is_newer: bool = False


def replay(
    lines: Iterable[bytes], where: str = "-", detector: Detector | None = None
) -> Iterator[Transition | BadVerdictLine]:
    """Feed the lines of a file to a detector, in the order of their times.

    Args:
        lines: JSON Lines, out of order by at most `MAX_DISORDER`; blank lines are skipped.
        where: name of the file, for the error message.
        detector: a detector with state; None for a new one.

    Yields:
        Transitions, up to twice `MAX_DISORDER` after the lines that lead to them; bad lines in their place.

    Raises:
        RecordError: see `read_in_order`.
    """
    detector = detector if detector is not None else Detector()
    feed = detector.feed
    was_fed = False
    for verdicts in read_in_order(lines, where):
        if isinstance(verdicts, BadVerdictLine):
            yield verdicts
            continue
        was_fed = True
        for one in verdicts:
            found = feed(one)
            if found:
                yield from found
    if was_fed:
        yield from detector.finish()


def read_in_order(lines: Iterable[bytes], where: str = "-") -> Iterator[list[DetectorInput] | BadVerdictLine]:
    """Decode verdicts and sort them by time. Of verdicts of one target with the same time, the first counts.

    Args:
        lines: JSON Lines, out of order by at most `MAX_DISORDER`; blank lines are skipped.
        where: name of the file, for the error message.

    Yields:
        Lists of verdicts in the order of their times, none empty (a list a time costs less than a verdict a time); bad
        lines as they are read.

    Raises:
        RecordError: a line is older than verdicts that were yielded before; the message names the line.
    """
    held: list[DetectorInput] = []
    done_until = release_after = datetime.min.replace(tzinfo=UTC)
    for number, line in enumerate(lines, 1):
        try:
            one = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                yield BadVerdictLine(number, f"not a verdict: {error}", str(error).startswith(_UNKNOWN_WORD))
            continue
        time = one.time
        if not 1970 <= time.year < 9999:
            yield BadVerdictLine(number, f"not a verdict: the year {time.year} is not between 1970 and 9998")
            continue
        if time < done_until:
            raise _too_old(done_until, time, f"{where}:{number}")
        held.append(one)
        if time > release_after or len(held) > MAX_HELD_VERDICTS:
            held.sort(key=_time_of)
            done_until, release_after = _next_release(held)
            count = bisect_left(held, done_until, key=_time_of)
            if count:
                yield _without_repetitions(held[:count])
                del held[:count]
    if held:
        held.sort(key=_time_of)
        yield _without_repetitions(held)


def _next_release(held: Sequence[DetectorInput]) -> tuple[datetime, datetime]:
    """Return the time before which sorted verdicts are yielded now, and the time after which the next ones are."""
    newest = held[-1].time
    done_until = newest - MAX_DISORDER
    if len(held) > MAX_HELD_VERDICTS:
        done_until = max(done_until, held[len(held) // 2].time)
    return done_until, newest + MAX_DISORDER


def _without_repetitions(inputs: list[DetectorInput]) -> list[DetectorInput]:
    """Return of sorted verdicts the first of each target and time."""
    times = [*map(_time_of, inputs)]
    if not any(map(eq, times, islice(times, 1, None))):  # each at a moment of its own, as nearly always
        return inputs
    first: list[DetectorInput] = []
    time = None
    targets: set[str] = set()
    for one in inputs:
        if one.time != time:
            time = one.time
            targets = {one.target}
        elif one.target in targets:
            continue
        else:
            targets.add(one.target)
        first.append(one)
    return first


def _too_old(done_until: datetime, time: datetime, where: str) -> RecordError:
    text = f"time goes back to {_rfc3339(time)}, and the verdicts before {_rfc3339(done_until)} are already processed"
    return RecordError(text, where=where, mend="sort the verdicts by time")


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
