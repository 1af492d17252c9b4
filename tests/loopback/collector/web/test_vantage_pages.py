"""The page of a vantage under its public name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from probe.collector.state import public_name
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change
from tests.loopback.collector.web.test_html_pages import page

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def test_a_volunteer_sees_whether_reports_arrive_and_where_the_vantage_differs(
    server: Server, enrolled: Enrolled
) -> None:
    """Two of one network that disagree; neither page names the agent."""
    one, two = await enrolled(), await enrolled()
    await report(server, one, change(T, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED))
    await report(server, two)
    await fused(server)
    names = [public_name(server.collector.secret, agent.id, agent.network) for agent in (one, two)]

    first, second = [await page(server, f"/v/{name}") for name in names]

    assert "Its reports arrive: the latest round ended at" in first
    assert "dns.spoofed" in first
    assert "(differs)" in second
    assert all(agent.id not in text for agent in (one, two) for text in (first, second))


async def test_an_unknown_name_is_not_found(server: Server) -> None:
    """With a hint where one's own name stands."""
    assert "probe status" in await page(server, "/v/abcdefgh", status=404)
