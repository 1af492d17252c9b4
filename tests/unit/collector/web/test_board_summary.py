"""The first sentence of the board and its title."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.collector.store.failing import FailingService
from probe.collector.web.board_summary import board_summary
from probe.collector.web.board_view import BoardCell, BoardView, NetworkColumn, ServiceRow, StripSource
from probe.model.event import Network
from probe.model.verdict import Status
from tests.unit.collector.web.test_network_counts import cell

NOW = datetime(2017, 5, 4, 10, tzinfo=UTC)


def column(asn: int, *, present: int = 1, states: tuple[str, ...] = ()) -> NetworkColumn:
    """A network with two vantages, one of which is present."""
    network = Network(asn=asn, country="RU")
    return NetworkColumn(network=network, vantages=2, present=present, seen=NOW.replace(hour=9), states=states)


def view(
    columns: list[NetworkColumn],
    *rows: tuple[BoardCell, ...],
    controls: int = 1,
    failing: tuple[FailingService, ...] = (),
) -> BoardView:
    """A board of these columns, with a service for each row."""
    found = [
        ServiceRow(service=f"service {number}", cells=cells, worst=Status.UNKNOWN) for number, cells in enumerate(rows)
    ]
    return BoardView(
        now=NOW,
        networks=tuple(columns),
        rows=tuple(found),
        ongoing=(),
        recent=(),
        late=0,
        failing=failing,
        controls=controls,
        strips=StripSource(events={}, presences={}, failing={}, until=NOW),
    )


def test_a_board_without_vantages_says_that_nobody_has_looked() -> None:
    """Nothing is claimed of the services."""
    assert board_summary(view([])).headline == "Nobody has looked yet."


@pytest.mark.parametrize(
    ("column", "remark"),
    [
        (column(64500, present=0), "2 vantages have been silent, the longest since 09:00 UTC."),
        (column(64500, present=0, states=("portal",)), "AS64500 (RU) is behind a captive portal."),
        (column(64500, present=0, states=("offline",)), "AS64500 (RU) is offline."),
    ],
)
def test_silent_vantages_are_named_with_the_reason(column: NetworkColumn, remark: str) -> None:
    """The headline does not say that all is well."""
    summary = board_summary(view([column], (cell(Status.UNKNOWN),)))

    assert summary.headline == "Nobody measures now, so the present state is not known."
    assert summary.remarks == (remark,)
    assert summary.title == "No recent reports"


def test_many_networks_in_one_state_are_counted() -> None:
    """They are not all named."""
    columns = [column(64500 + number, states=("offline",)) for number in range(5)]

    assert board_summary(view(columns, (cell(Status.REACHABLE),))).remarks == ("5 networks are offline.",)


def test_services_that_fail_without_proof_are_counted_first() -> None:
    """Ten of sixteen that fail are never an all-clear; without a control the reason says so."""
    rows = [(cell(Status.UNREACHABLE),)] * 10 + [(cell(Status.REACHABLE),)] * 6

    alone, controlled = view([column(64500)], *rows, controls=0), view([column(64500)], *rows)

    said = "10 of 16 services cannot be reached"
    assert board_summary(alone).headline == f"{said}, and without a control nobody can say why."
    assert board_summary(controlled).headline == f"{said}, and the evidence does not say why."
    assert board_summary(alone).title == "Some services cannot be reached"


def test_a_service_that_is_down_for_all_is_said_to_be_at_fault_itself() -> None:
    """It is no interference."""
    summary = board_summary(view([column(64500)], (cell(Status.DOWN),), (cell(Status.REACHABLE),)))

    assert summary.headline.startswith("1 of 2 services cannot be reached: the fault is their own")


def test_all_is_well_only_where_everything_measured_works() -> None:
    """The sentence counts what was measured."""
    well = view([column(64500), column(64501)], (cell(Status.REACHABLE), cell(Status.REACHABLE)))
    begun = view([column(64500)])

    assert board_summary(well).headline == "The one measured service is reachable on 2 measured networks."
    assert board_summary(well).title == "No interference seen"
    assert board_summary(begun).headline.endswith("no service has a settled status yet.")


def test_interference_is_counted_from_the_cells() -> None:
    """Throttled on one network and blocked on another is not throttled on two; what fails besides is told."""
    mixed = (cell(Status.BLOCKED, Status.BLOCKED), cell(Status.THROTTLED, Status.THROTTLED))
    one = board_summary(view([column(1), column(2)], mixed, (cell(Status.UNREACHABLE), None)))  # type: ignore[arg-type]
    two = board_summary(view([column(1), column(2)], mixed, mixed))

    assert one.headline == "service 0 is blocked on 1 and throttled on 1 of 2 measured networks."
    assert one.title == "1 blocked or throttled now"
    assert one.remarks == ("1 of 2 services cannot be reached, and the evidence does not say why.",)
    assert two.headline == "2 services blocked in at least one measured network."


def test_what_fails_and_is_not_settled_is_no_all_clear() -> None:
    """It is said beside whatever else is known."""
    found = FailingService(service="Line", network=Network(asn=64500), since=NOW.replace(hour=8), targets=2)
    well = view([column(64500)], (cell(Status.REACHABLE),), failing=(found,))
    blocked = view([column(64500)], (cell(Status.BLOCKED, Status.BLOCKED),), failing=(found,))

    assert board_summary(well).headline == "Some targets fail, and it is not yet sure why."
    assert board_summary(well).remarks == ("1 service failing since 08:00 UTC, not yet sure.",)
    assert board_summary(blocked).remarks == board_summary(well).remarks
