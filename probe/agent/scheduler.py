"""What is due when. Pure: the moment and the chance are given.

A round starts one interval after the start of the last, a little earlier or later by chance. Rounds that were missed
(a laptop asleep, a clock set forward) are not made up for: their moment has gone. A clock set back delays a round by
one interval at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from probe.model.target import RangeTarget, Target

RANGE_INTERVAL = 3600.0
"""Seconds between two looks at a sampled range: sampling touches no address more than once an hour."""

_NEVER = datetime.min.replace(tzinfo=UTC)


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
    targets: Sequence[tuple[str, Target]], measured: Mapping[str, datetime], now: datetime
) -> tuple[tuple[str, Target], ...]:
    """The targets to measure in a round that starts now: all, but for ranges.

    Of a range, whatever its port, an hour lies between the end of one look and the start of the next; the ports of one
    prefix take turns, the one that waited longest first. So no address is touched more than once an hour, since the
    ranges of a watchlist have no address in common (`probe.agent.watchlist.Watchlist.holes`).

    Args:
        targets: text and target.
        measured: text of a range -> end of its last measurement. A moment to come (the clock was set back) is none.
        now: start of the round.
    """
    chosen = {text for text, target in targets if not isinstance(target, RangeTarget)}
    ports: dict[str, list[str]] = {}
    for text, target in targets:
        if isinstance(target, RangeTarget):
            ports.setdefault(target.network, []).append(text)
    for texts in ports.values():
        looks = {text: measured[text] for text in texts if text in measured and measured[text] <= now}
        if all(now - last >= timedelta(seconds=RANGE_INTERVAL) for last in looks.values()):
            chosen.add(min(texts, key=lambda text: looks.get(text, _NEVER)))
    return tuple((text, target) for text, target in targets if text in chosen)


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
