"""When rounds start, and which targets are due in them. Pure: the moment and the random number are given.

A round starts one interval after the start of the last, a little earlier or later by chance. Rounds that were missed
are not made up for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from probe.model.target import RangeTarget, Target

RANGE_INTERVAL_SECONDS = 3600.0
"""Between two measurements of a sampled range: sampling touches no address more than once an hour."""

_NEVER = datetime.min.replace(tzinfo=UTC)


def next_start(last: float, now: float, *, interval: float, jitter: float, draw: float) -> float:
    """The moment at which the next round starts, in seconds of the monotonic clock.

    Args:
        last: start of the last round.
        now: the moment.
        interval: seconds between starts.
        jitter: share of the interval by which the start may move either way.
        draw: random, from 0 to 1.
    """
    return max(now, last + interval * (1 + jitter * (2 * draw - 1)))


def first_delay(*, longest: float, terminal: bool, draw: float) -> float:
    """Seconds to wait before a single round: a random share of `longest`, none where a person is at the terminal."""
    return 0.0 if terminal else longest * draw


def due(
    targets: Sequence[tuple[str, Target]], measured: Mapping[str, datetime], now: datetime
) -> tuple[tuple[str, Target], ...]:
    """The targets to measure in a round that starts now: all, except ranges that were measured within the last hour.

    The hour lies between the end of one measurement and the start of the next. Targets that are the same prefix at
    different ports share it: the one that waited longest comes first. Ranges of a watchlist have no address in common
    (`probe.agent.watchlist.Watchlist.excluded_prefixes`), so no address is touched more than once an hour.

    Args:
        targets: text and target.
        measured: range -> end of its last measurement, by the wall clock, since it is kept over restarts. A moment in
            the future (the clock was set back) is ignored.
        now: start of the round, by the wall clock.
    """
    chosen = {text for text, target in targets if not isinstance(target, RangeTarget)}
    ports: dict[str, list[str]] = {}
    for text, target in targets:
        if isinstance(target, RangeTarget):
            ports.setdefault(target.network, []).append(text)
    for texts in ports.values():
        looks = {text: measured[text] for text in texts if text in measured and measured[text] <= now}
        if all(now - last >= timedelta(seconds=RANGE_INTERVAL_SECONDS) for last in looks.values()):
            chosen.add(min(texts, key=lambda text: looks.get(text, _NEVER)))
    return tuple((text, target) for text, target in targets if text in chosen)


def back_off(failures: int, draw: float, *, first: float = 5.0, longest: float = 900.0) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, and half of it random so that agents spread.

    Args:
        failures: 1, 2, ...
        draw: random, from 0 to 1.
        first: seconds after the first failure, before chance.
        longest: upper bound in seconds.
    """
    whole = min(longest, first * 2.0 ** min(failures - 1, 30))
    return whole * (0.5 + 0.5 * draw)
