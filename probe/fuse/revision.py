"""Revisions of events: fusion publishes one when its result changes. Nothing is edited silently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from probe.model.event import Event

_NO_NUMBERS: Mapping[str, int] = {}


class RevisionKind(StrEnum):
    """The kind of change that a revision announces."""

    BEGAN = "began"
    CHANGED = "changed"
    """More vantages, another cause, another estimate of the onset."""
    LIFTED = "lifted"
    REOPENED = "reopened"
    """Late reports show that it has not lifted, or not everywhere."""
    RENAMED = "renamed"
    """Late reports change its first onset, and with it its id: it continues under another id."""
    WITHDRAWN = "withdrawn"
    """No report that it was made of is valid any more."""


ERASED = "erased"
"""Reason of a withdrawal: the only reports behind the event were erased at the wish of who sent them."""
REVOKED = "revoked"
"""Reason of a revision: a vantage or a control that the event stood on was revoked by the operator."""
NEWS_KINDS = frozenset({RevisionKind.BEGAN, RevisionKind.LIFTED, RevisionKind.REOPENED, RevisionKind.WITHDRAWN})
"""The kinds that feeds and the board show as news."""


class NewRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that is to be published.

    Attributes:
        into: the id under which a renamed event continues; empty otherwise.
    """

    event: Event
    kind: RevisionKind
    into: str = ""


def revise(
    before: Iterable[Event], after: Iterable[Event], numbers: Mapping[str, int] = _NO_NUMBERS
) -> list[NewRevision]:
    """The revisions that turn the published events into those that fusion gives now.

    Args:
        before: the published events of one service in one country that are in force.
        after: the events that fusion makes of all reports, each as revision 1.
        numbers: id -> last revision of events that were withdrawn or renamed, and may come back.

    Returns:
        The revisions, in an order in which they can be written. Once they are published, revising again gives none.
    """
    current = {event.id: event for event in before}
    wanted = {event.id: event for event in after}
    ended, inherited = _ended(current, wanted)
    found = list(ended)
    for new in sorted(wanted.values(), key=lambda event: (event.onset, event.id)):
        number = inherited.get(new.id, 0)
        if new.id in current:
            found += _step(current[new.id], new, number)
            continue
        if new.id in inherited:
            kind = RevisionKind.CHANGED
        elif new.id in numbers:
            kind = RevisionKind.REOPENED
        else:
            kind = RevisionKind.BEGAN
        found += _first(new, kind, max(number, numbers.get(new.id, 0)) + 1)
    return found


def _ended(current: Mapping[str, Event], wanted: Mapping[str, Event]) -> tuple[list[NewRevision], Mapping[str, int]]:
    """The last revisions of events that are renamed or withdrawn, and the numbers that successors continue from."""
    found: list[NewRevision] = []
    inherited: dict[str, int] = {}
    for old in sorted(current.values(), key=lambda event: event.id):
        if old.id in wanted:
            continue
        successor = _successor(old, wanted.values())
        last = msgspec.structs.replace(old, revision=old.revision + 1)
        if successor is None:
            found.append(NewRevision(event=last, kind=RevisionKind.WITHDRAWN))
        else:
            found.append(NewRevision(event=last, kind=RevisionKind.RENAMED, into=successor.id))
            inherited[successor.id] = max(inherited.get(successor.id, 0), last.revision)
    return found, inherited


def _first(new: Event, kind: RevisionKind, number: int) -> list[NewRevision]:
    """The first revision under an id. An event that has lifted already gets two: it began, and it lifted."""
    first = msgspec.structs.replace(new, revision=number)
    if kind is not RevisionKind.BEGAN or new.lifted is None:
        return [NewRevision(event=first, kind=kind)]
    ended = msgspec.structs.replace(new, revision=number + 1)
    return [
        NewRevision(event=msgspec.structs.replace(first, lifted=None), kind=kind),
        NewRevision(event=ended, kind=RevisionKind.LIFTED),
    ]


def _step(old: Event, new: Event, inherited: int) -> list[NewRevision]:
    """The revision from the published event to the new one of the same id; none where they are equal."""
    if msgspec.structs.replace(new, revision=old.revision) == old:
        return []
    following = msgspec.structs.replace(new, revision=max(old.revision, inherited) + 1)
    if old.lifted is None and new.lifted is not None:
        return [NewRevision(event=following, kind=RevisionKind.LIFTED)]
    if old.lifted is not None and new.lifted is None:
        return [NewRevision(event=following, kind=RevisionKind.REOPENED)]
    return [NewRevision(event=following, kind=RevisionKind.CHANGED)]


def _successor(old: Event, wanted: Iterable[Event]) -> Event | None:
    """The new event of the same place that overlaps the old one in time, the earliest; None when there is none."""
    same = [new for new in wanted if (new.scope, new.network) == (old.scope, old.network) and _overlap(old, new)]
    return min(same, key=lambda event: (event.onset, event.id), default=None)


def _overlap(one: Event, other: Event) -> bool:
    return _before(one.onset, other.lifted) and _before(other.onset, one.lifted)


def _before(moment: datetime, end: datetime | None) -> bool:
    return end is None or moment <= end
