"""Services by country."""

from __future__ import annotations

import msgspec

from probe.collector.web.board_view import BoardCell, BoardView
from probe.collector.web.country_matrix import MAX_NETWORKS_NAMED, country_matrix, restricted
from probe.collector.web.network_counts import NetworkCounts
from probe.model.event import Network
from probe.model.verdict import Status
from tests.unit.collector.web.test_board_summary import column, view
from tests.unit.collector.web.test_network_counts import cell


def board() -> BoardView:
    """Two networks in Russia, one in Kazakhstan; a blocked service, a calm one, and one that only Russia measures."""
    columns = [column(1), column(2), msgspec.structs.replace(column(3), network=Network(asn=3, country="KZ"))]
    well = cell(Status.REACHABLE)
    rows: list[tuple[BoardCell | None, ...]] = [
        (cell(Status.BLOCKED, Status.BLOCKED), well, well),
        (well, well, well),
        (cell(Status.UNKNOWN), well, None),
    ]
    return view(columns, *rows)  # type: ignore[arg-type]


def test_a_cell_counts_the_networks_of_its_country() -> None:
    """The affected ones of those measured; a country that does not measure a service has no cell."""
    matrix = country_matrix(board())

    assert [country.code for country in matrix.countries] == ["RU", "KZ"]
    blocked, silent = matrix.rows
    assert blocked.cells[0] is not None
    assert blocked.cells[0].status is Status.BLOCKED
    assert (blocked.cells[0].affected, blocked.cells[0].counts.measured) == (1, 2)
    assert silent.cells[1] is None
    assert silent.cells[0] is not None
    assert silent.cells[0].counts == NetworkCounts(reachable=1, silent=1)


def test_a_service_that_is_reachable_everywhere_is_one_word_and_no_row() -> None:
    """One that some network does not report on lately keeps its row."""
    matrix = country_matrix(board())

    assert matrix.reachable == ("service 1",)
    assert [row.service for row in matrix.rows] == ["service 0", "service 2"]


def test_a_cell_lists_the_affected_networks_first_and_counts_the_rest() -> None:
    """A country has hundreds of networks."""
    cells = [cell(Status.REACHABLE)] * 19 + [cell(Status.BLOCKED, Status.BLOCKED)]
    matrix = country_matrix(view([column(number) for number in range(1, 21)], tuple(cells)))

    (found,) = matrix.rows[0].cells
    assert found is not None
    assert found.networks[0].status is Status.BLOCKED
    assert len(found.networks) == MAX_NETWORKS_NAMED
    assert found.troubled
    assert found.named == "AS64500"
    many = country_matrix(view([column(number) for number in range(1, 7)], (cell(Status.BLOCKED, Status.BLOCKED),) * 6))
    (wide,) = many.rows[0].cells
    assert wide is not None
    assert wide.named.endswith(" and 3 more")


def test_a_part_of_the_board_has_only_its_columns_and_their_services() -> None:
    """The service that Kazakhstan does not measure has no row there."""
    columns, rows = restricted(board(), {Network(asn=3, country="KZ")})

    assert [each.network.asn for each in columns] == [3]
    assert [row.service for row in rows] == ["service 0", "service 1"]
