"""Two snapshots become what was listed and delisted between them."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.register_diff import ChangeKind, RegisterChange, RegisterSnapshot, diff_snapshots, take_snapshot
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime
from probe.lists.selection import Selection, SkipReason
from probe.lists.service import Risk, Role, Service, ServiceIndex

T0, T1 = datetime(2017, 5, 3, 17, tzinfo=UTC), datetime(2017, 5, 5, 9, tzinfo=UTC)
RULING = RegisterDecision("2017-05-04", "10-Restricting", "Роскомнадзор")
OTHER = RegisterDecision("2017-04-12", "4-Restricting", "Роскомнадзор")
OWNERS = ServiceIndex(
    [
        Service(name="wechat", title="WeChat", operator="o", role=Role.WATCHED, category="COMT", risk=Risk.ORDINARY,
                default=True, names=("wechat.com",)),
    ]
)  # fmt: skip
ALL = Selection(entry_types=frozenset(range(100)))


def named(
    host: str, *addresses: str, decision: RegisterDecision = RULING, kind: BlockType = BlockType.DOMAIN
) -> RegisterEntry:
    """An entry of a name."""
    return RegisterEntry(line=1, block_type=kind, hosts=(host,), addresses=addresses, decision=decision)


def bare(*addresses: str, decision: RegisterDecision = RULING) -> RegisterEntry:
    """An entry of addresses alone."""
    return RegisterEntry(line=1, block_type=BlockType.ADDRESS, addresses=addresses, decision=decision)


def at(moment: datetime, items: Iterable[RegisterItem]) -> RegisterSnapshot:
    """A snapshot of that time."""
    return take_snapshot([SnapshotTime(moment), *items], ALL)


def between(old: Iterable[RegisterItem], new: Iterable[RegisterItem]) -> tuple[RegisterChange, ...]:
    """The changes."""
    return diff_snapshots(at(T0, old), at(T1, new), OWNERS)


def shown(found: Iterable[RegisterChange]) -> list[tuple[ChangeKind, str, str]]:
    """What, whose, which."""
    return [(change.kind, change.service, change.subject) for change in found]


class TestListed:
    """New entries."""

    def test_a_name_with_its_time_service_and_ground(self) -> None:
        """The change came between the two publications."""
        assert between([], [named("wechat.com", "192.0.2.1")]) == (
            RegisterChange(
                kind=ChangeKind.LISTED, subject="wechat.com", service="wechat", decision=RULING, after=T0, before=T1
            ),
        )

    def test_bare_addresses_of_a_new_decision_belong_to_the_service_it_names(self) -> None:
        """So the service's listing is counted whole."""
        assert shown(between([], [named("wechat.com"), bare("192.0.2.1"), bare("198.51.100.1", decision=OTHER)])) == [
            (ChangeKind.LISTED, "", "198.51.100.1"),
            (ChangeKind.LISTED, "wechat", "192.0.2.1"),
            (ChangeKind.LISTED, "wechat", "wechat.com"),
        ]

    def test_a_page_under_a_services_name_is_not_the_service(self) -> None:
        """Half the internet would be listed."""
        found = between([], [named("wechat.com", kind=BlockType.URL)])
        assert [(change.service, change.pages_only) for change in found] == [("", True)]


class TestDelisted:
    """Entries that went."""

    def test_is_the_mirror_image_of_listed(self) -> None:
        """WeChat, 11 May 2017."""
        entries = [named("wechat.com"), bare("192.0.2.1")]
        assert [kind for kind, *_ in shown(between(entries, []))] == [ChangeKind.DELISTED, ChangeKind.DELISTED]

    def test_nothing_changed_is_no_change(self) -> None:
        """However the records are ordered or repeated."""
        entries = [named("wechat.com", "192.0.2.1"), bare("192.0.2.2"), named("wechat.com", "192.0.2.3")]
        assert between(entries, [*reversed(entries), entries[0]]) == ()


class TestAddresses:
    """A register chases a service that moves."""

    def test_of_a_listed_name_are_added_and_removed(self) -> None:
        """Without the name being listed anew."""
        found = between([named("wechat.com", "192.0.2.1")], [named("wechat.com", "192.0.2.2", "192.0.2.3")])
        assert [(change.kind, change.addresses) for change in found] == [
            (ChangeKind.ADDRESS_ADDED, ("192.0.2.2", "192.0.2.3")),
            (ChangeKind.ADDRESS_REMOVED, ("192.0.2.1",)),
        ]

    def test_alone_under_a_known_decision_are_added(self) -> None:
        """Zello's 75 records all say the time of the first."""
        found = between([named("wechat.com")], [named("wechat.com"), bare("192.0.2.9")])
        assert shown(found) == [(ChangeKind.ADDRESS_ADDED, "wechat", "192.0.2.9")]
        assert shown(between([named("wechat.com"), bare("192.0.2.9")], [named("wechat.com")])) == [
            (ChangeKind.ADDRESS_REMOVED, "wechat", "192.0.2.9")
        ]


class TestPlausible:
    """A broken download must not look like a thousand delistings."""

    def test_a_snapshot_of_half_the_size_is_refused(self) -> None:
        """Unless the operator says it is right."""
        old = at(T0, [named(f"n{n}.example") for n in range(200)])
        new = at(T1, [named(f"n{n}.example") for n in range(99)])
        with pytest.raises(ListError, match="the second snapshot has 99 entries where the first has 200"):
            diff_snapshots(old, new, OWNERS)
        assert len(diff_snapshots(old, new, OWNERS, any_size=True)) == 101

    def test_snapshots_in_the_wrong_order_are_refused(self) -> None:
        """Or listed and delisted would change places."""
        with pytest.raises(ListError, match="older than the first"):
            diff_snapshots(at(T1, []), at(T0, []), OWNERS)


class TestSnapshot:
    """The chosen part of a register."""

    def test_counts_what_it_leaves_out(self) -> None:
        """By reason."""
        taken = take_snapshot([BadRow(1, "x"), named("a.example"), named("b.example")], Selection())
        assert (taken.records, taken.bad, taken.skipped, taken.listings) == (2, 1, {SkipReason.UNKNOWN_TYPE: 2}, {})


HOSTS = st.sets(st.sampled_from([f"n{n}.example" for n in range(6)]))


@given(HOSTS, HOSTS)
def test_old_and_changes_give_new(before: set[str], after: set[str]) -> None:
    """Nothing missed, nothing invented."""
    found = between([named(host) for host in before], [named(host) for host in after])
    listed = {change.subject for change in found if change.kind is ChangeKind.LISTED}
    delisted = {change.subject for change in found if change.kind is ChangeKind.DELISTED}
    assert (before - delisted) | listed == after
    assert len(found) == len(before ^ after)
