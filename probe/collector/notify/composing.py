"""From marks to messages: read what nobody was told of, choose for each subscription, store the messages.

Everything is read and put into words outside the write, which then holds the writer only to delete marks and store
messages. Where another process was faster, its messages stand and nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from probe.collector.notify import grouping, texts
from probe.collector.notify.alert import Alert, AlertKind, AlertMessage, GroupChanges, MarkedEvent, MarkedListing
from probe.collector.notify.digest import next_digest
from probe.collector.notify.subscription import Subscription, chosen
from probe.collector.store import StoreSession, alert_marks, deliveries, events, from_ms, subscriptions, to_ms
from probe.collector.store.alert_marks import AlertMark, ListingMark, WaitingGroup
from probe.collector.store.deliveries import Delivery
from probe.collector.store.subscriptions import SubscriptionRow
from probe.fuse.revision import RevisionKind
from probe.model.event import Scope

_MESSAGE = msgspec.json.Decoder(AlertMessage)
_SUBSCRIPTION = msgspec.json.Decoder(Subscription)


class ReadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a country whose changes are due, as it was read.

    Attributes:
        group: where it is.
        marks: event -> the last revision that was read.
        listings: as they were read.
        changes: what is worth telling.
        networks: on how many networks the event of the country is.
        key: what makes the idempotency keys of messages that begin with it.
    """

    group: WaitingGroup
    marks: dict[str, int]
    listings: tuple[ListingMark, ...]
    changes: GroupChanges
    networks: int
    key: str


class DueAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """What is due, and the moment at which more may be; None when nothing waits."""

    groups: tuple[ReadGroup, ...]
    subscriptions: tuple[Subscription, ...]
    later: int | None


def read_due(session: StoreSession, now: int, gather: int = grouping.GATHER_MS) -> DueAlerts:
    """Read the groups whose changes are due, and the subscriptions."""
    groups: list[ReadGroup] = []
    later: list[int] = []
    for waiting in alert_marks.waiting_groups(session):
        due = grouping.due_at(waiting.since, waiting.told, waiting.urgency, gather)
        if now < due <= now + deliveries.MAX_AHEAD_MS:  # further ahead: the clock was wrong when it was written
            later.append(due)
        else:
            groups.append(_read_group(session, waiting))
    wanted = [subscription_of(row) for row in subscriptions.subscriptions(session)] if groups else []
    return DueAlerts(groups=tuple(groups), subscriptions=tuple(wanted), later=min(later, default=None))


def subscription_of(row: SubscriptionRow) -> Subscription:
    """The subscription that a row stores."""
    return _SUBSCRIPTION.decode(row.body)


def _read_group(session: StoreSession, waiting: WaitingGroup) -> ReadGroup:
    marks = alert_marks.marks_of(session, waiting.service, waiting.cc)
    listings = alert_marks.listings_of(session, waiting.service, waiting.cc)
    current, _ = events.current_events(session, waiting.service, waiting.cc)
    ongoing = [event for event in current if event.lifted is None]
    changes = grouping.changes_of(
        waiting.service,
        waiting.cc,
        [_marked(mark) for mark in marks],
        ongoing,
        [
            MarkedListing(kind=AlertKind(each.kind), entries=each.entries, moment=from_ms(each.moment))
            for each in listings
        ],
        waiting.networks,
    )
    return ReadGroup(
        group=waiting,
        marks={mark.event.id: mark.last for mark in marks},
        listings=tuple(listings),
        changes=changes,
        networks=max((event.networks for event in ongoing if event.scope is Scope.COUNTRY), default=0),
        key=_key(waiting, marks),
    )


def _marked(mark: AlertMark) -> MarkedEvent:
    return MarkedEvent(
        event=mark.event,
        before=mark.before,
        withdrawn=mark.kind is RevisionKind.WITHDRAWN,
        into=mark.into,
        reason=mark.reason,
    )


def _key(waiting: WaitingGroup, marks: Sequence[AlertMark]) -> str:
    """`event.revision` of a revision that is told once, or the moment of a register's change."""
    if marks:
        return f"{marks[0].event.id}.{marks[0].last}"
    return f"register-{waiting.cc}-{waiting.since}"


def store_messages(session: StoreSession, due: DueAlerts, origin: str, now: int) -> int:
    """Take the marks of what is due and store a message for each subscription that asked for any of it.

    Returns:
        How many messages were stored.
    """
    taken = [group for group in due.groups if _take(session, group)]
    told: set[tuple[str, str]] = set()
    stored = 0
    for wanted in due.subscriptions:
        alerts: list[Alert] = []
        key = ""
        for group in taken:
            part = chosen(wanted.filter, group.changes)
            if part is not None:
                alerts.append(texts.alert(part, origin))
                key = key or f"{group.key}.{wanted.id}"
                told.add((group.group.service, group.group.cc))
        if alerts:
            message = texts.message(key, wanted.id, alerts, origin, from_ms(now))
            state = deliveries.HELD if wanted.digest else deliveries.WAITING
            deliveries.add_delivery(session, _delivery(message, wanted, state, now))
            stored += 1
    for group in taken:
        if (group.group.service, group.group.cc) in told:
            alert_marks.set_told(session, group.group.service, group.group.cc, now, group.networks)
    return stored


def _take(session: StoreSession, group: ReadGroup) -> bool:
    """Take the marks of a group; False when another process has, or when there is nothing to tell of it."""
    service, cc = group.group.service, group.group.cc
    if not alert_marks.take_marks(session, service, cc, group.marks):
        return False
    if not alert_marks.take_listings(session, service, cc, group.listings):
        return False
    return bool(group.changes.changes or group.changes.listings)


def store_digests(session: StoreSession, origin: str, now: int) -> int:
    """Make one message of all that is held for each subscription whose digest is due; how many were made."""
    made = 0
    for row in subscriptions.due_digests(session, now):
        wanted = subscription_of(row)
        due = to_ms(next_digest(wanted.digest, from_ms(now)))
        if not subscriptions.set_digest_due(session, row.id, row.digest_due, due):
            continue
        held = [_MESSAGE.decode(each.body) for each in deliveries.take_held(session, row.id)]
        if held:
            message = texts.digest_message(f"digest-{row.digest_due}.{row.id}", row.id, held, origin)
            deliveries.add_delivery(session, _delivery(message, wanted, deliveries.WAITING, now))
            made += 1
    return made


def _delivery(message: AlertMessage, wanted: Subscription, state: str, now: int) -> Delivery:
    return Delivery(message.id, wanted.id, wanted.channel, now, msgspec.json.encode(message), state=state)
