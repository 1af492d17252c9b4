"""The present: one status for each service in each network."""

from __future__ import annotations

from probe.fuse.board import StatusCount, board_services
from probe.model.event import Network
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import BEELINE, MTS, at


def count(
    status: Status,
    target: str = "t0",
    network: Network = MTS,
    *causes: Cause,
    vantages: int = 1,
    since: float = 0,
    present: bool = True,
    before_watch: bool = False,
) -> StatusCount:
    """Vantages that report the same status."""
    return StatusCount(
        service="WeChat",
        target=target,
        network=network,
        status=status,
        causes=causes,
        vantages=vantages,
        since=at(since),
        present=present,
        before_watch=before_watch,
    )


def test_one_blocked_page_of_three_is_listed_and_the_service_works() -> None:
    """The rule is that of `probe.fuse.service`; causes and onset are those of the targets that decided."""
    (cell,) = board_services(
        [
            count(Status.REACHABLE, "t0", since=1),
            count(Status.BLOCKED, "t1", MTS, Cause.TLS_RESET, since=9),
            count(Status.DOWN, "t2"),
        ]
    )

    assert (cell.status, cell.targets, cell.causes, cell.since) == (Status.REACHABLE, (), (), at(1))
    assert (cell.interfered, cell.partial, cell.measured, cell.vantages) == (("t1",), True, 3, 1)


def test_a_service_of_which_a_whole_part_is_blocked_is_blocked() -> None:
    """The cell lists the targets that decided, with their causes and since when."""
    (cell,) = board_services(
        [
            count(Status.REACHABLE, "t0", since=1),
            count(Status.BLOCKED, "tcp://192.0.2.1:443", MTS, Cause.TCP_TIMEOUT, since=9),
            count(Status.UNREACHABLE, "tcp://192.0.2.2:443"),
        ]
    )

    assert (cell.status, cell.targets) == (Status.BLOCKED, ("tcp://192.0.2.1:443",))
    assert (cell.causes, cell.since, cell.partial) == (("tcp.timeout",), at(9), False)
    assert [(part.name, part.status) for part in cell.parts] == [
        ("web", Status.REACHABLE),
        ("addresses", Status.BLOCKED),
    ]


def test_a_target_that_any_present_vantage_finds_blocked_is_blocked() -> None:
    """Where vantages of a network disagree, the event is shown as disputed; the claim is not averaged away."""
    (cell,) = board_services([count(Status.REACHABLE, vantages=2), count(Status.BLOCKED, since=3)])

    assert (cell.status, cell.since, cell.vantages) == (Status.BLOCKED, at(3), 3)


def test_a_service_with_a_reachable_target_is_reachable() -> None:
    """Other targets may be down or unreachable."""
    (cell,) = board_services([count(Status.REACHABLE, "t0"), count(Status.DOWN, "t1"), count(Status.UNREACHABLE, "t2")])

    assert (cell.status, cell.targets) == (Status.REACHABLE, ())


def test_each_network_has_its_own_status() -> None:
    """Ordered by network."""
    found = board_services([count(Status.BLOCKED, network=BEELINE), count(Status.REACHABLE, network=MTS)])

    assert [(cell.network, cell.status) for cell in found] == [(MTS, Status.REACHABLE), (BEELINE, Status.BLOCKED)]


def test_without_a_present_vantage_the_status_is_unknown() -> None:
    """The last known status is kept apart."""
    (cell,) = board_services([count(Status.BLOCKED, present=False, since=4)])

    assert (cell.status, cell.last, cell.vantages, cell.since) == (Status.UNKNOWN, Status.BLOCKED, 0, at(4))


def test_only_present_vantages_count_where_some_are_present() -> None:
    """What absent vantages reported last is ignored."""
    (cell,) = board_services([count(Status.BLOCKED, present=False), count(Status.REACHABLE, vantages=2)])

    assert (cell.status, cell.vantages, cell.last) == (Status.REACHABLE, 2, None)


def test_a_status_that_stood_before_the_first_measurement_is_marked() -> None:
    """The mark is that of the earliest target that decided."""
    stood = count(Status.BLOCKED, "t0", since=1, before_watch=True)

    (first,) = board_services([stood, count(Status.BLOCKED, "t1", since=9)])
    (second,) = board_services([stood, count(Status.BLOCKED, "t1", since=0)])

    assert (first.before_watch, first.since) == (True, at(1))
    assert (second.before_watch, second.since) == (False, at(0))
