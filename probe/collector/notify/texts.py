"""The words of alerts: a plain sentence first, then how sure it is, what was seen, and the page with the evidence.

Pure, except for catalogue titles.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from probe.collector.notify.alert import (
    MAX_ALERTS,
    MAX_CHANGES,
    MAX_TARGETS,
    Alert,
    AlertChange,
    AlertedEvent,
    AlertKind,
    AlertMessage,
    GroupChanges,
    MarkedListing,
)
from probe.collector.web import wording
from probe.collector.web.display_names import country_name, service_title
from probe.model.event import Event, Scope
from probe.model.verdict import Status

MAX_NAMED_NETWORKS = 5
MAX_TEXTS = 10
"""Alerts written out in one message; the others are counted."""
_NEWS = frozenset({AlertKind.BLOCKED, AlertKind.THROTTLED})


def alert(group: GroupChanges, origin: str) -> Alert:
    """What is told of one service in one country; `group` has at least one change or listing."""
    kinds = {kind for change in group.changes for kind in change.kinds} | {each.kind for each in group.listings}
    lines = [*_change_lines(group, origin), *(_listing_line(group, each) for each in group.listings)]
    return Alert(
        service=group.service,
        country=group.country,
        kinds=tuple(sorted(kinds)),
        title=_title(group),
        text="\n".join(lines),
        link=_event_page(origin, group.changes[0].event) if group.changes else f"{origin}/",
        events=tuple(
            AlertedEvent(
                kinds=change.kinds,
                event=msgspec.structs.replace(change.event, targets=change.event.targets[:MAX_TARGETS]),
                link=_event_page(origin, change.event),
            )
            for change in group.changes[:MAX_CHANGES]
        ),
        more=max(0, len(group.changes) - MAX_CHANGES),
    )


def message(key: str, subscription: str, alerts: Sequence[Alert], origin: str, now: datetime) -> AlertMessage:
    """One message of all alerts that are due for a subscription."""
    more = len(alerts) - 1
    title = alerts[0].title + (f", and {wording.count_of(more, 'more alert')}" if more else "")
    texts = [each.text for each in alerts[:MAX_TEXTS]]
    if len(alerts) > MAX_TEXTS:
        texts.append(f"And {len(alerts) - MAX_TEXTS} more: {origin}/")
    return AlertMessage(
        id=key,
        subscription=subscription,
        time=now,
        title=title,
        text="\n\n".join(texts),
        alerts=tuple(alerts[:MAX_ALERTS]),
        more=max(0, len(alerts) - MAX_ALERTS),
    )


def digest_message(key: str, subscription: str, parts: Sequence[AlertMessage], origin: str) -> AlertMessage:
    """One message of several that were held; it has the time of the last."""
    alerts = [each for part in parts for each in part.alerts]
    whole = message(key, subscription, alerts, origin, parts[-1].time)
    left_out = whole.more + sum(part.more for part in parts)
    return msgspec.structs.replace(
        whole,
        title=f"{wording.count_of(len(alerts) + left_out - whole.more, 'alert')}: {whole.title}",
        digest=True,
        more=left_out,
    )


def trial_message(key: str, subscription: str, origin: str, now: datetime) -> AlertMessage:
    """The message by which an operator tries a channel."""
    text = f"This is a test by the operator of {origin}/. Nothing has been blocked or unblocked."
    return AlertMessage(id=key, subscription=subscription, time=now, title="probe: a test", text=text, test=True)


def _title(group: GroupChanges) -> str:
    name, country = _name(group), country_name(group.country)
    if not group.changes:
        verb = "added to" if group.listings[0].kind is AlertKind.LISTED else "removed from"
        return f"{name}: {verb} the register of {country}"
    lead = group.changes[0]
    where = _where(_alike(group, lead), short=True)
    match lead.kinds[-1]:
        case AlertKind.BLOCKED | AlertKind.THROTTLED:
            return f"{name} {_said(lead.event)} {where}"
        case AlertKind.UNBLOCKED:
            return f"{name} no longer {_said(lead.event)} {where}"
        case AlertKind.WITHDRAWN:
            return f"Withdrawn: {name} {_said(lead.event)} {where}"
        case _:
            return f"{name} {_said(lead.event)} {where}: {lead.kinds[-1]}"


def _change_lines(group: GroupChanges, origin: str) -> list[str]:
    """A line for each kind of change, the most important first; then how sure the first one is, and its page."""
    if not group.changes:
        return []
    lines = []
    left = list(group.changes)
    while left:
        alike = [each for each in left if _likeness(each) == _likeness(left[0])]
        lines.append(_sentence(group, alike))
        left = [each for each in left if _likeness(each) != _likeness(left[0])]
    lead = group.changes[0]
    said = "; ".join(f"{wording.CAUSE.get(cause, cause)} ({cause})" for cause in lead.event.causes[:3])
    sure = wording.confidence(lead.event)
    if lead.kinds[-1] is not AlertKind.WITHDRAWN:
        lines.append(f"{sure[0].upper()}{sure[1:]}.{f' What was seen: {said}.' if said else ''}")
    lines.append(f"Evidence: {_event_page(origin, lead.event)}")
    return lines


def _likeness(change: AlertChange) -> tuple[AlertKind, Scope, Status]:
    """What changes must share to be told in one sentence."""
    return change.kinds[-1], change.event.scope, change.event.status


def _alike(group: GroupChanges, lead: AlertChange) -> list[AlertChange]:
    return [each for each in group.changes if _likeness(each) == _likeness(lead)]


def _sentence(group: GroupChanges, alike: Sequence[AlertChange]) -> str:
    """Changes of one kind as a sentence."""
    lead, name = alike[0], _name(group)
    event, where = lead.event, _where(alike)
    first = min((each.event for each in alike), key=lambda each: (each.onset, each.id))
    since = f"{'since' if len(alike) == 1 else 'the first since'} {wording.beginning(first)}"
    match lead.kinds[-1]:
        case AlertKind.BLOCKED | AlertKind.THROTTLED:
            return f"{name} is {'now ' if lead.again else ''}{_said(event)} {where}, {since}."
        case AlertKind.UNBLOCKED:
            return f"{name} is no longer {_said(event)} {where}. {_past(alike)}{_still(group, event)}"
        case AlertKind.WITHDRAWN:
            return f"Withdrawn: {name} {_said(event)} {where}, {since}; {wording.withdrawal(lead.reason)}."
        case _:
            return f"{name}, {_said(event)} {where}: now {wording.confidence(event)}."


def _past(alike: Sequence[AlertChange]) -> str:
    """From when to when it was blocked."""
    event = alike[0].event
    if len(alike) > 1 or event.lifted is None:
        return ""
    return f"It was {_said(event)} from {wording.beginning(event)} to {wording.moment(event.lifted)}."


def _still(group: GroupChanges, event: Event) -> str:
    """Where it is not unblocked: silence about it would be a false all-clear."""
    if event.scope is Scope.COUNTRY or not group.still:
        return ""
    return f" It is still interfered with on {wording.count_of(group.still, 'network')} there."


def _listing_line(group: GroupChanges, listing: MarkedListing) -> str:
    entries = wording.count_of(listing.entries, "entry", "entries")
    verb, way = ("were" if listing.entries > 1 else "was"), "added to"
    if listing.kind is AlertKind.DELISTED:
        way = "removed from"
    register = f"the official register of {country_name(group.country)}"
    return (
        f"{entries} of {_name(group)} {verb} {way} {register}, by {wording.moment(listing.moment)}."
        " What a register lists is not yet blocked; what it removes is not yet unblocked."
    )


def _where(alike: Sequence[AlertChange], *, short: bool = False) -> str:
    """The place of changes: a country with the number of its networks, or networks by AS number."""
    event = alike[0].event
    country = country_name(event.network.country)
    if event.scope is Scope.COUNTRY:
        return f"in {country}" if short else f"in {country}, on {wording.count_of(event.networks, 'network')}"
    inside = f" in {country}" if country else ""
    if len(alike) == 1:
        return f"on {_network(event)}{inside}"
    counted = f"on {len(alike)} networks{inside}"
    if short:
        return counted
    names = ", ".join(_network(each.event) for each in alike[:MAX_NAMED_NETWORKS])
    more = len(alike) - MAX_NAMED_NETWORKS
    return f"{counted} ({names}{f' and {more} more' if more > 0 else ''})"


def _network(event: Event) -> str:
    return f"AS{event.network.asn}" if event.network.asn else "an unknown network"


def _name(group: GroupChanges) -> str:
    return wording.shortened(service_title(group.service))


def _said(event: Event) -> str:
    return wording.STATUS[event.status][0].lower()


def _event_page(origin: str, event: Event) -> str:
    return f"{origin}/e/{event.id}"
