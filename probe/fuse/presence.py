"""When a vantage was present: within two of its own intervals after a round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from probe.model.event import Network, Presence

MISSED_INTERVALS = 2
"""Intervals after the end of its last round during which a vantage still counts as present."""
Period = tuple[datetime, datetime]


class PresenceIndex:
    """The presences of all vantages, by vantage and network.

    Args:
        presences: runs of rounds in which a vantage was online, in any order.
    """

    def __init__(self, presences: Iterable[Presence]) -> None:
        self._runs: dict[tuple[str, Network], list[Presence]] = defaultdict(list)
        for presence in presences:
            self._runs[presence.agent, presence.network].append(presence)
        self._periods: dict[tuple[str, Network], list[Period]] = {}

    def present(self, agent: str, network: Network, moment: datetime) -> bool:
        """Whether the vantage was present in the network at a moment."""
        return any(
            run.start <= moment <= run.stop + MISSED_INTERVALS * _interval(run)
            for run in self._runs.get((agent, network), ())
        )

    def watched(self, agent: str, network: Network, since: datetime, until: datetime) -> bool:
        """Whether the vantage's rounds in the network covered more than two of its intervals between two moments."""
        runs = self._runs.get((agent, network), ())
        covered = timedelta()
        for run in runs:
            covered += max(timedelta(), min(run.stop, until) - max(run.start, since))
        return bool(runs) and covered > MISSED_INTERVALS * min(_interval(run) for run in runs)

    def watched_from(self, agent: str, network: Network, since: datetime) -> datetime | None:
        """The first moment at which the vantage has watched since a moment, as `watched` says; None before that."""
        runs = sorted(self._runs.get((agent, network), ()), key=lambda run: (run.start, run.stop))
        needed = MISSED_INTERVALS * min((_interval(run) for run in runs), default=timedelta())
        for run in runs:
            begin = max(run.start, since)
            if run.stop - begin > needed:
                return begin + needed
            needed -= max(timedelta(), run.stop - begin)
        return None

    def vote_periods(self, agent: str, network: Network) -> list[Period]:
        """The periods in which the vantage was present in the network, in order; none of them overlap."""
        key = (agent, network)
        if key not in self._periods:
            self._periods[key] = _joined(self._runs.get(key, ()))
        return self._periods[key]


def _joined(runs: Iterable[Presence]) -> list[Period]:
    found: list[Period] = []
    for run in sorted(runs, key=lambda run: (run.start, run.stop)):
        stop = run.stop + MISSED_INTERVALS * _interval(run)
        if found and run.start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((run.start, stop))
    return found


def _interval(run: Presence) -> timedelta:
    return timedelta(seconds=run.interval)
