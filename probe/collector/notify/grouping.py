"""What changed since the last message, by service and country, and when to tell it. Pure.

A national event comes as hundreds of revisions of hundreds of networks. All of one service in one country are gathered
for some seconds and told as one message. While the event of a country lasts, those of its networks are not told apart.
What follows is told at once when it changes the answer for the country, else with the next update.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

from probe.collector.notify.alert import AlertChange, AlertKind, GroupChanges, MarkedEvent, MarkedListing
from probe.model.event import Confidence, Event, Scope
from probe.model.verdict import Status

GATHER_MS = 10_000
"""How long the first revision of a service in a country waits for others."""
UPDATE_MS = 15 * 60_000
"""The time between two messages of a service in a country, unless the later one is urgent."""
LIFT_MS = 60_000
"""The same where the later one tells of a network that was unblocked: nobody waits long for that."""
GROWTH = 2
"""An event of a country is told again when it has this many times the networks that were told."""
_ORDER = (
    AlertKind.BLOCKED,
    AlertKind.THROTTLED,
    AlertKind.UNBLOCKED,
    AlertKind.WITHDRAWN,
    AlertKind.DISPUTED,
    AlertKind.CONFIRMED,
)


class Urgency(IntEnum):
    """How long an update may wait."""

    UPDATE = 0
    LIFT = 1
    """A network was unblocked."""
    AT_ONCE = 2
    """It changes the answer for the country, or takes back what was told."""


def due_at(since: int, told: int | None, urgency: int, gather: int = GATHER_MS) -> int:
    """The moment in milliseconds at which the changes of a service in a country are told.

    Args:
        since: when the first of them was published.
        told: when the last message about it was made; None when there was none.
        urgency: the highest of them.
        gather: how long to gather, in milliseconds.
    """
    if told is None or urgency >= Urgency.AT_ONCE:
        return since + gather
    return max(since + gather, told + (LIFT_MS if urgency >= Urgency.LIFT else UPDATE_MS))


def changes_of(  # noqa: PLR0917 - what is known of one group
    service: str,
    country: str,
    marked: Sequence[MarkedEvent],
    ongoing: Iterable[Event],
    listings: Sequence[MarkedListing] = (),
    told_networks: int = 0,
) -> GroupChanges:
    """What is worth telling of one service in one country.

    Args:
        service: its name.
        country: ISO 3166 code; empty when not known.
        marked: its events with revisions that nobody has been told of.
        ongoing: its events that last.
        listings: what its register added and removed.
        told_networks: on how many networks the country's event was when it was last told of.
    """
    lasting = list(ongoing)
    wide = next((event for event in lasting if event.scope is Scope.COUNTRY), None)
    found = [_change(each, before, told_networks) for each, before in _with_predecessors(marked)]
    changes = [_folded(each, wide) for each in found if each is not None]
    return GroupChanges(
        service=service,
        country=country,
        changes=tuple(sorted(changes, key=_rank)),
        listings=tuple(listings),
        still=sum(event.scope is Scope.NETWORK for event in lasting),
    )


def status_kind(event: Event) -> AlertKind:
    """The kind of alert that tells an event's status."""
    return AlertKind.THROTTLED if event.status is Status.THROTTLED else AlertKind.BLOCKED


def _with_predecessors(marked: Sequence[MarkedEvent]) -> list[tuple[MarkedEvent, Event | None]]:
    """The events that were not renamed, each with what was last told of it, also under another id."""
    sources: dict[str, list[MarkedEvent]] = {}
    for each in marked:
        if each.into:
            sources.setdefault(each.into, []).append(each)
    return [(each, _told(each, sources, len(marked))) for each in marked if not each.into]


def _told(each: MarkedEvent, sources: Mapping[str, list[MarkedEvent]], steps: int) -> Event | None:
    """What was last told of an event; `steps` bounds a circle of renamings."""
    if each.before is not None or steps == 0:
        return each.before
    found = (_told(source, sources, steps - 1) for source in sources.get(each.event.id, ()))
    return next((event for event in found if event is not None), None)


def _change(each: MarkedEvent, before: Event | None, told_networks: int) -> AlertChange | None:
    """The change of an event since it was told of; None when there is nothing to tell."""
    kinds = _kinds(each, before, told_networks)
    if not kinds:
        return None
    return AlertChange(
        kinds=kinds,
        event=each.event,
        was_confirmed=before is not None and before.confidence is Confidence.CONFIRMED,
        again=before is not None and before.lifted is None and before.status is each.event.status,
        reason=each.reason,
    )


def _kinds(each: MarkedEvent, before: Event | None, told_networks: int) -> tuple[AlertKind, ...]:
    event = each.event
    if each.withdrawn:
        return () if before is None else (AlertKind.WITHDRAWN,)
    if before is None:
        return (status_kind(event),) if event.lifted is None else (status_kind(event), AlertKind.UNBLOCKED)
    if event.lifted is not None:
        return () if before.lifted is not None else (AlertKind.UNBLOCKED,)
    if before.lifted is not None or event.status is not before.status:
        return (status_kind(event),)
    if event.confidence is not before.confidence:
        return (AlertKind.CONFIRMED if event.confidence is Confidence.CONFIRMED else AlertKind.DISPUTED,)
    grown = event.scope is Scope.COUNTRY and event.networks >= GROWTH * (told_networks or before.networks)
    return (status_kind(event),) if grown else ()


def _folded(change: AlertChange, wide: Event | None) -> AlertChange:
    """The change, folded where the ongoing event of the country tells the same."""
    event = change.event
    if wide is None or event.scope is Scope.COUNTRY or event.lifted is not None or event.status is not wide.status:
        return change
    if AlertKind.WITHDRAWN in change.kinds:
        return change
    return AlertChange(
        kinds=change.kinds,
        event=event,
        folded=True,
        was_confirmed=change.was_confirmed,
        again=change.again,
        reason=change.reason,
    )


def _rank(change: AlertChange) -> tuple[bool, bool, int, int, str]:
    event = change.event
    kind = _ORDER.index(change.kinds[-1])
    return (event.scope is not Scope.COUNTRY, change.folded, kind, event.network.asn, event.id)
