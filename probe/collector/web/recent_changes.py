"""What happened lately: revisions of events as one line a service and country. Pure.

A change is dated by when it happened, not by when it was reported: a backlog that arrives today tells of other days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.collector.store import from_ms
from probe.collector.store.events import Revision
from probe.fuse.revision import RevisionKind
from probe.model.event import Network


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Revisions of one kind about one service in one country.

    Attributes:
        revision: the widest of them: of the country where it has one, else the latest.
        moment: when the latest of them happened.
        networks: of all of them; empty for events of a country alone.
    """

    revision: Revision
    moment: datetime
    networks: tuple[Network, ...]


def happened(revision: Revision) -> datetime:
    """When the change happened that a revision tells: the onset, the end, or the withdrawal itself."""
    match revision.kind:
        case RevisionKind.LIFTED if revision.event.lifted is not None:
            return revision.event.lifted
        case RevisionKind.BEGAN:
            return revision.event.onset
        case _:
            return from_ms(revision.published)


def recent_changes(published: Iterable[Revision], since: datetime) -> tuple[tuple[Change, ...], int]:
    """The changes that happened at or after a moment, newest first.

    Args:
        published: revisions in any order.
        since: the moment. What began before anybody looked counts by its first measurement.

    Returns:
        The changes; how many revisions are about earlier times.
    """
    grouped: dict[tuple[str, str, RevisionKind], list[Revision]] = defaultdict(list)
    late = 0
    for revision in published:
        if happened(revision) < since:
            late += 1
        else:
            event = revision.event
            grouped[event.service, event.network.country, revision.kind].append(revision)
    changes = [_change(revisions) for revisions in grouped.values()]
    return tuple(sorted(changes, key=lambda change: (change.moment, change.revision.no), reverse=True)), late


def _change(revisions: list[Revision]) -> Change:
    widest = max(revisions, key=lambda each: (each.event.networks, not each.event.network.asn, each.published, each.no))
    networks = {each.event.network for each in revisions if each.event.network.asn}
    return Change(
        revision=widest,
        moment=max(map(happened, revisions)),
        networks=tuple(sorted(networks)),
    )
