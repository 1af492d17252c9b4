"""Timelines as bars on a horizontal strip: interference, reachability, register listings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from probe.collector.web.wording import duration, moment
from probe.fuse.presence import MISSED_INTERVALS
from probe.model.event import Event, Presence
from probe.model.verdict import Status

WIDTH = 1000
"""Width of a strip in its own coordinates."""
_KINDS = {"failing": "unreachable or down"}
MIN_BAR_WIDTH = 6
"""The shortest block is still visible."""


class TimelineBar(msgspec.Struct, frozen=True, kw_only=True):
    """A bar on a strip, in the strip's own coordinates.

    Attributes:
        kind: `reachable`, `failing`, `blocked`, `throttled`; on a register's strip `listed`, or `maybe` for the time
            between two snapshots, only one of which has the entry.
    """

    kind: str
    x: int
    width: int


class TimelineStrip(msgspec.Struct, frozen=True, kw_only=True):
    """Bars, drawn one over the other on a hatched ground that means no data, with a description as text."""

    bars: tuple[TimelineBar, ...]
    description: str


def network_timeline(
    events: Iterable[Event],
    presences: Iterable[Presence],
    since: datetime,
    until: datetime,
    failing: Iterable[tuple[datetime, datetime | None]] = (),
) -> TimelineStrip:
    """Draw when a service was reachable, when it failed and when it was interfered with in a network.

    Args:
        events: of the service in the network.
        presences: of the network's vantages; between them there is no data.
        since: the beginning of the strip.
        until: the end of the strip.
        failing: periods in which it failed without proof of interference; those in which nobody looked are left out.
    """
    present = [(run.start, run.stop + MISSED_INTERVALS * timedelta(seconds=run.interval)) for run in presences]
    seen = _merged(present, since, until)
    failed = _merged([(start, until if stop is None else stop) for start, stop in failing], since, until)
    failed = [(max(a, c), min(b, d)) for a, b in failed for c, d in seen if max(a, c) < min(b, d)]
    parts: dict[str, list[tuple[datetime, datetime]]] = {"reachable": _without(seen, failed), "failing": failed}
    for kind in (Status.THROTTLED, Status.BLOCKED):
        lasting = [(event.onset, event.lifted or until) for event in events if event.status is kind]
        parts[kind.value] = _merged(lasting, since, until)
    return TimelineStrip(bars=tuple(_bars(parts, since, until)), description=_words(parts, until - since))


def vantage_timeline(
    status: Status, part: tuple[datetime, datetime], since: datetime, until: datetime
) -> TimelineStrip:
    """Draw the part of an event that one vantage saw, on the event's own scale."""
    found = {status.value: _merged([part], since, until)}
    words = f"{status.value} from {moment(part[0])} to {moment(part[1])}"
    return TimelineStrip(bars=tuple(_bars(found, since, until)), description=words)


Periods = list[tuple[datetime, datetime]]


def listing_timeline(listed: Periods, maybe: Periods, since: datetime, until: datetime) -> TimelineStrip:
    """Draw when a service was on a register, and when it may have been."""
    parts = {"maybe": _merged(maybe, since, until), "listed": _merged(listed, since, until)}
    said = [f"listed from {moment(start)} to {moment(stop)}" for start, stop in parts["listed"]]
    said += [f"perhaps listed between {moment(start)} and {moment(stop)}" for start, stop in parts["maybe"]]
    return TimelineStrip(bars=tuple(_bars(parts, since, until)), description="; ".join(said) or "not listed")


def _bars(parts: dict[str, list[tuple[datetime, datetime]]], since: datetime, until: datetime) -> list[TimelineBar]:
    whole = until - since
    return [
        TimelineBar(kind=kind, x=_scaled(start - since, whole), width=max(MIN_BAR_WIDTH, _scaled(stop - start, whole)))
        for kind, found in parts.items()
        for start, stop in found
    ]


def _merged(
    parts: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """The periods cut to the strip; those that touch are joined."""
    found: list[tuple[datetime, datetime]] = []
    for start, stop in sorted((max(start, since), min(stop, until)) for start, stop in parts):
        if stop <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def _without(whole: Periods, taken: Periods) -> Periods:
    """The periods of `whole` less those of `taken`; both in order and merged."""
    found: Periods = []
    for start, stop in whole:
        at = start
        for first, last in taken:
            if first >= stop or last <= at:
                continue
            if first > at:
                found.append((at, first))
            at = max(at, last)
        if at < stop:
            found.append((at, stop))
    return found


def _scaled(part: timedelta, whole: timedelta) -> int:
    return round(WIDTH * (part / whole))


def _words(parts: dict[str, list[tuple[datetime, datetime]]], whole: timedelta) -> str:
    lengths = {kind: sum((stop - start for start, stop in found), timedelta()) for kind, found in parts.items()}
    bad = [
        f"{_KINDS.get(kind, kind)} {duration(length)}"
        for kind, length in lengths.items()
        if kind != "reachable" and length
    ]
    said = ", ".join(bad) or "no interference"
    present = lengths["reachable"] + lengths["failing"]
    return f"Last {duration(whole)}: {said}; vantages present {duration(present)}"
