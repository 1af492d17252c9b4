"""How many networks see which status of a service, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.collector.web.board_view import BoardCell
from probe.collector.web.network_counts import NetworkCounts, absence_text, count_networks, interference_text
from probe.fuse.board import ServiceInNetwork
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Status

NOW = datetime(2017, 5, 4, 10, tzinfo=UTC)


def cell(status: Status, event: Status | None = None, *, partial: bool = False) -> BoardCell:
    """A cell with this present status, and an ongoing event of another one."""
    summary = ServiceInNetwork(
        service="WeChat",
        network=Network(asn=64500, country="RU"),
        status=status,
        causes=(),
        since=NOW,
        targets=(),
        interfered=("a",) if partial else (),
        parts=(),
        measured=1,
        vantages=1,
    )
    ongoing = None
    if event is not None:
        ongoing = Event(
            id="0" * 16,
            revision=1,
            service="WeChat",
            scope=Scope.NETWORK,
            network=summary.network,
            status=event,
            causes=(),
            confidence=Confidence.CONFIRMED,
            onset=NOW,
            known=NOW,
        )
    return BoardCell(summary=summary, since=NOW, event=ongoing)


def test_every_network_is_counted_once() -> None:
    """By its ongoing event before its present status."""
    counts = count_networks(
        [
            cell(Status.BLOCKED, Status.BLOCKED),
            cell(Status.UNKNOWN, Status.THROTTLED),
            cell(Status.REACHABLE, Status.BLOCKED, partial=True),
            cell(Status.REACHABLE),
            cell(Status.DOWN),
            cell(Status.UNREACHABLE),
            cell(Status.UNKNOWN),
        ]
    )

    assert counts == NetworkCounts(
        blocked=1, throttled=1, partly_blocked=1, reachable=1, down=1, unreachable=1, silent=1
    )
    assert (counts.measured, counts.interfered, counts.failing) == (6, 3, 2)
    assert sum(msgspec.structs.astuple(counts)) == 7


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (NetworkCounts(reachable=3), ""),
        (NetworkCounts(blocked=1, reachable=5), "blocked on 1 of 6 measured networks"),
        (NetworkCounts(throttled=1, blocked=1), "blocked on 1 and throttled on 1 of 2 measured networks"),
        (NetworkCounts(partly_blocked=2, silent=9), "blocked in part on 2 of 2 measured networks"),
    ],
)
def test_interference_is_counted_by_kind(counts: NetworkCounts, said: str) -> None:
    """Blocked on one network and throttled on another is not throttled on two."""
    assert interference_text(counts) == said


@pytest.mark.parametrize(
    ("counts", "controlled", "said"),
    [
        (NetworkCounts(reachable=3), True, "reachable on all 3 measured networks"),
        (NetworkCounts(reachable=1), True, "reachable on the one measured network"),
        (NetworkCounts(reachable=1, silent=1), True, "reachable on the one measured network; no data from the other"),
        (NetworkCounts(reachable=2, silent=3), False, "reachable on all 2 measured networks; no data from 3 others"),
        (NetworkCounts(silent=2), True, "no vantage has reported lately, so the present state is not known"),
        (NetworkCounts(reachable=1, down=1), False, "reachable on 1, down on 1 of 2 measured networks"),
        (
            NetworkCounts(unreachable=2),
            False,
            "unreachable on 2 of 2 measured networks, and without a control nobody can say why",
        ),
        (NetworkCounts(unreachable=2), True, "unreachable on 2 of 2 measured networks"),
    ],
)
def test_no_data_and_failures_never_read_as_reachable(counts: NetworkCounts, controlled: bool, said: str) -> None:
    """Networks without data are named apart; failures are said, with the reason why nobody can explain them."""
    assert absence_text(counts, controlled=controlled) == said
