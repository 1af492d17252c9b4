"""Throttling predicates: freezes of pages and uploads, and rate limits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from probe.judge import judge
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.throttling import (
    MIN_RATE_BYTES,
    frozen_by_name,
    frozen_only_here,
    rate_limited,
    slowed_by_address,
)
from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES, Flow
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange, Observation, Sending
from probe.model.target import parse
from probe.model.verdict import Cause, ControlFacts, Evidence, Status, VantageState
from tests.unit.judge.builders import HTTP, TIME, URL, A, B, control, hop_of, http, page, said, served, tcp, tls

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


def tried(*pages: Exchange, by: ControlFacts | None = None, **more: object) -> EvidenceHop:
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
    return hop_of(*KNOWN, *seen, by=by, **more)


def test_a_page_that_stops_three_times_and_passes_under_another_name_is_frozen() -> None:
    """Whatever the control says."""
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped()))
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped(), by=WHOLE))


def test_one_of_three_stops_may_have_come_late() -> None:
    """Two show a freeze; one does not."""
    late = stopped(Flow(bytes=16_500, took=1_600, stall=700, quiet=1_300))

    assert frozen_by_name(tried(stopped(), other(), late, other(attempt=1), stopped(), other(attempt=2)))
    assert not rate_limited(tried(stopped(), other(), late, other(attempt=1), stopped(), other(attempt=2)))
    assert not frozen_by_name(tried(stopped(), other(), late, other(attempt=1), late, other(attempt=2)))


def test_a_freeze_on_a_slow_line_is_one() -> None:
    """The page takes longer to its stop than is left, and under the other name it comes neither whole nor to 64 KiB."""
    stop = stopped(Flow(bytes=21_000, took=2_600, stall=230, quiet=2_300))
    on = other(Flow(bytes=46_000, took=4_900, stall=230), complete=False, failure=Failure.TIMEOUT)

    assert frozen_by_name(tried(stop, on, stop, replace(on, attempt=1), stop))
    assert not frozen_by_name(tried(stop, on, stop, stop)), "once under the other name"


@pytest.mark.parametrize(
    "second",
    [
        Flow(bytes=41_999, took=4_900, stall=230),
        Flow(bytes=60_000, took=1_000, stall=230, quiet=3_900),
        Flow(bytes=21_000, took=2_600, stall=230, quiet=2_300),
    ],
    ids=["not far beyond", "stopped further on", "stopped alike"],
)
def test_every_transfer_under_the_other_name_must_come_far_beyond_the_stop(second: Flow) -> None:
    """A slow line that stops and goes on would let one of them pass by chance."""
    stop = stopped(Flow(bytes=21_000, took=2_600, stall=230, quiet=2_300))
    on = other(Flow(bytes=46_000, took=4_900, stall=230), complete=False, failure=Failure.TIMEOUT)

    assert not frozen_by_name(tried(stop, on, stop, replace(on, attempt=1, flow=second), stop))


def test_two_stops_are_no_freeze() -> None:
    """Two connections may be bad luck."""
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
def test_another_name_counts_only_where_more_of_the_page_came(beside: tuple[Exchange, ...]) -> None:
    """Nothing, a small page, as much, no answer, or the same stop prove nothing."""
    assert not frozen_by_name(tried(stopped(), *beside, stopped(), stopped()))


@pytest.mark.parametrize(
    "beside",
    [other(Flow(bytes=20_000)), other(Flow(bytes=MAX_FREEZE_BYTES), complete=False, failure=Failure.TIMEOUT)],
    ids=["whole", "as much as no freeze lets through"],
)
def test_a_whole_page_or_64_kib_under_another_name_shows_a_freeze(beside: Exchange) -> None:
    """If it is more than ever came."""
    assert frozen_by_name(tried(stopped(), beside, stopped(), stopped()))


@pytest.mark.parametrize("end", [Failure.RESET, Failure.TIMEOUT])
def test_a_page_that_failed_in_another_way_once_is_no_freeze(end: Failure) -> None:
    """Cut at once, or never begun."""
    once = http(A, 200 if end is Failure.RESET else 0, end, length=0, flow=STOP if end is Failure.RESET else None)

    assert not frozen_by_name(tried(stopped(), other(), stopped(), stopped(), once))


def test_two_thirds_of_the_attempts_must_have_stopped() -> None:
    """Two of three are enough, two of four are not."""
    late = stopped(Flow(bytes=16_500, took=1_600, stall=700, quiet=1_300))

    assert not frozen_by_name(tried(stopped(), other(), late, stopped(), late))


def test_the_address_where_another_name_passes_must_have_stopped_the_page_twice() -> None:
    """However often others did."""
    once = tried(stopped(), other()).evidence.observations
    elsewhere = [replace(one, address=B) for one in tried(stopped(), stopped()).evidence.observations[2:]]

    assert not frozen_by_name(hop_of(said("network", A, B), said("trusted", A, B), *once[2:], *elsewhere))
    assert frozen_by_name(tried(stopped(), other(), stopped(), stopped()))


def test_a_page_that_stops_at_the_control_too_is_no_freeze() -> None:
    """The server does it, whatever it does under another name."""
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
def test_a_silence_as_short_as_a_lossy_lines_is_no_freeze(flow: Flow) -> None:
    """It must last two seconds, as long as all before and twice the longest pause; and kilobytes must have come."""
    assert not frozen_by_name(tried(stopped(flow), other(), stopped(flow), stopped(flow)))


def test_three_stops_only_here_are_a_freeze_where_the_control_got_more() -> None:
    """As often as any silence must repeat."""
    three = (stopped(), stopped(), stopped())

    assert frozen_only_here(tried(*three, by=WHOLE))
    assert not frozen_only_here(tried(*three))
    assert not frozen_only_here(tried(*three[:2], by=WHOLE))
    assert not frozen_only_here(tried(*three, by=control(pages=(page(URL, length=9_000),))))
    assert not frozen_only_here(tried(*three, by=control(pages=(page(URL, length=14_000),))))
    assert not frozen_only_here(tried(*three[:2], stopped(Flow(bytes=5_000, took=2_900, quiet=100)), by=WHOLE))


def test_a_page_that_froze_once_among_five_silent_requests_is_a_freeze() -> None:
    """What is a freeze on a slow line; a page that was still coming is none."""
    silent = http(A, 0, Failure.TIMEOUT, length=0)

    assert frozen_only_here(tried(*[silent] * 4, stopped(), by=WHOLE))
    assert not frozen_only_here(tried(*[silent] * 3, stopped(), by=WHOLE))
    assert not frozen_only_here(tried(*[silent] * 5, by=WHOLE))
    assert not frozen_only_here(tried(*[silent] * 3, stopped(), stopped(Flow(bytes=5_000, took=2_900)), by=WHOLE))


def test_a_page_that_comes_five_times_faster_under_another_name_is_rate_limited() -> None:
    """In turns, within a minute."""
    assert rate_limited(tried(*TURNS))
    assert rate_limited(tried(*(came(CRAWL, at=70_000), other(at=130_000)) * 3))


def test_the_smallest_rate_limit() -> None:
    """A fifth of 50,000 bytes a second, which brought half as much."""
    tenth = Flow(bytes=180_000, took=18_000)

    assert rate_limited(tried(*(came(tenth), other(Flow(bytes=180_000, took=3_600))) * 3))
    assert not rate_limited(tried(*(came(tenth), other(Flow(bytes=180_000, took=3_601))) * 3))
    assert rate_limited(tried(*(came(CRAWL), other(Flow(bytes=90_000, took=300))) * 3))
    assert not rate_limited(tried(*(came(CRAWL), other(Flow(bytes=89_999, took=300))) * 3))


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
def test_less_than_that_is_no_rate_limit(pages: tuple[Exchange, ...]) -> None:
    """A slow line, congestion that passes, a burst, an hour between, a small page."""
    assert not rate_limited(tried(*pages))


def test_a_trickle_until_time_is_up_is_rate_limited_too() -> None:
    """Seven hundred bytes a second never make an answer."""
    trickle = stopped(Flow(bytes=6_000, took=9_000, stall=2_000, quiet=900))

    assert rate_limited(tried(*(trickle, other()) * 3))


def test_a_policed_vantage_shows_no_rate_limit() -> None:
    """The network punishes our own pace."""
    assert not rate_limited(tried(*TURNS, state=VantageState.POLICED))


def test_a_rate_takes_sixteen_kilobytes() -> None:
    """On either side."""
    slow, fast = Flow(bytes=MIN_RATE_BYTES, took=3_000), Flow(bytes=MIN_RATE_BYTES, took=100)

    assert rate_limited(tried(*(came(slow), other(fast)) * 3))
    assert not rate_limited(tried(*(came(slow), other(Flow(bytes=MIN_RATE_BYTES - 1, took=100))) * 3))


def test_a_name_that_is_not_found_or_a_broken_redirect_shows_no_rate_limit() -> None:
    """Other rules decide about them."""
    seen = tried(*TURNS).evidence.observations[2:]
    lost = (came(CRAWL, status=302, location=URL), other())

    assert rate_limited(hop_of(*KNOWN, *seen))
    assert not rate_limited(hop_of(said("network", failure=Failure.NXDOMAIN), said("trusted", A), *seen))
    assert not rate_limited(tried(*lost * 3))


FAR = "23.10.20.30"
ANCHOR = "https://anchor.example.com/"
HELD = Flow(bytes=60_000, took=3_400, stall=400, marks=(300, 1_300), lag=250, segments=45, disordered=8)
CARRIED = Flow(bytes=40_000, took=60, stall=20, marks=(20, 40), segments=30)
SERVED_FAST = control(pages=(page(URL, length=180_000, flow=QUICK),))


def line_page(flow: Flow, at: int, attempt: int = 0, *, trip: int = 30, **more: Any) -> tuple[Observation, ...]:
    """An anchor's page, fetched beside the subject's."""
    where = {"purpose": Purpose.LINE, "attempt": attempt}
    connection = replace(tcp(FAR, **where), took=trip, at=at)
    return connection, replace(http(FAR, **where, **more), url=ANCHOR, flow=flow, at=at, title="")


def crawled(
    *flows: Flow,
    beside: tuple[Flow, ...] = (CARRIED,) * 3,
    trips: tuple[int, int] = (30, 30),
    by: ControlFacts | None = SERVED_FAST,
    more: tuple[Observation, ...] = (),
    step: int = 5_000,
    **of_line: Any,
) -> EvidenceHop:
    """A page that crawls under any name, with an anchor's page in turns; `trips`: to the address, to the anchor."""
    seen: list[Observation] = []
    for attempt, flow in enumerate(flows):
        at = 2 * step * attempt
        seen += [replace(tcp(A, attempt=attempt), took=trips[0]), tls(A, attempt=attempt)]
        seen.append(came(flow, attempt=attempt, at=at))
        seen.append(came(flow, attempt=attempt, at=at + 1, purpose=Purpose.NEUTRAL, secure=False))
    for attempt, flow in enumerate(beside):
        seen += line_page(flow, 2 * step * attempt + step, attempt, trip=trips[1], **of_line)
    return hop_of(*KNOWN, *seen, *more, by=by)


