"""What is due when. Pure: the moment and the chance are given.

A round starts one interval after the start of the last, a little earlier or later by chance. Rounds that were missed
(a laptop asleep, a clock set forward) are not made up for: their moment has gone. A clock set back delays a round by
one interval at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from probe.model.target import RangeTarget, Target

RANGE_INTERVAL = 3600.0
"""Seconds between two looks at a sampled range: sampling touches no address more than once an hour."""


def next_start(last: datetime | None, now: datetime, *, interval: float, jitter: float, draw: float) -> datetime:
    """When the next round starts.

    Args:
        last: start of the last round; None when there was none, and the next is due at once.
        now: the moment.
        interval: seconds between starts.
        jitter: share of the interval by which the start may move either way.
        draw: chance, from 0 to 1.
    """
    if last is None:
        return now
    length = timedelta(seconds=interval * (1 + jitter * (2 * draw - 1)))
    return max(now, min(last + length, now + length))


def first_delay(*, longest: float, terminal: bool, draw: float) -> float:
    """Seconds to wait before a single round: a random share of `longest`, none where a person is watching."""
    return 0.0 if terminal else longest * draw


def due(
    targets: Iterable[tuple[str, Target]], measured: Mapping[str, datetime], now: datetime
) -> tuple[tuple[str, Target], ...]:
    """The targets to measure in a round that starts now: all, but for ranges looked at less than an hour ago.

    Args:
        targets: text and target.
        measured: text of a range -> start of its last measurement. A moment to come (the clock was set back) is none.
        now: start of the round.
    """
    chosen = []
    for text, target in targets:
        last = measured.get(text) if isinstance(target, RangeTarget) else None
        if last is None or not timedelta(0) <= now - last < timedelta(seconds=RANGE_INTERVAL):
            chosen.append((text, target))
    return tuple(chosen)


def back_off(failures: int, draw: float, *, first: float = 5.0, longest: float = 900.0) -> float:
    """Seconds to wait after so many failures in a row: doubling, and a random half of it so that agents spread.

    Args:
        failures: 1, 2, ...
        draw: chance, from 0 to 1.
        first: seconds after the first failure, before chance.
        longest: seconds never exceeded.
    """
    whole = min(longest, first * 2.0 ** min(failures - 1, 30))
    return whole * (0.5 + 0.5 * draw)
