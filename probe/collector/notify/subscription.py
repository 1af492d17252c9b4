"""Subscriptions: what a subscriber wants to be told, and the choice of changes by it. Pure."""

from __future__ import annotations

import msgspec

from probe.collector.notify.alert import AlertChange, AlertKind, GroupChanges
from probe.collector.notify.grouping import status_kind
from probe.model.event import Confidence, Scope

WEBHOOK = "webhook"
"""The channel of `http://` and `https://` URLs; other channels have the name of their URL's scheme."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription asks for; an empty list means all.

    Attributes:
        services: names of services, or targets that belong to none.
        countries: ISO 3166 codes.
        networks: AS numbers. With any, events of countries are not told: those of the networks are.
        kinds: of alerts.
        confirmed: only what two or more independent sources report.
    """

    services: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    networks: tuple[int, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    confirmed: bool = False


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber's channel and wishes.

    Attributes:
        id: eight hexadecimal digits; public.
        channel: `webhook`, or the kind of channel as apprise calls it; public.
        url: where messages go. It may hold a token: secret.
        key: signs a webhook's messages; secret.
        digest: empty to be told at once; else `hourly`, `daily` or a cron expression, in UTC.
        allow_private: whether a webhook may lead to an address that is not public.
    """

    id: str
    channel: str
    url: str
    key: bytes = b""
    filter: Filter = Filter()
    digest: str = ""
    allow_private: bool = False


def chosen(wanted: Filter, group: GroupChanges) -> GroupChanges | None:
    """The part of a group's changes that a subscription asks for; None when it is nothing."""
    if wanted.services and group.service not in wanted.services:
        return None
    if wanted.countries and group.country not in wanted.countries:
        return None
    changes = tuple(change for change in group.changes if _wants(wanted, change))
    listings = () if wanted.networks else tuple(each for each in group.listings if _asked(wanted, {each.kind}))
    if not changes and not listings:
        return None
    return msgspec.structs.replace(group, changes=changes, listings=listings)


def _wants(wanted: Filter, change: AlertChange) -> bool:
    event = change.event
    if wanted.networks:
        if event.scope is not Scope.NETWORK or event.network.asn not in wanted.networks:
            return False
    elif change.folded:
        return False
    if wanted.confirmed and not (event.confidence is Confidence.CONFIRMED or change.was_confirmed):
        return False
    kinds = set(change.kinds)
    if AlertKind.WITHDRAWN in kinds or (wanted.confirmed and AlertKind.CONFIRMED in kinds):
        kinds.add(status_kind(event))  # who was told of a block is told that it does not stand
    return _asked(wanted, kinds)


def _asked(wanted: Filter, kinds: set[AlertKind]) -> bool:
    return not wanted.kinds or bool(kinds & set(wanted.kinds))