def test_a_page_that_crawls_under_every_name_is_slowed_where_nothing_else_explains_it() -> None:
    """The line carries an anchor's page, the control got the page, and packets were lost on the path."""
    assert slowed_by_address(crawled(HELD, HELD, HELD))
    assert not rate_limited(crawled(HELD, HELD, HELD))


@pytest.mark.parametrize(
    "flow",
    [
        replace(HELD, disordered=0, lag=800),
        replace(HELD, took=9_000, marks=(4_000,), quiet=900, bytes=30_000),
        replace(HELD, disordered=1),
    ],
    ids=["a queue", "not even to the mark", "a fiftieth lost"],
)
def test_packets_that_wait_in_a_queue_are_held_on_the_path_as_lost_ones_are(flow: Flow) -> None:
    """And a page that does not reach the mark is slower still."""
    assert slowed_by_address(crawled(flow, flow, flow))


def test_the_burst_before_a_limit_takes_hold_is_not_part_of_its_speed() -> None:
    """The first of three transfers comes twice as fast as a whole, because 48 kB of it passed at once."""
    first = Flow(bytes=94_252, took=2_948, stall=217, quiet=53, marks=(33, 33, 1_280), segments=74, disordered=8)
    later = Flow(bytes=45_494, took=2_969, stall=258, quiet=31, marks=(1_305, 2_345), segments=39, disordered=9)

    assert first.rate > 2 * later.rate
    large = replace(CARRIED, bytes=265_000, took=100, marks=(10, 20, 40, 60, 98))
    assert slowed_by_address(crawled(first, later, later, beside=(large,) * 3))
    assert not slowed_by_address(crawled(first, later, later)), "the anchor's page is no larger than the burst"
    faster = replace(first, marks=(400, 900, 1_900))
    assert not slowed_by_address(crawled(faster, later, later, beside=(large,) * 3))


