"""The data of a service's page, read from the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from probe.collector.web.service_view import ServiceView, service_view
from probe.fuse.service import PartStatus
from probe.lists.register_diff import ChangeKind
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.vantages import FakeAgent, change
from tests.loopback.collector.web.test_service_pages import HOUR, NOW, T, listed, report

Enrolled = Callable[..., Awaitable[FakeAgent]]


async def seen(server: Server, service: str = "wechat") -> ServiceView:
    """A service as of now."""
    await fused(server)
    now = server.collector.clock.now().replace(microsecond=0)
    view = await server.collector.store.read(lambda session: service_view(session, service, now))
    assert view is not None
    return view


async def test_the_country_with_most_interference_comes_first(server: Server, enrolled: Enrolled) -> None:
    """In the timeline, too: its register, then its networks."""
    await report(server, await enrolled(asn=64501, country="KZ"))
    await report(server, await enrolled(asn=64502, country="RU"), change(T, Status.BLOCKED, NOW - HOUR))
    await listed(server, ChangeKind.LISTED)

    view = await seen(server)

    assert [country.code for country in view.countries] == ["RU", "KZ"]
    assert [(lane.country, lane.network is None) for lane in view.lanes] == [
        ("RU", True),
        ("RU", False),
        ("KZ", False),
    ]
    assert view.countries[0].listed is not None
    assert view.countries[1].listed is None


async def test_only_the_service_s_own_targets_count(server: Server, enrolled: Enrolled) -> None:
    """A blocked target of another service does not count."""
    services = {T: "wechat", "https://line.me/": "line"}
    flip = change("https://line.me/", Status.BLOCKED, NOW - HOUR, Cause.TCP_RESET)
    await report(server, await enrolled(), flip, services=services)

    view = await seen(server)

    (standing,) = view.countries[0].networks
    assert standing.cell.summary.status is Status.REACHABLE
    assert standing.cell.summary.parts == (
        PartStatus(name="web", status=Status.REACHABLE, works=1, interfered=0, measured=1),
    )
    assert (view.events, view.comparisons) == ((), ())


async def test_the_timeline_begins_before_the_first_listing_or_event(server: Server, enrolled: Enrolled) -> None:
    """A listing of last year is within it."""
    await report(server, await enrolled())
    await listed(server, ChangeKind.LISTED, since=NOW - timedelta(days=400))

    view = await seen(server)

    assert view.since < NOW - timedelta(days=400)
    assert view.lanes[0].timeline.description.startswith("listed from")


async def test_a_form_of_target_that_only_a_later_version_knows_is_a_part_of_its_own(
    server: Server, enrolled: Enrolled
) -> None:
    """An agent of a later version may send one."""
    await report(server, await enrolled(), services={"smoke://signal": "wechat"})

    view = await seen(server)

    summary = view.countries[0].networks[0].cell.summary
    assert (summary.status, [part.name for part in summary.parts]) == (Status.REACHABLE, ["other"])
