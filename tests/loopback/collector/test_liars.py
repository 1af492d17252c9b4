"""Liars: vantages that collude, up to half of all, and what they can flip: nothing.

Their evidence is forged well: it is judged as they say. Everything passes intake, the store and the fuser of a real
collector.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from probe.model.event import Confidence, Event, Network
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.vantages import FakeAgent, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
T = "https://wechat.example/"
SERVICES = {T: "WeChat"}


async def report(server: Server, agent: FakeAgent, *changes: object, **parts: object) -> None:
    """Send five hours of rounds, the target reachable at their beginning, and these changes."""
    begun = (settled(T, NOW - 5 * HOUR),)
    batch = agent.batch(
        **{"rounds": rounds(NOW - 5 * HOUR, 60), "settled": begun, "changes": changes, "services": SERVICES} | parts
    )
    assert (await agent.post(server.http, batch))[0] == 200


def confirmed(events: list[Event]) -> list[Event]:
    """Those that count as flips."""
    return [event for event in events if event.confidence is Confidence.CONFIRMED]


@pytest.mark.parametrize("liars", [1, 2, 3, 4, 5])
async def test_up_to_half_of_a_network_confirms_no_block(server: Server, enrolled: Enrolled, liars: int) -> None:
    """Each of a sponsor of its own; as many or more reach the target."""
    for number in range(10):
        lies = (change(T, Status.BLOCKED, NOW - 2 * HOUR, Cause.DNS_BOGON),) if number < liars else ()
        await report(server, await enrolled(), *lies)

    assert confirmed(await fused(server)) == []


async def test_many_vantages_of_one_sponsor_confirm_nothing(server: Server, enrolled: Enrolled) -> None:
    """In one network alone, and in five at once, where nobody contradicts them."""
    for asn in (64500, 64500, 64500, 64501, 64502, 64503, 64504):
        await report(server, await enrolled(asn=asn, sponsor="liars"), change(T, Status.BLOCKED, NOW - 2 * HOUR))

    found = await fused(server)

    assert confirmed(found) == []
    assert {event.confidence for event in found} == {Confidence.ONE_SOURCE}


async def test_one_vantage_in_five_networks_is_in_the_one_it_enrolled_with(server: Server, enrolled: Enrolled) -> None:
    """It is told so, and there is no event of the country."""
    agent = await enrolled()
    for asn in (64500, 64501, 64502, 64503, 64504):
        agent.network = Network(asn=asn, country="RU")
        await report(server, agent, change(T, Status.BLOCKED, NOW - 2 * HOUR))
    answer = (await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 1))))[1]

    (event,) = await fused(server)

    assert (event.network.asn, event.confidence) == (64500, Confidence.ONE_SOURCE)
    assert answer["no_vote"] == ["other_network"]


@pytest.mark.parametrize("liars", [1, 3, 5])
async def test_up_to_half_of_a_network_lifts_no_block(server: Server, enrolled: Enrolled, liars: int) -> None:
    """They saw the block like the others, and say that it has ended; the honest still see it."""
    for number in range(10):
        agent = await enrolled()
        await report(server, agent, change(T, Status.BLOCKED, NOW - 4 * HOUR, Cause.DNS_BOGON))
        if number < liars:
            await agent.post(server.http, agent.batch(changes=(change(T, Status.REACHABLE, NOW - 2 * HOUR),)))

    (event,) = await fused(server)

    assert (event.lifted, event.status, event.vantages) == (None, Status.BLOCKED, 10)


async def test_blocks_without_evidence_or_with_that_of_another_target_are_no_events(
    server: Server, enrolled: Enrolled
) -> None:
    """Nor are those whose evidence shows that the target is reachable; the agent is told the reasons."""
    other = change("https://line.example/", Status.BLOCKED, NOW - HOUR).verdict
    works = change(T, Status.REACHABLE, NOW - HOUR).verdict
    told = []
    for verdict in (None, other, works):
        agent = await enrolled()
        flip = change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict, bare=verdict is None)
        told.append((await agent.post(server.http, agent.batch(rounds=rounds(NOW - HOUR, 9), changes=(flip,))))[1])

    assert await fused(server) == []
    reasons = ("no_evidence", "other_target", "judged_otherwise")
    assert [answer["without_vote"] for answer in told] == [{reason: 1} for reason in reasons]


async def test_colluders_who_do_not_measure_a_target_name_no_service_of_it(server: Server, enrolled: Enrolled) -> None:
    """The event keeps its service."""
    await report(server, await enrolled(), change(T, Status.BLOCKED, NOW - 2 * HOUR))
    for _ in range(2):
        liar = await enrolled()
        await liar.post(server.http, liar.batch(rounds=rounds(NOW - HOUR, 1), services={T: "Something else"}))

    assert [event.service for event in await fused(server)] == ["WeChat"]


async def test_a_clock_that_is_wrong_moves_no_event_before_the_enrolment(server: Server, enrolled: Enrolled) -> None:
    """A status since 1990 stood when its agent enrolled, a month ago here."""
    agent = await enrolled()
    old = datetime(1990, 1, 1, tzinfo=UTC)
    await report(server, agent, settled=(), changes=(change(T, Status.BLOCKED, old),))

    (event,) = await fused(server)

    assert event.before_watch
    assert event.onset > NOW - timedelta(days=31)
