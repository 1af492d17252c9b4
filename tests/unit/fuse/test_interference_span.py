"""The beginning and the end of interference spans."""

from __future__ import annotations

from probe.fuse.interference_span import interference_spans
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import BEELINE, MTS, at, ok, span


def test_an_interference_span_lasts_from_the_block_s_onset_to_the_next_reachable_one_s() -> None:
    """Status and causes are those of the block."""
    (found,) = interference_spans(
        [ok("a", 0, 10), span("a", 10, 40, Status.BLOCKED, Cause.TCP_RESET), ok("a", 40, None)]
    )

    assert (found.start, found.stop, found.status, found.causes) == (at(10), at(40), Status.BLOCKED, ("tcp.reset",))


def test_a_target_that_goes_down_or_unreachable_does_not_end_the_span() -> None:
    """It is not reachable again; `seen` is the end of the observed block."""
    (found,) = interference_spans(
        [span("a", 0, 10), span("a", 10, 20, Status.DOWN), span("a", 20, None, Status.UNREACHABLE)]
    )

    assert (found.stop, found.seen) == (None, at(10))


def test_a_block_that_becomes_throttling_is_one_interference_span() -> None:
    """Its status is the last one."""
    (found,) = interference_spans([span("a", 0, 10), span("a", 10, None, Status.THROTTLED, Cause.THROTTLE_RATE)])

    assert (found.start, found.stop, found.status) == (at(0), None, Status.THROTTLED)


def test_down_and_unreachable_begin_no_interference_span() -> None:
    """They show on the board only."""
    assert interference_spans([span("a", 0, 10, Status.DOWN), span("a", 10, None, Status.UNREACHABLE)]) == []


def test_a_reachable_span_in_another_network_does_not_end_the_interference_span() -> None:
    """A vantage that moves reports about another network."""
    found = interference_spans([span("a", 0, 10, network=MTS), ok("a", 10, None, network=BEELINE)])

    assert [(each.network, each.stop) for each in found] == [(MTS, None)]


def test_the_first_evidence_is_kept() -> None:
    """Earlier and later spans of the same interference may have none."""
    (found,) = interference_spans(
        [span("a", 0, 5), span("a", 5, 9, Status.THROTTLED, evidence="ab"), span("a", 9, None)]
    )

    assert found.evidence == "ab"


def test_interference_stood_before_the_first_measurement_where_its_first_span_did() -> None:
    """A change of status in between does not date its beginning."""
    (stood,) = interference_spans([span("a", 0, 10, before_watch=True), span("a", 10, None, Status.THROTTLED)])
    (began,) = interference_spans([span("a", 0, 10), span("a", 10, None, Status.THROTTLED)])

    assert (stood.before_watch, began.before_watch) == (True, False)