def test_a_page_that_shared_the_limit_with_another_chain_is_not_unsteady() -> None:
    """A domain's first two pages come from one address at the same time; the others have it for themselves."""
    starved = replace(HELD, bytes=20_000, took=1_000, quiet=2_400, marks=(300,))
    seen = [
        replace(one, took=3_400) if isinstance(one, Exchange) and not one.at else one
        for one in crawled(starved, HELD, HELD).evidence.observations
    ]
    beside = replace(came(HELD), chain=1, took=3_000)

    assert not slowed_by_address(hop_of(*seen, by=SERVED_FAST))
    assert slowed_by_address(hop_of(*seen, replace(beside, at=500), by=SERVED_FAST))
    assert not slowed_by_address(hop_of(*seen, replace(beside, at=4_000), by=SERVED_FAST))
    assert not slowed_by_address(hop_of(*seen, replace(beside, at=500, address=FAR), by=SERVED_FAST))


def test_the_kernels_round_trip_tells_how_near_an_anchor_is() -> None:
    """A busy host lengthens the first handshakes with the target, and not the later ones with the anchor."""
    hop = crawled(*(HELD,) * 3, trips=(30, 1))
    trips = [one for one in hop.evidence.observations if isinstance(one, Connection)]
    assert trips
    assert not slowed_by_address(hop)

    more = tuple(replace(one, rtt=400, attempt=5 + number) for number, one in enumerate(trips))
    kernels = crawled(*(HELD,) * 3, trips=(30, 1), more=more)

    assert slowed_by_address(kernels)


