"""When a service as a whole failed in a network without proof of interference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.collector.store.failing import FailingSpan
from probe.collector.web.failing_periods import failing_periods
from probe.model.event import Network, Presence

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOME = Network(asn=64500, country="RU")
PLACE = ("Line", HOME)


def span(target: str, start: float, stop: float | None) -> FailingSpan:
    """A failing span, in hours from noon."""
    return FailingSpan("Line", HOME, target, NOON + start * HOUR, None if stop is None else NOON + stop * HOUR)


def run(agent: str, start: float, stop: float) -> Presence:
    """A presence, in hours from noon."""
    return Presence(
        agent=agent, network=HOME, start=NOON + start * HOUR, stop=NOON + stop * HOUR, interval=1.0, rounds=9
    )


def test_a_service_fails_while_all_of_its_targets_do() -> None:
    """One target that works is an answer."""
    both = [span("a", 0, 4), span("b", 1, None)]
    alone = [run("v1", -1, 9)]

    assert failing_periods(both, {PLACE: {"a": 1, "b": 1}}, alone) == {PLACE: [(NOON + HOUR, NOON + 4 * HOUR)]}
    assert failing_periods(both, {PLACE: {"a": 1, "b": 1, "c": 1}}, alone) == {PLACE: []}
    assert failing_periods([span("b", 1, None)], {PLACE: {"b": 1}}, alone) == {PLACE: [(NOON + HOUR, None)]}


def test_a_target_fails_while_every_vantage_that_is_present_finds_so() -> None:
    """One of two that reaches it is an answer; before the second came, one sufficed."""
    seen_by_one = [span("a", 0, 4)]
    two = [run("v1", -1, 9), run("v2", 2, 9)]

    assert failing_periods(seen_by_one, {PLACE: {"a": 2}}, two) == {PLACE: [(NOON, NOON + 2 * HOUR)]}


def test_a_place_that_nobody_measures_now_has_no_periods() -> None:
    """There is no cell to paint."""
    assert failing_periods([span("a", 0, 4)], {}, []) == {}
