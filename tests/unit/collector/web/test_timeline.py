"""Timelines drawn as bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.collector.web.timeline import WIDTH, listing_timeline, network_timeline, vantage_timeline
from probe.model.event import Presence
from probe.model.verdict import Status
from tests.unit.collector.web.test_wording import EVENT

START = datetime(2017, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EMPTY_NETWORK = EVENT.network


def there(start: float, stop: float) -> Presence:
    """A presence from one day to another after the strip's start, with intervals of half an hour."""
    return Presence(
        agent="a",
        network=EMPTY_NETWORK,
        start=START + start * DAY,
        stop=START + stop * DAY - timedelta(hours=1),
        interval=1800,
        rounds=9,
    )


def test_presence_and_blocks_are_drawn_to_scale() -> None:
    """Ten days wide: a tenth of the width for each day."""
    event = msgspec.structs.replace(EVENT, onset=START + 3 * DAY, lifted=START + 5 * DAY)

    drawn = network_timeline([event], [there(2, 8)], START, START + 10 * DAY)

    assert [(bar.kind, bar.x, bar.width) for bar in drawn.bars] == [("reachable", 200, 600), ("blocked", 300, 200)]
    assert drawn.description == "Last 10 d: blocked 2 d; vantages present 6 d"


def test_periods_beyond_the_strip_are_cut() -> None:
    """At both ends."""
    event = msgspec.structs.replace(EVENT, onset=START - 3 * DAY, lifted=None)

    drawn = network_timeline([event], [], START, START + 10 * DAY)

    assert [(bar.x, bar.width) for bar in drawn.bars] == [(0, WIDTH)]


def test_vantages_that_overlap_are_one_presence() -> None:
    """And a gap between presences stays a gap."""
    drawn = network_timeline([], [there(0, 2), there(1, 4), there(6, 7)], START, START + 10 * DAY)

    assert [(bar.x, bar.width) for bar in drawn.bars] == [(0, 400), (600, 100)]
    assert drawn.description == "Last 10 d: no interference; vantages present 5 d"


def test_a_short_block_is_still_visible() -> None:
    """A minute in a month would be narrower than a pixel."""
    event = msgspec.structs.replace(EVENT, onset=START + DAY, lifted=START + DAY + timedelta(minutes=1))

    (bar,) = network_timeline([event], [], START, START + 10 * DAY).bars

    assert bar.width >= 6


def test_a_vantage_s_part_is_drawn_on_the_event_s_scale() -> None:
    """With a description for screen readers."""
    drawn = vantage_timeline(Status.THROTTLED, (START + 2 * DAY, START + 4 * DAY), START, START + 10 * DAY)

    assert [(bar.kind, bar.x, bar.width) for bar in drawn.bars] == [("throttled", 200, 200)]
    assert drawn.description == "throttled from 3 May 2017, 00:00 UTC to 5 May 2017, 00:00 UTC"


def test_a_register_s_timeline_shows_certain_and_possible_listing() -> None:
    """Between two snapshots a service may have been listed or not."""
    days = [datetime(2017, 5, day, tzinfo=UTC) for day in (1, 3, 5, 11)]

    drawn = listing_timeline([(days[1], days[2])], [(days[0], days[1])], days[0], days[3])

    assert [(bar.kind, bar.x, bar.width) for bar in drawn.bars] == [("maybe", 0, 200), ("listed", 200, 200)]
    assert drawn.description.startswith(
        "listed from 3 May 2017, 00:00 UTC to 5 May 2017, 00:00 UTC; perhaps listed between 1"
    )
    assert listing_timeline([], [], days[0], days[3]).description == "not listed"


def test_a_time_in_which_the_service_failed_is_not_painted_as_reachable() -> None:
    """Nor is a time in which nobody looked painted as failing."""
    failing = [(START + 3 * DAY, START + 5 * DAY), (START + 7 * DAY, None)]

    drawn = network_timeline([], [there(2, 8)], START, START + 10 * DAY, failing)

    assert [(bar.kind, bar.x, bar.width) for bar in drawn.bars] == [
        ("reachable", 200, 100),
        ("reachable", 500, 200),
        ("failing", 300, 200),
        ("failing", 700, 100),
    ]
    assert drawn.description == "Last 10 d: unreachable or down 3 d; vantages present 6 d"
