"""What a sweep knows of each target, in arrays by the target's number: 7 bytes a target."""

from __future__ import annotations

from array import array
from collections import Counter

from probe.model.verdict import Status

MAX_TRIES = 3
"""Measurements of a target in a pass at which the vantage could not tell; then its verdict stays `unknown`."""

_STATUSES = tuple(Status)
_CODES = {status: code for code, status in enumerate(_STATUSES, start=1)}
"""Status -> its code in a state and in a journal; 0 is no status. The order of `Status` must not change."""


class TargetStates:
    """The state of each target of a sweep.

    Args:
        count: of targets.

    Attributes:
        measured: how many targets have a verdict of this pass.
        statuses: how many targets have each status, as last known.
    """

    def __init__(self, count: int) -> None:
        self._codes = bytearray(count)
        self._tries = bytearray(count)
        self._is_measured = bytearray(count)
        self._times = array("I", bytes(4 * count))
        self.measured = 0
        self.statuses: Counter[Status] = Counter()

    def __len__(self) -> int:
        return len(self._codes)

    def begin_pass(self) -> None:
        """Forget which targets were measured; keep what they were found to be."""
        self._tries = bytearray(len(self._codes))
        self._is_measured = bytearray(len(self._codes))
        self.measured = 0

    def set(self, number: int, status: Status, second: int) -> None:
        """Take in the verdict on a target, of this Unix second."""
        if (before := self.status(number)) is not None:
            self.statuses[before] -= 1
        self.statuses[status] += 1
        self._codes[number] = _CODES[status]
        self._times[number] = second
        self._tries[number] = 0
        self.measured += not self._is_measured[number]
        self._is_measured[number] = 1

    def status(self, number: int) -> Status | None:
        """The status of a target as last known; None before its first verdict."""
        code = self._codes[number]
        return _STATUSES[code - 1] if code else None

    def time(self, number: int) -> int:
        """Unix second of the last verdict on a target; 0 before the first."""
        return self._times[number]

    def is_measured(self, number: int) -> bool:
        """Whether a target has a verdict of this pass."""
        return bool(self._is_measured[number])

    def may_try_again(self, number: int) -> bool:
        """Count a measurement at which the vantage could not tell; whether the target may be measured once more."""
        self._tries[number] = min(MAX_TRIES, self._tries[number] + 1)
        return self._tries[number] < MAX_TRIES


def code_of(status: Status) -> int:
    """The code of a status in a journal."""
    return _CODES[status]


def status_of(code: int) -> Status | None:
    """The status of a code; None for a code that this version does not know."""
    return _STATUSES[code - 1] if 1 <= code <= len(_STATUSES) else None
