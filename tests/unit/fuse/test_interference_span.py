"""One vantage's word: what begins interference and what ends it."""

from __future__ import annotations

from probe.fuse.interference_span import interference_spans
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import BEELINE, MTS, at, ok, span


def test_a_block_lasts_from_its_onset_to_the_onset_of_what_lets_through() -> None:
    """The simple case."""
    (found,) = interference_spans(
        [ok("a", 0, 10), span("a", 10, 40, Status.BLOCKED, Cause.TCP_RESET), ok("a", 40, None)]
    )

    assert (found.start, found.stop, found.status, found.causes) == (at(10), at(40), Status.BLOCKED, ("tcp.reset",))


def test_a_target_that_is_down_has_not_been_let_through() -> None:
    """Neither has one that fails with nothing to show for it."""
    (found,) = interference_spans(
        [span("a", 0, 10), span("a", 10, 20, Status.DOWN), span("a", 20, None, Status.UNREACHABLE)]
    )

    assert (found.stop, found.seen) == (None, at(10))


def test_a_block_that_becomes_throttling_is_one_stretch() -> None:
    """The status is the last one's."""
    (found,) = interference_spans([span("a", 0, 10), span("a", 10, None, Status.THROTTLED, Cause.THROTTLE_RATE)])

    assert (found.start, found.stop, found.status) == (at(0), None, Status.THROTTLED)


def test_down_and_unreachable_begin_nothing() -> None:
    """They show on the board only."""
    assert interference_spans([span("a", 0, 10, Status.DOWN), span("a", 10, None, Status.UNREACHABLE)]) == []


def test_a_vantage_that_moves_to_another_network_ends_nothing_in_the_first() -> None:
    """What it sees elsewhere says nothing about here."""
    found = interference_spans([span("a", 0, 10, network=MTS), ok("a", 10, None, network=BEELINE)])

    assert [(stretch.network, stretch.stop) for stretch in found] == [(MTS, None)]


def test_the_first_evidence_is_kept() -> None:
    """Later spans of the same stretch may have none."""
    (found,) = interference_spans(
        [span("a", 0, 5), span("a", 5, 9, Status.THROTTLED, evidence="ab"), span("a", 9, None)]
    )

    assert found.evidence == "ab"


def test_a_stretch_covers_its_start_but_not_its_stop() -> None:
    """So that one that ends and one that begins at the same moment are never both in force."""
    (found,) = interference_spans([span("a", 0, 10), ok("a", 10, None)])

    assert [found.covers(at(m)) for m in (-1, 0, 9, 10)] == [False, True, True, False]
