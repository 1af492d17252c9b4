"""The times of the last batches, from which a wall clock that was set back is recognised.

Times of verdicts come from the wall clock of the host. Three things make them jump: the host slept (a gap, and nothing
to correct); the clock was set ahead (looks the same); it was set back. A clock that was wrong for a while is first set
ahead and later set back. The moments stored in between are then wrong, and those from before are right.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_REMEMBERED_BATCHES: Final = 48
"""Four hours of rounds: a clock that is wrong for longer cannot be told from one that was wrong from the beginning."""


class ClockCorrection(NamedTuple):
    """How stored moments move after the clock was set.

    Attributes:
        seconds: added to a moment.
        after: moments up to this one stay, and none moves before it; Unix seconds.
    """

    seconds: float
    after: float = float("-inf")

    def corrected(self, moment: float) -> float:
        """Return a stored moment by the new clock; 0 stands for no moment and stays. Keeps the order of moments."""
        return max(moment + self.seconds, self.after) if moment and moment > self.after else moment


class RoundTimes:
    """The beginnings and ends of the last batches, Unix seconds, oldest first."""

    def __init__(self, spans: list[tuple[float, float]] | None = None) -> None:
        self.spans = spans or []

    def add(self, begin: float, end: float) -> None:
        """Record a closed batch."""
        self.spans.append((begin, end))
        del self.spans[:-MAX_REMEMBERED_BATCHES]

    def set_back(self, begin: float, last: float) -> ClockCorrection:
        """Return the correction for a batch that begins before the last one ended; recorded times are corrected, too.

        The time that passed in truth is taken to be the usual one between two batches.

        Args:
            begin: beginning of the new batch.
            last: end of the last batch, later than `begin`.
        """
        pauses = [after[0] - before[1] for before, after in zip(self.spans, self.spans[1:], strict=False)]
        seconds = begin - last - max(0.0, _median(pauses))
        after = float("-inf")
        for before, following in zip(self.spans, self.spans[1:], strict=False):
            if before[1] <= begin < following[0] and following[0] - before[1] > last - begin:
                after = before[1]
        correction = ClockCorrection(seconds, after)
        self.correct(correction)
        return correction

    def correct(self, correction: ClockCorrection) -> None:
        """Correct the recorded times."""
        self.spans = [(correction.corrected(begin), correction.corrected(end)) for begin, end in self.spans]


def _median(values: list[float]) -> float:
    """Return the median of a few numbers, 0 of none. Importing `statistics` takes longer than a round's arithmetic."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2 if ordered else 0.0
