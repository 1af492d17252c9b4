"""How far a sweep is, as one line: done, rate, statuses and the time that is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import IO

from probe.model.verdict import Status
from probe.sweep.target_states import TargetStates

TERMINAL_SECONDS = 1.0
"""Interval of the line on a terminal, where each replaces the last."""
PLAIN_SECONDS = 60.0
"""Interval of the lines in a log."""
RATE_SECONDS = 300.0
"""Time over which the rate is averaged, once so much has passed."""

_ERASE = "\r\x1b[K"


class SweepProgress:
    """Shows the progress on standard error.

    Args:
        states: of the targets.
        monotonic: seconds since an arbitrary moment.
        stream: standard error.
        is_plain: write a line each minute where it is no terminal; otherwise nothing is written there.
        say: prints one line for the user.
        describe: makes sentences of notes about the vantage.
    """

    def __init__(
        self,
        states: TargetStates,
        monotonic: Callable[[], float],
        say: Callable[[str], None],
        *,
        describe: Callable[[Iterable[str]], Iterable[str]] = tuple,
        stream: IO[str] = sys.stderr,
        is_plain: bool = False,
    ) -> None:
        self._states = states
        self._monotonic = monotonic
        self._say = say
        self._describe = describe
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._interval = TERMINAL_SECONDS if self._is_terminal else PLAIN_SECONDS if is_plain else float("inf")
        self._shown = monotonic()
        self._marks = [(self._shown, states.measured)]

    def advance(self) -> None:
        """One more target has its verdict."""
        now = self._monotonic()
        if now - self._shown < self._interval:
            return
        self._shown = now
        self._marks = [mark for mark in self._marks if now - mark[0] <= RATE_SECONDS] or self._marks[-1:]
        line = describe_progress(self._states, self._rate_since(*self._marks[0], now))
        self._marks.append((now, self._states.measured))
        self._write(line)

    def say(self, sentence: str) -> None:
        """Print a sentence on a line of its own."""
        if self._is_terminal:
            self._stream.write(_ERASE)
        self._say(sentence)

    def note(self, note: str) -> None:
        """Print what a note about the vantage means."""
        for sentence in self._describe((note,)):
            self.say(sentence)

    def close(self) -> None:
        """Remove the line from the terminal."""
        if self._is_terminal:
            self._stream.write(_ERASE)
            self._stream.flush()

    def _rate_since(self, moment: float, measured: int, now: float) -> float:
        return (self._states.measured - measured) / (now - moment) if now > moment else 0.0

    def _write(self, line: str) -> None:
        if self._is_terminal:
            self._stream.write(_ERASE + line)
            self._stream.flush()
        else:
            self._say(line)


def describe_progress(states: TargetStates, rate: float) -> str:
    """One line: `1,200 of 9,000, 24.0 a second, 1,100 reachable, 100 blocked, 5 min left`."""
    parts = [f"{states.measured:,} of {len(states):,}", f"{rate:,.1f} a second"]
    parts += [f"{states.statuses[status]:,} {status}" for status in Status if states.statuses[status]]
    if rate > 0:
        parts.append(f"{describe_duration((len(states) - states.measured) / rate)} left")
    return ", ".join(parts)


def describe_duration(seconds: float) -> str:
    """A duration in its two largest units: `2 d 3 h`, `5 h 10 min`, `40 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    found = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    words = [f"{number} {unit}" for number, unit in found if number]
    return " ".join(words[:2]) or "0 s"
