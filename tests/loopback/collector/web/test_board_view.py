"""The data of the board, read from the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from probe.collector.web.board_view import BoardView, board_view
from probe.model.event import Scope
from probe.model.verdict import Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import SERVICES, T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def seen(server: Server) -> BoardView:
    """The board as of now."""
    await fused(server)
    now = server.collector.clock.now()
    return await server.collector.store.read(lambda session: board_view(session, now))


async def test_rows_are_ordered_by_status_then_by_number_of_networks(server: Server, enrolled: Enrolled) -> None:
    """Rows that are equal in both are ordered by name."""
    services = {name: name for name in ("alpha", "beta", "gamma")}
    for asn in (64500, 64501):
        agent = await enrolled(asn=asn)
        changes = [change("gamma", Status.BLOCKED, NOW - HOUR)]
        changes += [change("beta", Status.BLOCKED, NOW - HOUR)] if asn == 64500 else []
        whole = tuple(settled(name, NOW - 2 * HOUR) for name in services)
        batch = agent.batch(rounds=rounds(NOW - 2 * HOUR, 24), settled=whole, changes=changes, services=services)
        await agent.post(server.http, batch)

    view = await seen(server)

    assert [line.service for line in view.rows] == ["gamma", "beta", "alpha"]
    assert [cell.summary.status for cell in view.rows[1].cells if cell] == [Status.BLOCKED, Status.REACHABLE]


async def test_a_cell_s_status_dates_from_the_onset_or_the_end_of_its_event(server: Server, enrolled: Enrolled) -> None:
    """It does not date from the first report of the vantage."""
    agent = await enrolled()
    away = change(T, Status.REACHABLE, NOW - HOUR, before=Status.BLOCKED)
    await report(server, agent, change(T, Status.BLOCKED, NOW - 3 * HOUR), away)

    view = await seen(server)

    (cell,) = view.rows[0].cells
    assert cell is not None
    assert cell.event is None
    assert abs(cell.since - (NOW - HOUR)) < timedelta(milliseconds=2)
    assert [bar.kind for bar in view.strips.strip("WeChat", cell.summary.network).bars] == ["reachable", "blocked"]
    assert [each.revision.kind for each in view.recent] == ["lifted", "began"]


async def test_a_network_shows_its_present_vantages_and_their_states(server: Server, enrolled: Enrolled) -> None:
    """Online, behind an allow-list, or absent; a control does not count as a vantage."""
    for asn, state, hours in ((64500, "online", 1), (64501, "allowlist", 1), (64502, "online", 9)):
        agent = await enrolled(asn=asn)
        batch = agent.batch(rounds=rounds(NOW - hours * HOUR, 12, state), settled=(settled(T, NOW),), services=SERVICES)
        await agent.post(server.http, batch)
    control = await enrolled(asn=64999, role="control", country="SE")
    await control.post(server.http, control.batch(rounds=rounds(NOW - HOUR, 12)))

    view = await seen(server)

    assert [(place.network.asn, place.present, place.states) for place in view.networks] == [
        (64500, 1, ()),
        (64501, 0, ("allowlist",)),
        (64502, 0, ()),
    ]
    assert (view.controls, view.own_control) == (1, False)
    assert [cell.summary.status for cell in view.rows[0].cells if cell] == [
        Status.REACHABLE,
        Status.UNKNOWN,
        Status.UNKNOWN,
    ]


async def test_a_country_s_event_replaces_those_of_its_networks(server: Server, enrolled: Enrolled) -> None:
    """This is so among the ongoing events; the cells still have each network's."""
    for asn in (64500, 64501, 64502):
        await report(server, await enrolled(asn=asn), change(T, Status.BLOCKED, NOW - HOUR))

    view = await seen(server)

    assert [event.scope for event in view.ongoing] == [Scope.COUNTRY]
    assert all(cell and cell.event for cell in view.rows[0].cells)


async def test_the_strip_is_painted_by_status_and_not_by_presence(server: Server, enrolled: Enrolled) -> None:
    """A service that was unreachable for two of its three hours is blue for one."""
    agent = await enrolled()
    gone = settled(T, NOW - 2 * HOUR, Status.UNREACHABLE)
    await agent.post(server.http, agent.batch(rounds=rounds(NOW - 3 * HOUR, 36), settled=(gone,), services=SERVICES))

    view = await seen(server)

    (cell,) = view.rows[0].cells
    assert cell is not None
    strip = view.strips.strip("WeChat", cell.summary.network)
    assert {bar.kind for bar in strip.bars} == {"reachable", "failing"}
    assert "unreachable or down 2 h" in strip.description
