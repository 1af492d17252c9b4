"""Revisions: what is published when fusion comes to another result."""

from __future__ import annotations

import msgspec

from probe.fuse.fusion import fuse
from probe.fuse.revision import NewRevision, RevisionKind, revise
from probe.model.event import Event, Span
from tests.unit.fuse.made import at, ok, span


def fused(*spans: Span) -> list[Event]:
    """The events of these spans."""
    return fuse(spans, [], at(300), {})


def kinds(found: list[NewRevision]) -> list[tuple[RevisionKind, int]]:
    """What a test compares."""
    return [(each.kind, each.event.revision) for each in found]


def test_what_stands_is_not_published_again() -> None:
    """Publishing and revising again gives none."""
    first = revise([], fused(span("a", 10, None)))

    assert kinds(first) == [(RevisionKind.BEGAN, 1)]
    assert revise([each.event for each in first], fused(span("a", 10, None))) == []


def test_another_vantage_is_a_change_and_the_last_to_leave_a_lifting() -> None:
    """Each with the next number."""
    began = revise([], fused(span("a", 10, None)))[0].event
    joined = revise([began], fused(span("a", 10, None), span("b", 12, None)))
    gone = fused(span("a", 10, 60), ok("a", 60, None), span("b", 12, 61), ok("b", 61, None))
    lifted = revise([joined[0].event], gone)

    assert kinds(joined) == [(RevisionKind.CHANGED, 2)]
    assert kinds(lifted) == [(RevisionKind.LIFTED, 3)]


def test_what_is_over_at_first_sight_began_all_the_same() -> None:
    """A late report of a whole event is told as two revisions."""
    found = revise([], fused(span("a", 10, 60), ok("a", 60, None)))

    assert kinds(found) == [(RevisionKind.BEGAN, 1), (RevisionKind.LIFTED, 2)]
    assert [each.event.lifted for each in found] == [None, at(60)]


def test_a_late_report_that_it_had_not_lifted_opens_it_again() -> None:
    """For a vantage whose batches came late."""
    ended = revise([], fused(span("a", 10, 60), ok("a", 60, None)))[-1].event

    found = revise([ended], fused(span("a", 10, 60), ok("a", 60, None), span("b", 20, None)))

    assert kinds(found) == [(RevisionKind.REOPENED, 3)]


def test_a_late_report_of_who_knew_first_renames_it_without_news() -> None:
    """The old id leads to the new one, whose numbers go on."""
    old = revise([], fused(span("a", 10, None, known=12)))[0].event

    found = revise([old], fused(span("a", 10, None, known=12), span("b", 8, None, known=9)))

    assert kinds(found) == [(RevisionKind.RENAMED, 2), (RevisionKind.CHANGED, 3)]
    assert found[0].into == found[1].event.id != old.id


def test_what_stands_on_nothing_any_more_is_withdrawn_and_may_come_back() -> None:
    """A vantage was revoked, and taken up again."""
    old = revise([], fused(span("a", 10, None)))[0].event

    withdrawn = revise([old], [])
    back = revise([], fused(span("a", 10, None)), {old.id: 2})

    assert kinds(withdrawn) == [(RevisionKind.WITHDRAWN, 2)]
    assert kinds(back) == [(RevisionKind.REOPENED, 3)]
    assert msgspec.structs.replace(back[0].event, revision=1) == old
