"""Services by country: the board where networks are too many for a column each. Pure."""

from __future__ import annotations

from collections import defaultdict

import msgspec

from probe.collector.web.board_view import BoardCell, BoardView, NetworkColumn, ServiceRow
from probe.collector.web.network_counts import NetworkCounts, count_networks
from probe.model.event import Network
from probe.model.verdict import Status

MAX_NETWORKS_NAMED = 3
"""Networks named in a cell, the affected ones first; the country's page has all."""


class NetworkFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A network inside a country's cell, with its status."""

    network: Network
    status: Status


class CountryCell(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a country.

    Attributes:
        status: `blocked` or `throttled` where any network interferes, else of most concern among those measured.
        counts: of its networks.
        networks: the affected ones first, at most `MAX_NETWORKS_NAMED`.
    """

    status: Status
    counts: NetworkCounts
    networks: tuple[NetworkFinding, ...]

    @property
    def affected(self) -> int:
        """Networks where the service is interfered with, or where it fails if none interferes."""
        return self.counts.interfered or self.counts.failing or self.counts.reachable

    @property
    def troubled(self) -> bool:
        """Whether something is wrong in any of its networks."""
        return bool(self.counts.interfered or self.counts.failing)

    @property
    def named(self) -> str:
        """The affected networks in words, and how many more there are."""
        affected = [each for each in self.networks if each.status not in (Status.REACHABLE, Status.UNKNOWN)]
        names = ", ".join(f"AS{each.network.asn}" if each.network.asn else "unknown" for each in affected)
        hidden = self.affected - len(affected)
        return names + (f" and {hidden} more" if hidden > 0 else "")


class CountryColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A country with its numbers of networks, measured ones and all."""

    code: str
    present: int
    networks: int


class MatrixRow(msgspec.Struct, frozen=True, kw_only=True):
    """A service with a cell for each country; None where nobody measures it there."""

    service: str
    cells: tuple[CountryCell | None, ...]


class CountryMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """Services by country.

    Attributes:
        countries: the columns, those with most networks first.
        rows: the services with anything to tell, in the board's order.
        reachable: the services that are reachable wherever they are measured.
    """

    countries: tuple[CountryColumn, ...]
    rows: tuple[MatrixRow, ...]
    reachable: tuple[str, ...]


_CONCERN = (Status.BLOCKED, Status.THROTTLED, Status.UNREACHABLE, Status.DOWN, Status.REACHABLE, Status.UNKNOWN)


def country_matrix(view: BoardView) -> CountryMatrix:
    """The board by country."""
    columns = _columns(view)
    rows = [_row(row, view.networks, columns) for row in view.shown]
    calm = [row for row in rows if _is_calm(row)]
    return CountryMatrix(
        countries=tuple(columns),
        rows=tuple(row for row in rows if not _is_calm(row)),
        reachable=tuple(row.service for row in calm),
    )


def restricted(view: BoardView, networks: set[Network]) -> tuple[tuple[NetworkColumn, ...], tuple[ServiceRow, ...]]:
    """The columns of these networks and the rows that have a cell in one of them."""
    kept = [number for number, column in enumerate(view.networks) if column.network in networks]
    columns = tuple(view.networks[number] for number in kept)
    rows = [msgspec.structs.replace(row, cells=tuple(row.cells[number] for number in kept)) for row in view.rows]
    return columns, tuple(row for row in rows if any(cell is not None for cell in row.cells))


def _columns(view: BoardView) -> list[CountryColumn]:
    by_code: dict[str, list[NetworkColumn]] = defaultdict(list)
    for column in view.networks:
        by_code[column.network.country].append(column)
    found = [
        CountryColumn(code=code, present=sum(1 for column in columns if column.present), networks=len(columns))
        for code, columns in by_code.items()
    ]
    return sorted(found, key=lambda column: (-column.networks, column.code))


def _row(row: ServiceRow, networks: tuple[NetworkColumn, ...], columns: list[CountryColumn]) -> MatrixRow:
    by_code: dict[str, list[BoardCell]] = defaultdict(list)
    for column, cell in zip(networks, row.cells, strict=True):
        if cell is not None:
            by_code[column.network.country].append(cell)
    cells = tuple(_cell(by_code[column.code]) if column.code in by_code else None for column in columns)
    return MatrixRow(service=row.service, cells=cells)


def _cell(cells: list[BoardCell]) -> CountryCell:
    findings = sorted(
        (
            NetworkFinding(
                network=cell.summary.network,
                status=_status(cell),
            )
            for cell in cells
        ),
        key=lambda found: (_CONCERN.index(found.status), found.network),
    )
    return CountryCell(
        status=findings[0].status, counts=count_networks(cells), networks=tuple(findings[:MAX_NETWORKS_NAMED])
    )


def _status(cell: BoardCell) -> Status:
    return cell.summary.status if cell.event is None else cell.event.status


def _is_calm(row: MatrixRow) -> bool:
    """Whether the service is reachable wherever it is measured, and measured everywhere it ever was."""
    known = [cell for cell in row.cells if cell is not None]
    return all(cell.counts.reachable == cell.counts.measured and not cell.counts.silent for cell in known)
