"""The records of alerts: kinds, changes of events since the last message, alerts and messages. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from probe.model.event import Event

MAX_CHANGES = 20
"""Changes in one alert as data; the text counts all."""
MAX_TARGETS = 20
"""Targets of one event in an alert; the event's page has all."""
MAX_ALERTS = 100
"""Alerts in one message as data."""


class AlertKind(StrEnum):
    """What an alert announces."""

    BLOCKED = "blocked"
    THROTTLED = "throttled"
    UNBLOCKED = "unblocked"
    CONFIRMED = "confirmed"
    """A second, independent source reports an event that one source had reported."""
    DISPUTED = "disputed"
    """Vantages differ, or fewer sources remain than before."""
    WITHDRAWN = "withdrawn"
    """The reports behind an event that was told do not stand."""
    LISTED = "listed"
    """An official register has new entries of the service."""
    DELISTED = "delisted"


class MarkedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with revisions that nobody has been told of.

    Attributes:
        event: the event as of its last revision.
        before: the event as it was last told of; None when it is new or was withdrawn then.
        withdrawn: whether its last revision withdrew it.
        into: the id under which it continues; empty when it was not renamed.
        reason: of its withdrawal.
    """

    event: Event
    before: Event | None = None
    withdrawn: bool = False
    into: str = ""
    reason: str = ""


class MarkedListing(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a service that a register added (`listed`) or removed, in snapshots up to a moment."""

    kind: AlertKind
    entries: int
    moment: datetime


class AlertChange(msgspec.Struct, frozen=True, kw_only=True):
    """One event that changed.

    Attributes:
        kinds: what changed, the present state last.
        event: as it is now.
        folded: the event of its country tells the same, so only those who asked for its network are told.
        was_confirmed: whether it was confirmed when it was last told of.
        again: whether it had been told of before: an update.
        reason: of a withdrawal.
    """

    kinds: tuple[AlertKind, ...]
    event: Event
    folded: bool = False
    was_confirmed: bool = False
    again: bool = False
    reason: str = ""


class GroupChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changed of one service in one country since its last message.

    Attributes:
        changes: the most important one first.
        listings: what its register added and removed.
        still: on how many networks of the country an event is ongoing.
    """

    service: str
    country: str
    changes: tuple[AlertChange, ...] = ()
    listings: tuple[MarkedListing, ...] = ()
    still: int = 0


class AlertedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event in an alert: what changed, the event, its page with the evidence."""

    kinds: tuple[AlertKind, ...]
    event: Event
    link: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscriber is told of one service in one country.

    Attributes:
        title: a short headline.
        text: sentences for a reader.
        link: the page to read on.
        events: at most `MAX_CHANGES` events that changed.
        more: how many others changed.
    """

    service: str
    country: str
    kinds: tuple[AlertKind, ...]
    title: str
    text: str
    link: str
    events: tuple[AlertedEvent, ...] = ()
    more: int = 0


class AlertMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to a subscription: the body of a webhook.

    Attributes:
        id: the idempotency key. A message that is sent again has the same id and the same bytes.
        version: of this form.
        test: whether the operator asked for it; nothing has changed.
        digest: whether it gathers what changed since the last digest.
        alerts: at most `MAX_ALERTS`.
        more: how many alerts there are besides.
    """

    id: str
    subscription: str
    time: datetime
    title: str
    text: str
    version: int = 1
    test: bool = False
    digest: bool = False
    alerts: tuple[Alert, ...] = ()
    more: int = 0
