"""Freezes and throttled rates: what is shown, and what only looks so."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from probe.judge.evidence_view import Leg
from probe.judge.throttling import SAMPLE, frozen_alone, frozen_by_name, slowed
from probe.model.failure import Failure
from probe.model.observation import ENOUGH_FLOW, Exchange, Flow, Observation
from probe.model.step import Purpose
from probe.model.verdict import ControlFacts, VantageState
from tests.unit.judge.made import URL, A, B, control, http, leg, page, said, tcp, tls

KNOWN = (said("network", A), said("trusted", A))
STOP = Flow(bytes=16_000, took=100, stall=50, quiet=2_800)
CRAWL = Flow(bytes=180_000, took=9_000, stall=300)
QUICK = Flow(bytes=180_000, took=300)
WHOLE = control(pages=(page(URL, length=180_000),))


def stopped(flow: Flow = STOP, **more: object) -> Exchange:
    """A page that stopped."""
    return http(A, failure=Failure.TIMEOUT, length=14_000, flow=flow, **more)


def came(flow: Flow | None, **more: object) -> Exchange:
    """A page that came whole."""
    return http(A, length=180_000, flow=flow, **more)


def other(flow: Flow | None = QUICK, **more: object) -> Exchange:
    """The page under another name, at the same address."""
    return came(flow, purpose=Purpose.NEUTRAL, **{"secure": False, **more})


TURNS = (came(CRAWL), other(), came(CRAWL), other(attempt=1), came(CRAWL), other(attempt=2))
"""Three times slow, three times fast."""


def tried(*pages: Exchange, by: ControlFacts | None = None, **more: object) -> Leg:
    """The pages of the subject as tries of their own, and what came beside them."""
    seen: list[Observation] = []
    attempt = 0
    for one in pages:
        mine = one.purpose is Purpose.SUBJECT
        if mine:
            seen += [tcp(A, attempt=attempt), tls(A, attempt=attempt)]
        fields = {name: getattr(one, name) for name in one.__struct_fields__}
        seen.append(Exchange(**{**fields, "attempt": attempt if mine else one.attempt}))
        attempt += mine
    return leg(*KNOWN, *seen, by=by, **more)


def test_a_page_that_stops_thrice_and_passes_under_another_name_is_frozen() -> None:
    """Whatever control says, or does not say."""
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped()))
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped(), by=WHOLE))


def test_one_of_three_stops_may_have_come_late() -> None:
    """Two show what it is; one does not."""
    late = stopped(Flow(bytes=16_500, took=1_600, stall=700, quiet=1_300))

    assert frozen_by_name(tried(stopped(), other(), late, other(attempt=1), stopped(), other(attempt=2)))
    assert not slowed(tried(stopped(), other(), late, other(attempt=1), stopped(), other(attempt=2)))
    assert not frozen_by_name(tried(stopped(), other(), late, other(attempt=1), late, other(attempt=2)))


def test_twice_is_no_freeze() -> None:
    """Two connections may have been unlucky."""
    assert not frozen_by_name(tried(stopped(), other(), stopped()))


@pytest.mark.parametrize(
    "beside",
    [
        (),
        (other(None),),
        (other(Flow(bytes=15_000)),),
        (other(Flow(bytes=16_000)),),
        (other(QUICK, status=0),),
        (other(STOP, complete=False, failure=Failure.TIMEOUT),),
    ],
)
def test_another_name_shows_something_only_where_more_came_of_it(beside: tuple[Exchange, ...]) -> None:
    """Nothing, a small page, as much, no answer, or the same stop prove nothing."""
    assert not frozen_by_name(tried(stopped(), *beside, stopped(), stopped()))


@pytest.mark.parametrize(
    "beside",
    [other(Flow(bytes=20_000)), other(Flow(bytes=ENOUGH_FLOW), complete=False, failure=Failure.TIMEOUT)],
    ids=["whole", "as much as no freeze lets through"],
)
def test_another_name_shows_a_freeze_by_a_whole_page_or_by_enough_of_one(beside: Exchange) -> None:
    """Either, if it is more than ever came."""
    assert frozen_by_name(tried(stopped(), beside, stopped(), stopped()))


@pytest.mark.parametrize("end", [Failure.RESET, Failure.TIMEOUT])
def test_a_page_that_ended_otherwise_once_is_no_freeze(end: Failure) -> None:
    """Cut at once, or never begun."""
    once = http(A, 200 if end is Failure.RESET else 0, end, length=0, flow=STOP if end is Failure.RESET else None)

    assert not frozen_by_name(tried(stopped(), other(), stopped(), stopped(), once))


def test_most_of_the_tries_must_have_stopped() -> None:
    """Two of three are most of them, two of four are not."""
    late = stopped(Flow(bytes=16_500, took=1_600, stall=700, quiet=1_300))

    assert not frozen_by_name(tried(stopped(), other(), late, stopped(), late))


def test_the_address_where_another_name_passes_must_have_stopped_the_page_twice() -> None:
    """However often others did."""
    once = tried(stopped(), other()).evidence.observations
    elsewhere = [replace(one, address=B) for one in tried(stopped(), stopped()).evidence.observations[2:]]

    assert not frozen_by_name(leg(said("network", A, B), said("trusted", A, B), *once[2:], *elsewhere))
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped()))


def test_what_stops_at_control_too_is_the_servers() -> None:
    """Whatever it does under another name."""
    three = (stopped(), other(), stopped(), stopped())

    assert not frozen_by_name(tried(*three, by=control(failures=("body.timeout",))))


@pytest.mark.parametrize(
    "flow",
    [
        Flow(bytes=16_000, took=2_000, stall=1_900, quiet=900),
        Flow(bytes=16_000, took=2_000, stall=1_500, quiet=2_100),
        Flow(bytes=16_000, took=2_900, stall=500, quiet=2_800),
        Flow(bytes=3_000, took=10, quiet=2_900),
    ],
)
def test_silence_shorter_than_a_lossy_lines_is_no_freeze(flow: Flow) -> None:
    """It must last two seconds, as long as all before and twice the longest pause; and kilobytes must have come."""
    assert not frozen_by_name(tried(stopped(flow), other(), stopped(flow), stopped(flow)))


def test_three_stops_here_alone_are_a_freeze_where_control_got_more() -> None:
    """As often as any silence must be heard."""
    three = (stopped(), stopped(), stopped())

    assert frozen_alone(tried(*three, by=WHOLE))
    assert not frozen_alone(tried(*three))
    assert not frozen_alone(tried(*three[:2], by=WHOLE))
    assert not frozen_alone(tried(*three, by=control(pages=(page(URL, length=9_000),))))
    assert not frozen_alone(tried(*three, by=control(pages=(page(URL, length=14_000),))))
    assert not frozen_alone(tried(*three[:2], stopped(Flow(bytes=5_000, took=2_900, quiet=100)), by=WHOLE))


def test_a_page_that_comes_five_times_faster_under_another_name_is_slowed() -> None:
    """In turns, within a minute."""
    assert slowed(tried(*TURNS))
    assert slowed(tried(*(came(CRAWL, at=70_000), other(at=130_000)) * 3))


def test_the_least_that_is_slowed() -> None:
    """A fifth of 50,000 bytes a second, which brought half as much."""
    tenth = Flow(bytes=180_000, took=18_000)

    assert slowed(tried(*(came(tenth), other(Flow(bytes=180_000, took=3_600))) * 3))
    assert not slowed(tried(*(came(tenth), other(Flow(bytes=180_000, took=3_601))) * 3))
    assert slowed(tried(*(came(CRAWL), other(Flow(bytes=90_000, took=300))) * 3))
    assert not slowed(tried(*(came(CRAWL), other(Flow(bytes=89_999, took=300))) * 3))


@pytest.mark.parametrize(
    "pages",
    [
        TURNS[:4],
        (came(CRAWL),) * 3,
        (*TURNS[:4], came(QUICK), other(attempt=2)),
        (came(CRAWL), other(CRAWL)) * 3,
        (*TURNS[:5], other(Flow(bytes=180_000, took=4_000), attempt=2)),
        (came(Flow(bytes=180_000, took=60_000)), other(Flow(bytes=180_000, took=4_000))) * 3,
        (came(CRAWL), other(Flow(bytes=20_000, took=10))) * 3,
        (came(CRAWL), other(at=90_000)) * 3,
        (*TURNS[:4], came(None), other(attempt=2)),
        (stopped(), other()) * 3,
    ],
    ids=[
        "twice",
        "no other",
        "quick again",
        "all slow",
        "other slow once",
        "a slow line",
        "other small",
        "later",
        "small",
        "frozen",
    ],
)
def test_less_than_that_shows_nothing(pages: tuple[Exchange, ...]) -> None:
    """A slow line, congestion that passes, a burst, an hour between, a small page."""
    assert not slowed(tried(*pages))


def test_a_trickle_until_time_is_up_is_slowed_too() -> None:
    """Seven hundred bytes a second never make an answer."""
    trickle = stopped(Flow(bytes=6_000, took=9_000, stall=2_000, quiet=900))

    assert slowed(tried(*(trickle, other()) * 3))


def test_where_the_vantage_is_policed_nothing_is_said_of_a_rate() -> None:
    """Our own pace is punished."""
    assert not slowed(tried(*TURNS, state=VantageState.POLICED))


def test_a_rate_is_one_from_sixteen_kilobytes_on() -> None:
    """On either side."""
    slow, fast = Flow(bytes=SAMPLE, took=3_000), Flow(bytes=SAMPLE, took=100)

    assert slowed(tried(*(came(slow), other(fast)) * 3))
    assert not slowed(tried(*(came(slow), other(Flow(bytes=SAMPLE - 1, took=100))) * 3))


def test_where_the_name_is_not_found_or_leads_nowhere_nothing_is_said_of_a_rate() -> None:
    """A lie, or redirects without end, are what is wrong."""
    seen = tried(*TURNS).evidence.observations[2:]
    lost = (came(CRAWL, status=302, location=URL), other())

    assert slowed(leg(*KNOWN, *seen))
    assert not slowed(leg(said("network", failure=Failure.NXDOMAIN), said("trusted", A), *seen))
    assert not slowed(tried(*lost * 3))
