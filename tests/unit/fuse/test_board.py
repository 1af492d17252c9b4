"""The present: one status for each service in each network."""

from __future__ import annotations

from probe.fuse.board import StatusCount, board_services
from probe.model.event import Network
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import BEELINE, MTS, at


def tally(
    status: Status,
    target: str = "t0",
    network: Network = MTS,
    *causes: Cause,
    vantages: int = 1,
    since: float = 0,
    present: bool = True,
) -> StatusCount:
    """Vantages that say the same."""
    return StatusCount(
        service="WeChat",
        target=target,
        network=network,
        status=status,
        causes=causes,
        vantages=vantages,
        since=at(since),
        present=present,
    )


def test_one_blocked_page_of_three_is_listed_and_the_service_works() -> None:
    """The rule is that of `probe.fuse.service`; causes and onset are those of the targets that decided."""
    (cell,) = board_services(
        [
            tally(Status.REACHABLE, "t0", since=1),
            tally(Status.BLOCKED, "t1", MTS, Cause.TLS_RESET, since=9),
            tally(Status.DOWN, "t2"),
        ]
    )

    assert (cell.status, cell.targets, cell.causes, cell.since) == (Status.REACHABLE, (), (), at(1))
    assert (cell.interfered, cell.partial, cell.measured, cell.vantages) == (("t1",), True, 3, 1)


def test_a_service_of_which_a_whole_part_is_blocked_is_blocked() -> None:
    """The cell lists the targets that decided, with their causes and since when."""
    (cell,) = board_services(
        [
            tally(Status.REACHABLE, "t0", since=1),
            tally(Status.BLOCKED, "tcp://192.0.2.1:443", MTS, Cause.TCP_TIMEOUT, since=9),
            tally(Status.UNREACHABLE, "tcp://192.0.2.2:443"),
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
    (cell,) = board_services([tally(Status.REACHABLE, vantages=2), tally(Status.BLOCKED, since=3)])

    assert (cell.status, cell.since, cell.vantages) == (Status.BLOCKED, at(3), 3)


def test_one_target_that_is_down_does_not_take_the_service_down() -> None:
    """As long as another is reachable."""
    (cell,) = board_services([tally(Status.REACHABLE, "t0"), tally(Status.DOWN, "t1"), tally(Status.UNREACHABLE, "t2")])

    assert (cell.status, cell.targets) == (Status.REACHABLE, ())


def test_networks_are_apart() -> None:
    """One cell each, in order."""
    found = board_services([tally(Status.BLOCKED, network=BEELINE), tally(Status.REACHABLE, network=MTS)])

    assert [(cell.network, cell.status) for cell in found] == [(MTS, Status.REACHABLE), (BEELINE, Status.BLOCKED)]


def test_without_a_vantage_that_is_present_nothing_is_said() -> None:
    """Neither green nor red; what was said last is kept apart."""
    (cell,) = board_services([tally(Status.BLOCKED, present=False, since=4)])

    assert (cell.status, cell.last, cell.vantages, cell.since) == (Status.UNKNOWN, Status.BLOCKED, 0, at(4))


def test_the_word_of_who_is_present_outweighs_that_of_who_left() -> None:
    """Silence is no status."""
    (cell,) = board_services([tally(Status.BLOCKED, present=False), tally(Status.REACHABLE, vantages=2)])

    assert (cell.status, cell.vantages, cell.last) == (Status.REACHABLE, 2, None)
