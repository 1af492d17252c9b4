"""Events of a service in a network."""

from __future__ import annotations

import pytest

from probe.fuse.fusion import fuse
from probe.fuse.interference_span import interference_spans
from probe.fuse.network_event import NetworkContext, network_events, overlapping, rank_causes
from probe.fuse.presence import PresenceIndex
from probe.model.event import Confidence, Event, Presence, Span
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import MTS, WECHAT, at, ok, span, sponsored, there

SERVICES = {WECHAT: "WeChat", "tcp://203.0.113.9:443": "WeChat"}


def events(spans: list[Span], presences: list[Presence], now: float = 300, **sponsors: str) -> list[Event]:
    """Fused at a moment."""
    return fuse(spans, presences, at(now), SERVICES, sponsored(**sponsors))


def test_one_vantage_makes_an_event_of_one_source() -> None:
    """Its confidence says so."""
    (event,) = events([span("a", 10, None, Status.BLOCKED, Cause.DNS_SPOOFED)], [there("a", 0, 300)])

    assert (event.service, event.status, event.confidence) == ("WeChat", Status.BLOCKED, Confidence.ONE_SOURCE)
    assert (event.onset, event.lifted, event.known, event.vantages) == (at(10), None, at(12), 1)


def test_more_vantages_confirm_an_event_and_its_onset_is_their_median() -> None:
    """Of an even number the earlier of the two in the middle."""
    spans = [span("a", 10, None), span("b", 14, None), span("c", 30, None)]

    (event,) = events(spans, [there(agent, 0, 300) for agent in "abc"])

    assert (event.confidence, event.onset, event.vantages) == (Confidence.CONFIRMED, at(14), 3)


def test_an_event_that_stood_when_it_was_first_measured_has_no_onset_of_its_own() -> None:
    """Its onset is the first measurement of any vantage, before which it began."""
    spans = [span("a", 30, None, before_watch=True), span("b", 10, 200, before_watch=True)]

    (event,) = events(spans, [there(agent, 0, 300) for agent in "ab"])

    assert (event.before_watch, event.onset, event.vantages) == (True, at(10), 2)


def test_a_vantage_that_saw_the_onset_dates_it_for_one_that_came_later() -> None:
    """But where one found it before, it began before that."""
    later = [span("a", 10, None), span("b", 30, None, before_watch=True)]
    earlier = [span("a", 10, None), span("b", 5, None, before_watch=True), span("c", 20, None)]
    present = [there(agent, 0, 300) for agent in "abc"]

    (dated,), (undated,) = events(later, present), events(earlier, present)

    assert (dated.before_watch, dated.onset) == (False, at(10))
    assert (undated.before_watch, undated.onset) == (True, at(5))


def test_vantages_of_one_sponsor_are_one_source() -> None:
    """The number of the sponsor's vantages does not matter."""
    (event,) = events([span("a", 10, None), span("b", 12, None)], [], a="club", b="club")

    assert event.confidence is Confidence.ONE_SOURCE


def test_a_vantage_that_still_reaches_the_target_disputes_the_event() -> None:
    """Its reports are not averaged away."""
    spans = [span("a", 10, None), span("b", 12, None), ok("c", 0, None)]

    (event,) = events(spans, [there(agent, 0, 300) for agent in "abc"])

    assert event.confidence is Confidence.DISPUTED


def test_a_vantage_that_has_not_had_time_to_notice_disputes_nothing() -> None:
    """Within two of its intervals after the onset."""
    spans = [span("a", 10, None), ok("b", 0, None)]

    (event,) = events(spans, [there("a", 0, 20), there("b", 0, 20)], now=20)

    assert event.confidence is Confidence.ONE_SOURCE


def test_a_vantage_that_fell_silent_disputes_nothing_and_lifts_nothing() -> None:
    """Its last report is out of date."""
    spans = [span("a", 10, None), ok("b", 0, None)]

    (event,) = events(spans, [there("a", 0, 40), there("b", 0, 40)], now=3000)

    assert (event.confidence, event.lifted) == (Confidence.ONE_SOURCE, None)


def test_an_event_lifts_when_its_last_interference_span_ends() -> None:
    """It does not lift earlier."""
    spans = [span("a", 10, 100), ok("a", 100, None), span("b", 12, 104), ok("b", 104, None)]

    (event,) = events(spans, [there("a", 0, 300), there("b", 0, 300)])

    assert (event.lifted, event.confidence) == (at(104), Confidence.CONFIRMED)


def test_interference_after_a_lift_is_another_event() -> None:
    """With another id."""
    spans = [span("a", 10, 20), ok("a", 20, 50), span("a", 50, None)]

    first, second = events(spans, [there("a", 0, 300)])

    assert (first.onset, first.lifted, second.onset, second.lifted) == (at(10), at(20), at(50), None)
    assert first.id != second.id


def test_an_event_lists_the_targets_that_are_interfered_with() -> None:
    """One target is enough for an event; the reachable ones are not in it."""
    spans = [span("a", 10, None), ok("a", 0, None, target="tcp://203.0.113.9:443")]

    (event,) = events(spans, [there("a", 0, 300)])

    assert (event.service, event.targets, event.confidence) == ("WeChat", (WECHAT,), Confidence.ONE_SOURCE)


def test_the_id_stays_when_another_vantage_dates_the_onset_earlier() -> None:
    """It follows from the vantage that became sure first."""
    (alone,) = events([span("a", 10, None, known=12)], [])
    (joined,) = events([span("a", 10, None, known=12), span("b", 8, None, known=15)], [])

    assert alone.id == joined.id
    assert joined.onset == at(8)


