"""How many networks see which status of a service: the one count behind every sentence and title. Pure.

A network counts once, by the first of these that applies: its ongoing event; its present status; no data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from probe.collector.web.board_view import BoardCell
from probe.collector.web.wording import STATUS, count_of
from probe.model.verdict import Status


class NetworkCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of networks by what they see of one service. Every network is in exactly one of them.

    Attributes:
        blocked, throttled: the service as a whole is.
        partly_blocked, partly_throttled: the service works and some of its targets are.
        reachable: nothing is wrong.
        unreachable, down: it fails and the evidence does not accuse the network.
        silent: no vantage has reported lately, and no event is ongoing.
    """

    blocked: int = 0
    throttled: int = 0
    partly_blocked: int = 0
    partly_throttled: int = 0
    reachable: int = 0
    unreachable: int = 0
    down: int = 0
    silent: int = 0

    @property
    def interfered(self) -> int:
        """Networks with interference, whole or in part."""
        return self.blocked + self.throttled + self.partly_blocked + self.partly_throttled

    @property
    def failing(self) -> int:
        """Networks where it fails without proof of interference."""
        return self.unreachable + self.down

    @property
    def measured(self) -> int:
        """Networks of which something is known."""
        return self.interfered + self.failing + self.reachable


_FIELDS = {
    Status.BLOCKED: "blocked",
    Status.THROTTLED: "throttled",
    Status.REACHABLE: "reachable",
    Status.UNREACHABLE: "unreachable",
    Status.DOWN: "down",
    Status.UNKNOWN: "silent",
}


def count_networks(cells: Iterable[BoardCell]) -> NetworkCounts:
    """Count the cells of one service."""
    return NetworkCounts(**Counter(map(_field, cells)))


def _field(cell: BoardCell) -> str:
    if cell.event is None:
        return _FIELDS[cell.summary.status]
    field = _FIELDS[cell.event.status]
    return f"partly_{field}" if cell.summary.partial else field


def interference_text(counts: NetworkCounts) -> str:
    """`blocked on 2 and throttled on 1 of 4 measured networks`; empty where no network interferes."""
    numbers = (
        ("blocked", counts.blocked),
        ("throttled", counts.throttled),
        ("blocked in part", counts.partly_blocked),
        ("throttled in part", counts.partly_throttled),
    )
    said = [f"{word} on {number}" for word, number in numbers if number]
    if not said:
        return ""
    return f"{' and '.join(said)} of {count_of(counts.measured, 'measured network')}"


def absence_text(counts: NetworkCounts, *, controlled: bool) -> str:
    """What is known of a service that no network interferes with.

    Args:
        counts: without interference.
        controlled: whether a control reports; without one nobody can say whose fault a failure is.
    """
    if not counts.measured:
        return "no vantage has reported lately, so the present state is not known"
    silent = ""
    if counts.silent:
        silent = f"; no data from {'the other' if counts.silent == 1 else f'{counts.silent} others'}"
    if not counts.failing:
        return f"reachable on {_all_of(counts.measured)}{silent}"
    parts = [(STATUS[Status.UNREACHABLE][0].lower(), counts.unreachable), (STATUS[Status.DOWN][0].lower(), counts.down)]
    failing = " and ".join(f"{word} on {number}" for word, number in parts if number)
    reason = "" if controlled or not counts.unreachable else ", and without a control nobody can say why"
    reachable = f"reachable on {counts.reachable}, " if counts.reachable else ""
    return f"{reachable}{failing} of {count_of(counts.measured, 'measured network')}{reason}{silent}"


def _all_of(measured: int) -> str:
    return "the one measured network" if measured == 1 else f"all {measured} measured networks"
