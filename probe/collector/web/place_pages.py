"""`/cc/<CC>` and `/as/<n>`: the services of one country and of one network."""

from __future__ import annotations

from aiohttp import web

from probe.collector.state import STATE
from probe.collector.web import wording
from probe.collector.web.board_summary import board_summary
from probe.collector.web.board_view import BoardView, NetworkColumn, ServiceRow
from probe.collector.web.country_matrix import restricted
from probe.collector.web.display_names import country_name
from probe.collector.web.html_pages import BOARD, RELOAD_SECONDS, missing_page, render
from probe.model.event import Network
from probe.model.verdict import Status

MAX_COLUMNS = 24
"""Networks with a column on a country's page, those with most interference first; the others are linked."""
MAX_LINKED = 200
"""Networks linked below the table."""


async def get_country(request: web.Request) -> web.Response:
    """`/cc/<CC>`: a country, in upper or lower case."""
    code = request.match_info["cc"].upper()
    view = await request.app[BOARD].view()
    networks = {column.network for column in view.networks if column.network.country == code}
    if not networks:
        return missing_page(request, f"No vantage measures in {country_name(code)}", _measured(view))
    return _page(request, view, networks, country_name(code), code)


async def get_network(request: web.Request) -> web.Response:
    """`/as/<n>`: an AS, in every country where it is measured; also `AS<n>`."""
    number = int(request.match_info["asn"].lower().removeprefix("as"))
    view = await request.app[BOARD].view()
    networks = {column.network for column in view.networks if column.network.asn == number}
    if not networks:
        return missing_page(request, f"No vantage measures in AS{number}", _measured(view))
    return _page(request, view, networks, f"AS{number}", "")


def _page(request: web.Request, view: BoardView, networks: set[Network], title: str, country: str) -> web.Response:
    columns, rows = restricted(view, networks)
    shown = {
        column.network for column in sorted(columns, key=lambda column: _rank(column, columns, rows))[:MAX_COLUMNS]
    }
    shown_columns, shown_rows = restricted(view, shown)
    others = [column for column in columns if column.network not in shown]
    failing = tuple(each for each in view.failing if each.network in networks)
    summary = board_summary(view.of(columns, rows, failing))
    return render(
        request,
        "country.html",
        view=view,
        now=view.now,
        title=title,
        country=country,
        summary=summary,
        columns=shown_columns,
        rows=shown_rows,
        hidden=len(others),
        others=others[:MAX_LINKED],
        legend=list(wording.STATUS),
        rule=wording.STATUS_RULE,
        every=max(2.0, RELOAD_SECONDS / request.app[STATE].clock.rate),
    )


def _rank(column: NetworkColumn, columns: tuple[NetworkColumn, ...], rows: tuple[ServiceRow, ...]) -> tuple[int, bool]:
    """Networks with most interference first, then those where somebody is present."""
    number = columns.index(column)
    cells = [cell for row in rows if (cell := row.cells[number]) is not None]
    interfered = sum(1 for cell in cells if cell.event is not None or cell.summary.status is Status.BLOCKED)
    return (-interfered, not column.present)


def _measured(view: BoardView) -> str:
    """What is measured, for a reader who asked for something else."""
    codes = sorted({column.network.country for column in view.networks if column.network.country})
    if not codes:
        return "Nobody has looked yet."
    return f"Measured countries: {', '.join(codes[:40])}."