def test_causes_are_ranked_by_how_many_reports_name_them_first() -> None:
    """Then by how many name them at all, then by name."""
    said = [(Cause.TLS_RESET, Cause.TLS_SNI), (Cause.DNS_SPOOFED,), (Cause.TLS_RESET,)]

    assert rank_causes(said) == (Cause.TLS_RESET, Cause.DNS_SPOOFED, Cause.TLS_SNI)


def test_vantages_without_a_sponsor_are_one_source() -> None:
    """The empty sponsor is one sponsor: whoever makes tokens without a name makes them all."""
    (event,) = fuse([span("a", 10, None), span("b", 12, None)], [], at(300), SERVICES)

    assert (event.confidence, event.vantages) == (Confidence.ONE_SOURCE, 2)


def test_one_vantage_that_reaches_the_target_does_not_dispute_ten() -> None:
    """Those who reach it must weigh half as much as those who do not."""
    blocked = [span(agent, 10, None) for agent in "abcdefghij"]
    present = [there(agent, 0, 300) for agent in "abcdefghijklm"]

    (one,) = events([*blocked, ok("k", 0, None)], present)
    (three,) = events([*blocked[:5], *(ok(agent, 0, None) for agent in "klm")], present)

    assert (one.confidence, three.confidence) == (Confidence.CONFIRMED, Confidence.DISPUTED)


def test_many_vantages_of_one_sponsor_do_not_dispute_an_event() -> None:
    """They weigh as much as one."""
    spans = [span("a", 10, None), span("b", 10, None), span("c", 10, None), *(ok(f"w{n}", 0, None) for n in range(9))]
    present = [there(each.agent, 0, 300) for each in spans]

    (event,) = events(spans, present, **{f"w{n}": "club" for n in range(9)})

    assert event.confidence is Confidence.CONFIRMED


def test_a_vantage_that_was_uninstalled_during_a_block_does_not_hold_the_event_open() -> None:
    """The other four saw it blocked, then reachable for eight days."""
    day = 24 * 60
    left = [span("a", 10, None)]
    stayed = [each for agent in "bcde" for each in (span(agent, 10, 600), ok(agent, 600, None))]
    present = [there("a", 0, 100), *(there(agent, 0, 8 * day) for agent in "bcde")]

    (event,) = events([*left, *stayed], present, now=8 * day)

    assert (event.lifted, event.confidence, event.vantages) == (at(600), Confidence.CONFIRMED, 5)


def test_an_event_that_one_vantage_left_open_lifts_where_others_reach_the_target_throughout() -> None:
    """It never was more than the claim of one, and it is disputed."""
    present = [there("a", 0, 100), *(there(agent, 0, 600) for agent in "bcde")]

    (event,) = events([span("a", 10, None), *(ok(agent, 0, None) for agent in "bcde")], present, now=600)

    assert (event.lifted, event.confidence) == (at(120), Confidence.DISPUTED)  # a's vote ended at 110


def test_vantages_that_fell_silent_and_are_back_continue_their_event() -> None:
    """Nobody saw the target reachable meanwhile."""
    (event,) = events([span("a", 10, None)], [there("a", 0, 40), there("a", 200, 300)])

    assert (event.onset, event.lifted) == (at(10), None)


def test_a_vantage_that_is_back_after_others_saw_a_lift_opens_an_event_of_its_own() -> None:
    """It begins where the vantage was back, and has another id."""
    spans = [span("a", 10, None), span("b", 10, 100), ok("b", 100, None)]

    first, second = events(spans, [there("a", 0, 40), there("a", 200, 300), there("b", 0, 300)])

    assert (first.onset, first.lifted) == (at(10), at(100))
    assert (second.onset, second.lifted, second.confidence) == (at(200), None, Confidence.DISPUTED)
    assert first.id != second.id


def test_the_onset_is_the_median_of_the_sponsors_not_of_the_vantages() -> None:
    """Four vantages of one sponsor date it together."""
    crowd = [span(f"w{n}", 50, None) for n in range(4)]

    (event,) = events([span("a", 10, None), span("b", 12, None), *crowd], [], **{f"w{n}": "club" for n in range(4)})

    assert event.onset == at(12)


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (60, None)])
def test_a_vantage_that_reached_the_target_at_another_time_disputes_nothing(start: float, stop: float | None) -> None:
    """Before the onset, or after the lift."""
    spans = [span("a", 10, 50), ok("a", 50, None), ok("b", start, stop)]

    (event,) = events(spans, [there("a", 0, 300), there("b", 0, 300)])

    assert event.confidence is Confidence.ONE_SOURCE


def test_the_agents_of_an_event_are_those_of_its_spans() -> None:
    """Each once."""
    parts = interference_spans([span("a", 10, None), span("b", 12, None)])
    context = NetworkContext(spans=(), presence=PresenceIndex([]), standings={}, now=at(300))

    (found,) = network_events("WeChat", MTS, parts, context)

    assert found.agents == {"a", "b"}
    assert network_events("WeChat", MTS, [], context) == []


def test_items_whose_intervals_touch_are_one_group() -> None:
    """An interval that lasts takes in all that follow."""
    intervals = [(0, 5), (1, 2), (5, 6), (7, 9), (8, None), (99, 100)]

    found = overlapping(intervals, lambda each: (at(each[0]), None if each[1] is None else at(each[1])))

    assert list(found) == [[(0, 5), (1, 2), (5, 6)], [(7, 9), (8, None), (99, 100)]]
    assert list(overlapping([], lambda each: each)) == []
