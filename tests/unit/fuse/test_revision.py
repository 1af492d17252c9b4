"""Revisions: what is published when fusion comes to another result."""

from __future__ import annotations

import msgspec

from probe.fuse.fusion import fuse
from probe.fuse.revision import NewRevision, RevisionKind, revise
from probe.model.event import Event, Span
from tests.unit.fuse.made import at, ok, span, there


def fused(*spans: Span) -> list[Event]:
    """The events of these spans."""
    return fuse(spans, [], at(300), {})


def kinds(found: list[NewRevision]) -> list[tuple[RevisionKind, int]]:
    """What a test compares."""
    return [(each.kind, each.event.revision) for each in found]


def test_an_unchanged_event_is_not_published_again() -> None:
    """Publishing and revising again gives nothing."""
    first = revise([], fused(span("a", 10, None)))

    assert kinds(first) == [(RevisionKind.BEGAN, 1)]
    assert revise([each.event for each in first], fused(span("a", 10, None))) == []


def test_another_vantage_is_a_change_and_the_last_end_a_lift() -> None:
    """Each with the next number."""
    began = revise([], fused(span("a", 10, None)))[0].event
    joined = revise([began], fused(span("a", 10, None), span("b", 12, None)))
    gone = fused(span("a", 10, 60), ok("a", 60, None), span("b", 12, 61), ok("b", 61, None))
    lifted = revise([joined[0].event], gone)

    assert kinds(joined) == [(RevisionKind.CHANGED, 2)]
    assert kinds(lifted) == [(RevisionKind.LIFTED, 3)]


def test_an_event_that_has_lifted_already_is_published_as_two_revisions() -> None:
    """It began, and it lifted."""
    found = revise([], fused(span("a", 10, 60), ok("a", 60, None)))

    assert kinds(found) == [(RevisionKind.BEGAN, 1), (RevisionKind.LIFTED, 2)]
    assert [each.event.lifted for each in found] == [None, at(60)]


def test_a_late_report_of_interference_reopens_a_lifted_event() -> None:
    """From a vantage whose batches came late."""
    ended = revise([], fused(span("a", 10, 60), ok("a", 60, None)))[-1].event
    late = fuse([span("a", 10, 60), ok("a", 60, None), span("b", 20, None)], [there("b", 0, 300)], at(300), {})

    found = revise([ended], late)

    assert kinds(found) == [(RevisionKind.REOPENED, 3)]


def test_a_late_report_of_an_earlier_certainty_renames_the_event() -> None:
    """The old id names the new one, and the numbers continue."""
    old = revise([], fused(span("a", 10, None, known=12)))[0].event

    found = revise([old], fused(span("a", 10, None, known=12), span("b", 8, None, known=9)))

    assert kinds(found) == [(RevisionKind.RENAMED, 2), (RevisionKind.CHANGED, 3)]
    assert found[0].into == found[1].event.id != old.id


def test_an_event_without_reports_is_withdrawn_and_may_come_back() -> None:
    """A vantage was revoked, and then accepted again."""
    old = revise([], fused(span("a", 10, None)))[0].event

    withdrawn = revise([old], [])
    back = revise([], fused(span("a", 10, None)), {old.id: 2})

    assert kinds(withdrawn) == [(RevisionKind.WITHDRAWN, 2)]
    assert kinds(back) == [(RevisionKind.REOPENED, 3)]
    assert msgspec.structs.replace(back[0].event, revision=1) == old
