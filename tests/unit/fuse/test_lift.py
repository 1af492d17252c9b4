"""Who must see a target reachable before interference has ended."""

from __future__ import annotations

from datetime import datetime

from probe.fuse.claim import claims
from probe.fuse.interference_span import interference_spans
from probe.fuse.lift import ReachIndex
from probe.fuse.presence import PresenceIndex
from probe.fuse.standing import VantageStanding
from probe.model.event import Presence, Span
from probe.model.verdict import Status
from tests.unit.fuse.made import at, ok, span, sponsored, there

OTHER = "https://line.example/"


def lifted(spans: list[Span], presences: list[Presence], now: float = 600, **sponsors: str) -> datetime | None:
    """When the interference of all these spans had ended."""
    presence, standings = PresenceIndex(presences), sponsored(**sponsors)
    reach = ReachIndex(spans, presence, standings, at(now))
    return reach.lifted(claims(interference_spans(spans), presence, at(now)))


def test_a_vantage_that_saw_the_block_proves_its_end_alone() -> None:
    """From the moment at which it saw the target reachable."""
    assert lifted([span("a", 10, 50), ok("a", 50, None)], [there("a", 0, 600)]) == at(50)


def test_as_long_as_one_present_vantage_sees_the_block_it_has_not_ended() -> None:
    """Whatever the others see."""
    spans = [span("a", 10, 50), ok("a", 50, None), span("b", 10, None)]

    assert lifted(spans, [there("a", 0, 600), there("b", 0, 600)]) is None


def test_a_vantage_that_never_saw_a_block_of_two_sponsors_does_not_prove_its_end_alone() -> None:
    """Two sponsors must, from when both have watched for two intervals."""
    blocked = [span("a", 10, None), span("b", 10, None)]
    gone = [there("a", 0, 100), there("b", 0, 100)]

    one = lifted([*blocked, ok("c", 0, None)], [*gone, there("c", 0, 600)])
    two = lifted([*blocked, ok("c", 0, None), ok("d", 0, None)], [*gone, there("c", 0, 600), there("d", 200, 600)])
    same = lifted(
        [*blocked, ok("c", 0, None), ok("d", 0, None)],
        [*gone, there("c", 0, 600), there("d", 200, 600)],
        c="club",
        d="club",
    )

    assert (one, two, same) == (None, at(210), None)


def test_a_block_of_one_sponsor_ends_with_one_other_vantage() -> None:
    """The end needs no more proof than the beginning had."""
    spans = [span("a", 10, None), ok("c", 0, None)]

    assert lifted(spans, [there("a", 0, 100), there("c", 0, 600)]) == at(120)


def test_silence_and_failures_prove_no_end() -> None:
    """Nobody is present; or those who are cannot say that the network lets it through."""
    failing = [span("a", 10, 50), span("a", 50, None, Status.DOWN), span("b", 0, None, Status.UNREACHABLE)]

    assert lifted([span("a", 10, None), ok("b", 0, None)], [there("a", 0, 100), there("b", 0, 100)]) is None
    assert lifted(failing, [there("a", 0, 600), there("b", 0, 600)]) is None


def test_every_target_must_be_let_through() -> None:
    """The event lifts with the last of them."""
    one = [span("a", 10, 50), ok("a", 50, None)]
    other = [span("a", 10, 80, target=OTHER), ok("a", 80, None, target=OTHER)]
    present = [there("a", 0, 600)]

    assert lifted([*one, *other], present) == at(80)
    assert lifted([*one, other[0], ok("b", 0, None)], [*present, there("b", 0, 600)]) is None


def test_a_vantage_whose_own_vote_ended_before_it_had_watched_proves_nothing() -> None:
    """It was present for less than two intervals after the claims ended."""
    spans = [span("a", 10, None), ok("c", 0, None)]

    assert lifted(spans, [there("a", 0, 100), there("c", 0, 112)]) is None


def test_a_vantage_without_a_standing_has_the_empty_sponsor() -> None:
    """Two of them are one source, so one more proves the end."""
    spans = [span("x", 10, None), span("y", 10, None), ok("c", 0, None)]
    presence = PresenceIndex([there("x", 0, 100), there("y", 0, 100), there("c", 0, 600)])
    reach = ReachIndex(spans, presence, {"c": VantageStanding(sponsor="s")}, at(600))

    assert reach.lifted(claims(interference_spans(spans), presence, at(600))) == at(120)