@pytest.mark.parametrize(
    "hop",
    [
        crawled(HELD, HELD),
        crawled(*(HELD,) * 3, by=None),
        crawled(*(HELD,) * 3, by=control(pages=(page(URL, length=180_000),))),
        crawled(*(HELD,) * 3, by=control(pages=(page(URL, flow=replace(QUICK, took=4_000)),))),
        crawled(*(HELD,) * 3, by=control(Status.DOWN, pages=(page(URL, flow=QUICK),))),
        crawled(*(HELD,) * 3, beside=()),
        crawled(*(HELD,) * 3, beside=(CARRIED,) * 2),
        crawled(*(HELD,) * 3, beside=(CARRIED, HELD, CARRIED)),
        crawled(*(HELD,) * 3, beside=(replace(CARRIED, disordered=1),) * 3),
        crawled(*(HELD,) * 3, beside=(replace(CARRIED, marks=(20,)),) * 3),
        crawled(*(replace(HELD, disordered=0),) * 3),
        crawled(*(replace(HELD, disordered=0, lag=1_000, stall=1_000),) * 3),
        crawled(*(replace(HELD, disordered=0, segments=0, lag=0),) * 3),
        crawled(HELD, replace(HELD, disordered=0), replace(HELD, disordered=0)),
        crawled(*(HELD,) * 3, trips=(600, 600)),
        crawled(*(HELD,) * 3, trips=(30, 3)),
        crawled(HELD, HELD, replace(HELD, took=7_100)),
        crawled(*(replace(HELD, marks=(20, 180)),) * 3),
        crawled(*(HELD,) * 3, step=70_000),
        crawled(*(HELD,) * 3, more=(came(QUICK, attempt=9, purpose=Purpose.NEUTRAL, secure=False),)),
    ],
    ids=[
        "twice",
        "no control",
        "a control without a rate",
        "slow at the control too",
        "down at the control",
        "no anchor's page",
        "two of them",
        "the line slow once",
        "the line loses packets",
        "the anchor's page small",
        "the server sends slowly",
        "the server pauses",
        "another platform",
        "packets lost once",
        "far away",
        "the anchor near",
        "unsteady",
        "the first bytes fast",
        "hours apart",
        "fast under another name once",
    ],
)
def test_less_than_that_may_be_the_line_the_server_or_the_distance(hop: EvidenceHop) -> None:
    """Each of them alone acquits."""
    assert not slowed_by_address(hop)


UPLOAD_STOPPED = {"failure": Failure.TIMEOUT, "sent": 18_000, "quiet": 3_000, "stall": 90, "took": 3_400}
UPLOAD_PASSED = {"sent": 68_000, "complete": True}


