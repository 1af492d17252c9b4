"""When a vantage was there to see anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from probe.model.event import Network, Presence

MISSED_INTERVALS = 2
"""Intervals without a round after which a vantage counts as unknown."""


class PresenceIndex:
    """The presences of all vantages, to be asked about one of them at a time."""

    def __init__(self, presences: Iterable[Presence]) -> None:
        self._runs: dict[tuple[str, Network], list[Presence]] = defaultdict(list)
        for presence in presences:
            self._runs[presence.agent, presence.network].append(presence)

    def present(self, agent: str, network: Network, moment: datetime) -> bool:
        """Whether the vantage was in this network then, give or take two rounds."""
        return any(
            run.start <= moment <= run.stop + MISSED_INTERVALS * _interval(run)
            for run in self._runs.get((agent, network), ())
        )

    def watched(self, agent: str, network: Network, since: datetime, until: datetime) -> bool:
        """Whether the vantage watched for more than two of its intervals between these moments."""
        runs = self._runs.get((agent, network), ())
        seen = timedelta()
        for run in runs:
            seen += max(timedelta(), min(run.stop, until) - max(run.start, since))
        return bool(runs) and seen > MISSED_INTERVALS * min(_interval(run) for run in runs)


def _interval(run: Presence) -> timedelta:
    return timedelta(seconds=run.interval)
