"""When a service as a whole failed in a network without proof of interference. Pure.

A target fails while every vantage of the network that measures it finds it unreachable or down; the service fails while
all of its measured targets do. One target that works is an answer: that is the rule of `probe.fuse.service`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from probe.collector.store.failing import FailingSpan
from probe.fuse.board import StatusCount
from probe.fuse.presence import MISSED_INTERVALS
from probe.model.event import Network, Presence

Place = tuple[str, Network]
"""A service and a network."""
Period = tuple[datetime, datetime | None]
_END = datetime.max.replace(tzinfo=UTC)


def measuring_vantages(counts: Iterable[StatusCount]) -> dict[Place, dict[str, int]]:
    """Place -> target -> how many vantages measure it there."""
    found: dict[Place, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in counts:
        found[count.service, count.network][count.target] += count.vantages
    return found


def failing_periods(
    spans: Iterable[FailingSpan],
    measuring: Mapping[Place, Mapping[str, int]],
    presences: Iterable[Presence],
) -> dict[Place, list[Period]]:
    """Place -> the periods in which the whole service failed; the end is None while one lasts.

    Args:
        spans: of any services and networks, in any order.
        measuring: place -> target -> how many vantages measure it now.
        presences: of the vantages: fewer may have measured before.
    """
    by_place: dict[Place, list[FailingSpan]] = defaultdict(list)
    for span in spans:
        by_place[span.service, span.network].append(span)
    runs: dict[Network, list[Presence]] = defaultdict(list)
    for run in presences:
        runs[run.network].append(run)
    return {
        place: _periods(found, measuring[place], runs[place[1]])
        for place, found in by_place.items()
        if place in measuring
    }


def _periods(spans: list[FailingSpan], vantages: Mapping[str, int], runs: list[Presence]) -> list[Period]:
    steps = [(span.start, span.target, 1) for span in spans]
    steps += [(span.stop or _END, span.target, -1) for span in spans]
    steps += [(run.start, "", 1) for run in runs]
    steps += [(run.stop + MISSED_INTERVALS * timedelta(seconds=run.interval), "", -1) for run in runs]
    failing: dict[str, int] = defaultdict(int)
    present = 0
    found: list[Period] = []
    began: datetime | None = None
    for moment, target, change in sorted(steps):
        if target:
            failing[target] += change
        else:
            present += change
        whole = all(failing[one] >= min(number, max(1, present)) for one, number in vantages.items())
        if whole and began is None:
            began = moment
        elif not whole and began is not None:
            found.append((began, None if moment == _END else moment))
            began = None
    return found