def sending(at: int, purpose: Purpose = Purpose.SUBJECT, **more: Any) -> Sending:
    """One at this millisecond: the own name's stops, the other's is whole."""
    fields = {
        "url": URL,
        "address": A,
        "sni": "x",
        **(UPLOAD_PASSED if purpose is Purpose.NEUTRAL else UPLOAD_STOPPED),
        **more,
    }
    return Sending(at=at, purpose=purpose, **fields)


N = Purpose.NEUTRAL
NETWORK_ANSWER = said("network", A)
UPLOADS = (sending(100), sending(200, N), sending(300), sending(400, N))


def rule(*seen: Observation, control: ControlFacts | None = None, state: VantageState = VantageState.ONLINE) -> str:
    """The rule that decides the page, with these sendings beside it."""
    return judge(
        parse(URL), Evidence(observations=(NETWORK_ANSWER, *served(), *seen), control=control), state, time=TIME
    ).rule


def test_two_stopped_uploads_in_turns_with_two_that_pass_are_a_freeze() -> None:
    """In whatever order the evidence lists them."""
    assert rule(*UPLOADS) == rule(*reversed(UPLOADS)) == "throttle.freeze.sent"


@pytest.mark.parametrize(
    "seen",
    [
        UPLOADS[:3],
        UPLOADS[1:],
        (UPLOADS[0], UPLOADS[2], UPLOADS[1], sending(250)),
        (UPLOADS[0], UPLOADS[2], UPLOADS[3], sending(500, N)),
        (*UPLOADS, sending(500, N, complete=False, failure=Failure.TIMEOUT)),
        (*UPLOADS, sending(350, **UPLOAD_PASSED, failure=None)),
        (*UPLOADS, sending(350, failure=Failure.EOF)),
        (*UPLOADS[:2], sending(300, sent=18_000 + 8_193), UPLOADS[3]),
        tuple(sending(one.at, one.purpose, address=B) for one in UPLOADS),
        tuple(sending(one.at, one.purpose, hop=1) for one in UPLOADS),
        tuple(sending(one.at, one.purpose, url=URL + "a") for one in UPLOADS),
        (sending(100), sending(200, N), sending(300, address=B), sending(400, N)),
    ],
)
def test_less_than_that_is_no_frozen_upload(seen: tuple[Sending, ...]) -> None:
    """Once, not in turns, the other name not whole each time, the own name ever whole or closed, places far apart."""
    assert rule(*seen) == "served"


@pytest.mark.parametrize(
    ("change", "froze"),
    [
        ({}, True),
        ({"sent": 8_191}, False),
        ({"sent": 8_192}, True),
        ({"sent": 65_535}, True),
        ({"sent": 65_536}, False),
        ({"quiet": 2_000, "took": 2_400}, True),
        ({"quiet": 1_999, "took": 2_400, "stall": 400}, False),
        ({"stall": 1_500}, True),
        ({"stall": 1_501}, False),
        ({"took": 6_000, "stall": 400}, True),
        ({"took": 6_001, "stall": 400}, False),
        ({"took": 9_000}, True),
        ({"complete": True}, False),
        ({"failure": Failure.RESET}, False),
    ],
)
def test_an_uploads_silence_must_be_longer_than_all_that_came_before_it(change: dict[str, Any], froze: bool) -> None:
    """By its bounds."""
    assert sending(0, **change).frozen is froze


def test_an_upload_counts_where_the_target_was_served_over_verified_tls() -> None:
    """At that address, from an online vantage."""
    clear = judge(
        parse(HTTP),
        Evidence(observations=(NETWORK_ANSWER, tcp(port=80), http(url=HTTP), *UPLOADS)),
        VantageState.ONLINE,
    )
    insecure = Evidence(observations=(NETWORK_ANSWER, *served()[:2], http(secure=False), *UPLOADS))

    assert clear.rule == "served"
    assert judge(parse(URL), insecure, VantageState.ONLINE).rule != "throttle.freeze.sent"
    assert rule(*UPLOADS, state=VantageState.POLICED) == "served"
    assert rule(*UPLOADS, state=VantageState.OFFLINE) == "vantage.offline"


def test_an_upload_that_freezes_at_the_control_too_is_the_servers_own() -> None:
    """The verdict stays as it was."""
    frozen = ControlFacts(time=TIME, statuses=(Status.THROTTLED,), causes=(Cause.THROTTLE_FREEZE,))
    well = ControlFacts(time=TIME, statuses=(Status.REACHABLE,))

    assert rule(*UPLOADS, control=frozen) == "served"
    assert rule(*UPLOADS, control=well) == "throttle.freeze.sent"
