"""Claims of vantages that come and go."""

from __future__ import annotations

from datetime import datetime

from probe.fuse.claim import claims, present_periods
from probe.fuse.interference_span import interference_spans
from probe.fuse.presence import PresenceIndex
from probe.model.event import Presence, Span
from tests.unit.fuse.made import at, ok, span, there


def periods(spans: list[Span], *presences: Presence, now: float = 300) -> list[tuple[datetime, datetime | None]]:
    """Start and stop of each claim."""
    found = claims(interference_spans(spans), PresenceIndex(presences), at(now))
    return [(claim.start, claim.stop) for claim in found]


def test_a_claim_lasts_while_its_vantage_is_present() -> None:
    """Or within two intervals of its last round."""
    assert periods([span("a", 10, None)], there("a", 0, 295)) == [(at(10), None)]


def test_a_claim_ends_two_intervals_after_the_last_round() -> None:
    """Silence is no claim."""
    assert periods([span("a", 10, None)], there("a", 0, 100)) == [(at(10), at(110))]


def test_a_claim_ends_where_the_vantage_sees_the_target_reachable() -> None:
    """Although it is present."""
    assert periods([span("a", 10, 50), ok("a", 50, None)], there("a", 0, 300)) == [(at(10), at(50))]


def test_a_vantage_that_is_back_makes_another_claim() -> None:
    """From its return; only the first is dated by the onset."""
    found = claims(
        interference_spans([span("a", 10, None, before_watch=True)]),
        PresenceIndex([there("a", 0, 40), there("a", 200, 300)]),
        at(300),
    )

    assert [(claim.start, claim.stop, claim.known, claim.before_watch) for claim in found] == [
        (at(10), at(50), at(12), True),
        (at(200), None, at(200), False),
    ]


def test_a_report_shows_that_its_vantage_was_present() -> None:
    """Also where none of its rounds is known."""
    assert periods([span("a", 10, None, known=15)]) == [(at(10), at(15))]
    assert present_periods([(at(20), at(30))], at(10), at(15)) == [(at(10), at(15)), (at(20), at(30))]
    assert present_periods([(at(0), at(5)), (at(12), at(30))], at(10), at(15)) == [(at(10), at(30))]


def test_rounds_before_the_block_are_no_claim() -> None:
    """Nor are those after its end."""
    spans = [span("a", 100, 120), ok("a", 120, None)]

    assert periods(spans, there("a", 0, 50), there("a", 90, 300)) == [(at(100), at(120))]
    assert periods(spans, there("a", 0, 102), there("a", 200, 300)) == [(at(100), at(112))]
