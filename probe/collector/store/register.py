"""SQL of official registers: the listings and delistings of known services."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from probe.collector.store import Row, StoreSession, from_ms, to_ms
from probe.collector.store.alert_marks import ListingMark, mark_listing
from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.lists.registers.register_entry import RegisterDecision

MAX_CHANGES_READ = 20_000
"""Changes of one service read for its page. Zello's listing grew to 75 records by 2019."""
NEWS_PERIOD = timedelta(days=14)
"""Older changes are history that is loaded late: they are shown, but nobody is told of them as news."""
_TOLD = frozenset({ChangeKind.LISTED, ChangeKind.DELISTED})


def store_changes(
    session: StoreSession, country: str, changes: Iterable[RegisterChange], now: datetime | None = None
) -> int:
    """Store changes of a country's register; how many of them were new.

    With `now`, subscribers are told of the new ones that are not older than `NEWS_PERIOD`.
    """
    new = [change for change in changes if _store_change(session, country, change)]
    for change in new if now is not None else ():
        moment = change.before or change.included
        if change.kind in _TOLD and moment is not None and now is not None and now - moment <= NEWS_PERIOD:
            listing = ListingMark(change.kind.value, 1, to_ms(moment))
            mark_listing(session, change.service, country, listing, to_ms(now))
    return len(new)


def _store_change(session: StoreSession, country: str, change: RegisterChange) -> int:
    digest = sha256(country.encode() + b"\0" + msgspec.json.encode(change)).digest()
    decision = change.decision
    return session.run(
        "INSERT INTO register_change (digest, service, cc, kind, subject, decided, decision, authority, addresses,"
        " after, before, included) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        *(digest, change.service, country, change.kind.value, change.subject),
        *(decision.date, decision.number, decision.authority, len(change.addresses)),
        *(_ms(change.after), _ms(change.before), _ms(change.included)),
    )


def changes_of(session: StoreSession, service: str) -> dict[str, list[RegisterChange]]:
    """Country -> the changes in which a service was listed or delisted there, without addresses."""
    found: dict[str, list[RegisterChange]] = {}
    for row in session.rows(
        "SELECT cc, kind, subject, decided, decision, authority, after, before, included FROM register_change"
        " WHERE service = ? AND kind IN (?, ?) ORDER BY cc, before, subject LIMIT ?",
        *(service, ChangeKind.LISTED.value, ChangeKind.DELISTED.value, MAX_CHANGES_READ),
    ):
        found.setdefault(str(row[0]), []).append(_change(service, row))
    return found


def _change(service: str, row: Row) -> RegisterChange:
    _, kind, subject, decided, number, authority, after, before, included = row
    return RegisterChange(
        kind=ChangeKind(kind),
        subject=subject,
        service=service,
        decision=RegisterDecision(decided, number, authority),
        after=_moment(after),
        before=_moment(before),
        included=_moment(included),
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else from_ms(value)
