"""What is published when fusion comes to another result than before: revisions, never silent edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from probe.model.event import Event

_NONE: Mapping[str, int] = {}


class RevisionKind(StrEnum):
    """What a revision says."""

    BEGAN = "began"
    CHANGED = "changed"
    """More vantages, another cause, another estimate of the onset."""
    LIFTED = "lifted"
    REOPENED = "reopened"
    """Late reports show that it had not lifted, or not for all."""
    RENAMED = "renamed"
    """Late reports date its beginning otherwise, so that it goes on under another id."""
    WITHDRAWN = "withdrawn"
    """Nothing of what it was made of stands any more."""


NEWS_KINDS = frozenset({RevisionKind.BEGAN, RevisionKind.LIFTED, RevisionKind.REOPENED, RevisionKind.WITHDRAWN})
"""Revisions that are worth telling people."""


class NewRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A revision to be published.

    Attributes:
        into: the id under which a renamed event goes on; empty otherwise.
    """

    event: Event
    kind: RevisionKind
    into: str = ""


def revise(before: Iterable[Event], after: Iterable[Event], numbers: Mapping[str, int] = _NONE) -> list[NewRevision]:
    """What to publish so that what stood published becomes what fusion says now.

    Args:
        before: the events that stand published of one service in one country.
        after: what fusion makes of all reports, each as revision 1.
        numbers: id -> last revision of events that stand no more (withdrawn, renamed) but may come back.

    Returns:
        Revisions in an order in which they may be written. Publishing them and revising again gives none.
    """
    standing = {event.id: event for event in before}
    wanted = {event.id: event for event in after}
    found: list[NewRevision] = []
    heirs: dict[str, int] = {}
    for old in sorted(standing.values(), key=lambda event: event.id):
        if old.id not in wanted:
            heir = _heir(old, wanted.values())
            gone = msgspec.structs.replace(old, revision=old.revision + 1)
            if heir is None:
                found.append(NewRevision(event=gone, kind=RevisionKind.WITHDRAWN))
            else:
                found.append(NewRevision(event=gone, kind=RevisionKind.RENAMED, into=heir.id))
                heirs[heir.id] = max(heirs.get(heir.id, 0), gone.revision)
    for new in sorted(wanted.values(), key=lambda event: (event.onset, event.id)):
        if new.id in standing:
            found += _step(standing[new.id], new, heirs.get(new.id, 0))
        else:
            kind = (
                RevisionKind.CHANGED
                if new.id in heirs
                else RevisionKind.REOPENED
                if new.id in numbers
                else RevisionKind.BEGAN
            )
            found += _first(new, kind, max(heirs.get(new.id, 0), numbers.get(new.id, 0)) + 1)
    return found


def _first(new: Event, kind: RevisionKind, number: int) -> list[NewRevision]:
    """The first revision under an id; an event that is over at first sight began, too."""
    first = msgspec.structs.replace(new, revision=number)
    if kind is not RevisionKind.BEGAN or new.lifted is None:
        return [NewRevision(event=first, kind=kind)]
    ended = msgspec.structs.replace(new, revision=number + 1)
    return [
        NewRevision(event=msgspec.structs.replace(first, lifted=None), kind=kind),
        NewRevision(event=ended, kind=RevisionKind.LIFTED),
    ]


def _step(old: Event, new: Event, inherited: int) -> list[NewRevision]:
    """The revision from what stands under an id to what should; none where nothing differs."""
    if msgspec.structs.replace(new, revision=old.revision) == old:
        return []
    following = msgspec.structs.replace(new, revision=max(old.revision, inherited) + 1)
    if old.lifted is None and new.lifted is not None:
        return [NewRevision(event=following, kind=RevisionKind.LIFTED)]
    if old.lifted is not None and new.lifted is None:
        return [NewRevision(event=following, kind=RevisionKind.REOPENED)]
    return [NewRevision(event=following, kind=RevisionKind.CHANGED)]


def _heir(old: Event, wanted: Iterable[Event]) -> Event | None:
    """The event of the same place that lasted while the old one did."""
    same = [new for new in wanted if (new.scope, new.network) == (old.scope, old.network) and _overlap(old, new)]
    return min(same, key=lambda event: (event.onset, event.id), default=None)


def _overlap(one: Event, other: Event) -> bool:
    return _before(one.onset, other.lifted) and _before(other.onset, one.lifted)


def _before(moment: datetime, end: datetime | None) -> bool:
    return end is None or moment <= end
