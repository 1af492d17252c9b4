"""Compare two snapshots of a register: what was listed and delisted between them.

A change records what an authority wrote, not what a network does. The collector shows it beside what agents observe,
with the lag between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime
from probe.lists.selection import Selection, SkipReason
from probe.lists.service import ServiceIndex

SHRINKAGE = 0.75
"""A snapshot with less than this fraction of the previous one's entries counts as a broken download. On the worst of
294 days of 2014-15 the official register lost 9 % of its records (2014-12-31: 621 of 7,208)."""
SMALL = 100
"""Snapshots with fewer entries may shrink to any size: a few chosen decisions may be lifted together."""


class ChangeKind(StrEnum):
    """What happened to an entry."""

    LISTED = "listed"
    DELISTED = "delisted"
    ADDRESS_ADDED = "address added"
    """to a name or a decision that was listed before"""
    ADDRESS_REMOVED = "address removed"
    """from one that stays listed"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterChange:
    """One difference between two snapshots.

    Attributes:
        kind: what happened.
        subject: the name (a mask as `*.name`), address or prefix.
        pages_only: single pages of the name are listed, not the name; it never counts as the service's listing.
        service: the service that owns the name or that the decision is about; empty for none.
        decision: the decision behind the entry.
        addresses: those added or removed, when the subject is a name.
        after, before: publication times of the two snapshots; the change happened between them. None where not given.
        included: when the register entered the decision.
    """

    kind: ChangeKind
    subject: str
    decision: RegisterDecision
    pages_only: bool = False
    service: str = ""
    addresses: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None
    included: datetime | None = None


@dataclass(slots=True)
class SnapshotEntry:
    """One subject in one snapshot: the union of all records that name it."""

    decision: RegisterDecision
    included: datetime | None
    by_address: bool
    addresses: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RegisterSnapshot:
    """The selected part of a register at one moment.

    Attributes:
        at: when it was published; None where the source does not say.
        listings: (pages only, subject) -> its entry.
        records: how many records were read.
        skipped: how many the selection leaves out, by reason.
        bad: how many rows were malformed.
        ends_line: whether its file ends with a line end; true for formats whose end the reader itself recognises.
    """

    at: datetime | None = None
    listings: dict[tuple[bool, str], SnapshotEntry] = field(default_factory=dict)
    records: int = 0
    skipped: dict[SkipReason, int] = field(default_factory=dict)
    bad: int = 0
    ends_line: bool = True

    def decisions(self) -> set[RegisterDecision]:
        """The decisions with at least one selected entry."""
        return {listing.decision for listing in self.listings.values()}


def take_snapshot(items: Iterable[RegisterItem], selection: Selection) -> RegisterSnapshot:
    """Read the selected part of a register.

    Raises:
        ListError: the file is broken (from the reader): half a snapshot would look like a thousand delistings.
    """
    taken = RegisterSnapshot()
    for item in items:
        match item:
            case SnapshotTime():
                taken.at = item.at
            case BadRow():
                taken.bad += 1
            case _:
                taken.records += 1
                reason = selection.of_record(item)
                if reason is None:
                    _take(taken, item)
                else:
                    taken.skipped[reason] = taken.skipped.get(reason, 0) + 1
    return taken


def _take(taken: RegisterSnapshot, record: RegisterEntry) -> None:
    pages_only = record.block_type is BlockType.URL
    members = (*record.addresses, *record.networks)
    for subject in record.hosts or members:
        listing = taken.listings.get((pages_only, subject))
        if listing is None:
            listing = taken.listings[pages_only, subject] = SnapshotEntry(
                record.decision, record.included, not record.hosts
            )
        if record.hosts:
            listing.addresses.update(members)


def diff_snapshots(
    old: RegisterSnapshot, new: RegisterSnapshot, owners: ServiceIndex, *, any_size: bool = False
) -> tuple[RegisterChange, ...]:
    """What was listed and delisted between two snapshots, ordered by service and subject.

    Args:
        old: the earlier snapshot.
        new: the later one.
        owners: finds the service of a name. A decision that lists a service's name is about that service, so its bare
            addresses and the names of its hosters count as the service's too.
        any_size: accept a snapshot however much smaller it is.

    Raises:
        ListError: the new snapshot is suspiciously small, or older than the old one.
    """
    _plausible(old, new, any_size=any_size)
    services = _services(old, owners) | _services(new, owners)
    known, kept = old.decisions(), new.decisions()
    found: list[RegisterChange] = []
    for key, before in old.listings.items():
        after = new.listings.get(key)
        if after is not None:
            found.extend(_moved(key, before, after))
        else:
            removed = before.by_address and before.decision in kept
            found.append(_change(ChangeKind.ADDRESS_REMOVED if removed else ChangeKind.DELISTED, key, before))
    for key in new.listings.keys() - old.listings.keys():
        listing = new.listings[key]
        added = listing.by_address and listing.decision in known
        found.append(_change(ChangeKind.ADDRESS_ADDED if added else ChangeKind.LISTED, key, listing))
    return tuple(sorted((_placed(c, services, owners, old.at, new.at) for c in found), key=_order))


def _plausible(old: RegisterSnapshot, new: RegisterSnapshot, *, any_size: bool) -> None:
    if old.at is not None and new.at is not None and new.at < old.at:
        raise ListError("the second snapshot is older than the first", mend="give the older one first")
    if not any_size and len(old.listings) >= SMALL and len(new.listings) < SHRINKAGE * len(old.listings):
        raise ListError(
            f"the second snapshot has {len(new.listings)} entries where the first has {len(old.listings)}",
            mend="the download may have been cut short; if it is right, say --any-size",
        )


def _moved(key: tuple[bool, str], before: SnapshotEntry, after: SnapshotEntry) -> list[RegisterChange]:
    found = []
    if added := after.addresses - before.addresses:
        found.append(_change(ChangeKind.ADDRESS_ADDED, key, after, added))
    if removed := before.addresses - after.addresses:
        found.append(_change(ChangeKind.ADDRESS_REMOVED, key, before, removed))
    return found


def _change(
    kind: ChangeKind, key: tuple[bool, str], listing: SnapshotEntry, addresses: Iterable[str] = ()
) -> RegisterChange:
    return RegisterChange(
        kind=kind,
        subject=key[1],
        pages_only=key[0],
        decision=listing.decision,
        addresses=tuple(sorted(addresses)),
        included=listing.included,
    )


def _services(taken: RegisterSnapshot, owners: ServiceIndex) -> dict[RegisterDecision, str]:
    """Decision -> the one service whose names it lists. A decision about several services identifies none."""
    found: dict[RegisterDecision, set[str]] = {}
    for (pages_only, subject), listing in taken.listings.items():
        owner = "" if pages_only or listing.by_address else owners.owner_of(subject)
        if owner:
            found.setdefault(listing.decision, set()).add(owner)
    return {decision: next(iter(names)) for decision, names in found.items() if len(names) == 1}


def _placed(
    change: RegisterChange,
    services: dict[RegisterDecision, str],
    owners: ServiceIndex,
    after: datetime | None,
    before: datetime | None,
) -> RegisterChange:
    owner = "" if change.pages_only else owners.owner_of(change.subject) or services.get(change.decision, "")
    return RegisterChange(
        kind=change.kind,
        subject=change.subject,
        decision=change.decision,
        pages_only=change.pages_only,
        service=owner,
        addresses=change.addresses,
        after=after,
        before=before,
        included=change.included,
    )


def _order(change: RegisterChange) -> tuple[str, str, str, bool]:
    return (change.service, change.subject, change.kind, change.pages_only)
