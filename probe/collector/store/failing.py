"""SQL of targets that fail at an agent without a settled status. They are shown, and are no part of any event."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.collector.store import StoreSession, from_ms
from probe.fuse.presence import MISSED_INTERVALS
from probe.model.event import Network


class FailingService(msgspec.Struct, frozen=True, kw_only=True):
    """Targets of one service that fail in one network, by the latest reports of present vantages.

    Attributes:
        since: the earliest first failure.
        targets: how many targets fail.
    """

    service: str
    network: Network
    since: datetime
    targets: int


class FailingRow(msgspec.Struct, frozen=True):
    """A target by number, since when it fails in milliseconds, and causes joined by spaces."""

    target: int
    since: int
    causes: str


def replace_failing(session: StoreSession, agent: int, network: int, rows: Iterable[FailingRow]) -> None:
    """Store what an agent names as failing in place of what it named before."""
    session.run("DELETE FROM failing WHERE agent = ?", agent)
    for row in rows:
        session.run(
            "INSERT INTO failing (agent, target, network, since, causes) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (agent, target) DO NOTHING",
            *(agent, row.target, network, row.since, row.causes),
        )


class FailingSpan(msgspec.Struct, frozen=True):
    """A time in which a target was unreachable or down at one vantage of a network. `stop` is None while it lasts."""

    service: str
    network: Network
    target: str
    start: datetime
    stop: datetime | None


def failing_spans(session: StoreSession, since: int, service: str = "") -> list[FailingSpan]:
    """Spans without proof of interference that had not ended before a moment in milliseconds; of one service or all."""
    chosen = "AND span.target IN (SELECT no FROM target WHERE service = ? OR (service = '' AND text = ?))"
    found = session.rows(
        "SELECT CASE WHEN target.service = '' THEN target.text ELSE target.service END, network.asn, network.cc,"  # noqa: S608 constant
        " target.text, span.start, span.stop FROM span JOIN target ON target.no = span.target"
        " JOIN agent ON agent.no = span.agent JOIN network ON network.no = span.network"
        " WHERE span.status IN ('unreachable', 'down') AND (span.stop IS NULL OR span.stop >= ?)"
        f" AND agent.state = 'active' {chosen if service else ''}",
        *((since, service, service) if service else (since,)),
    )
    return [
        FailingSpan(name, Network(asn=asn, country=cc), text, from_ms(start), None if stop is None else from_ms(stop))
        for name, asn, cc, text, start, stop in found
    ]


def failing_services(session: StoreSession, now: int, service: str = "") -> list[FailingService]:
    """What fails without a settled status where a vantage is present and online, longest first.

    Args:
        session: the view.
        now: in milliseconds.
        service: only this one; all when empty.
    """
    named = "CASE WHEN target.service = '' THEN target.text ELSE target.service END"
    found = session.rows(
        f"SELECT {named}, network.asn, network.cc, min(failing.since), count(DISTINCT failing.target)"  # noqa: S608 constant
        " FROM failing JOIN agent ON agent.no = failing.agent JOIN target ON target.no = failing.target"
        " JOIN network ON network.no = failing.network JOIN presence AS latest ON latest.agent = failing.agent"
        "  AND latest.start = (SELECT max(start) FROM presence WHERE presence.agent = failing.agent)"
        " WHERE agent.state = 'active' AND latest.state = 'online' AND latest.stop + ? * latest.interval >= ?"
        f" GROUP BY {named}, network.asn, network.cc ORDER BY min(failing.since), {named}, network.asn, network.cc",
        MISSED_INTERVALS,
        now,
    )
    return [
        FailingService(service=name, network=Network(asn=asn, country=cc), since=from_ms(since), targets=targets)
        for name, asn, cc, since, targets in found
        if service in ("", name)
    ]
