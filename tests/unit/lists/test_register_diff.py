"""The difference of two snapshots of a register: what was listed and delisted between them."""

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
    """An entry with a host name."""
    return RegisterEntry(line=1, block_type=kind, hosts=(host,), addresses=addresses, decision=decision)


def bare(*addresses: str, decision: RegisterDecision = RULING) -> RegisterEntry:
    """An entry of addresses without a name."""
    return RegisterEntry(line=1, block_type=BlockType.ADDRESS, addresses=addresses, decision=decision)


def at(moment: datetime, items: Iterable[RegisterItem]) -> RegisterSnapshot:
    """A snapshot published at that time, with every entry selected."""
    return take_snapshot([SnapshotTime(moment), *items], ALL)


def between(old: Iterable[RegisterItem], new: Iterable[RegisterItem]) -> tuple[RegisterChange, ...]:
    """The changes from the old to the new entries."""
    return diff_snapshots(at(T0, old), at(T1, new), OWNERS)


def shown(found: Iterable[RegisterChange]) -> list[tuple[ChangeKind, str, str]]:
    """Kind, service and subject of each change."""
    return [(change.kind, change.service, change.subject) for change in found]


class TestListed:
    """Entries that appear."""

    def test_a_change_has_its_service_decision_and_the_times_of_both_snapshots(self) -> None:
        """The change came between the two publications."""
        assert between([], [named("wechat.com", "192.0.2.1")]) == (
            RegisterChange(
                kind=ChangeKind.LISTED, subject="wechat.com", service="wechat", decision=RULING, after=T0, before=T1
            ),
        )

    def test_addresses_of_a_new_decision_belong_to_the_service_that_it_names(self) -> None:
        """The listing of a service contains its names and its addresses."""
        assert shown(between([], [named("wechat.com"), bare("192.0.2.1"), bare("198.51.100.1", decision=OTHER)])) == [
            (ChangeKind.LISTED, "", "198.51.100.1"),
            (ChangeKind.LISTED, "wechat", "192.0.2.1"),
            (ChangeKind.LISTED, "wechat", "wechat.com"),
        ]

    def test_a_page_under_a_services_name_is_not_the_service(self) -> None:
        """Large sites have thousands of listed pages."""
        found = between([], [named("wechat.com", kind=BlockType.URL)])
        assert [(change.service, change.pages_only) for change in found] == [("", True)]


class TestDelisted:
    """Entries that disappear."""

    def test_names_and_addresses_that_disappear_are_delisted(self) -> None:
        """WeChat was delisted so on 11 May 2017."""
        entries = [named("wechat.com"), bare("192.0.2.1")]
        assert [kind for kind, *_ in shown(between(entries, []))] == [ChangeKind.DELISTED, ChangeKind.DELISTED]

    def test_equal_snapshots_give_no_change(self) -> None:
        """The order of the records and their repetition do not matter."""
        entries = [named("wechat.com", "192.0.2.1"), bare("192.0.2.2"), named("wechat.com", "192.0.2.3")]
        assert between(entries, [*reversed(entries), entries[0]]) == ()


class TestAddresses:
    """Addresses change under a decision that stays."""

    def test_addresses_of_a_listed_name_are_added_and_removed(self) -> None:
        """The name itself is not listed again."""
        found = between([named("wechat.com", "192.0.2.1")], [named("wechat.com", "192.0.2.2", "192.0.2.3")])
        assert [(change.kind, change.addresses) for change in found] == [
            (ChangeKind.ADDRESS_ADDED, ("192.0.2.2", "192.0.2.3")),
            (ChangeKind.ADDRESS_REMOVED, ("192.0.2.1",)),
        ]

    def test_entries_of_addresses_under_a_known_decision_are_added_and_removed(self) -> None:
        """All 75 records of Zello have the time of the first one."""
        found = between([named("wechat.com")], [named("wechat.com"), bare("192.0.2.9")])
        assert shown(found) == [(ChangeKind.ADDRESS_ADDED, "wechat", "192.0.2.9")]
        assert shown(between([named("wechat.com"), bare("192.0.2.9")], [named("wechat.com")])) == [
            (ChangeKind.ADDRESS_REMOVED, "wechat", "192.0.2.9")
        ]


class TestPlausible:
    """A broken download is not taken for a thousand delistings."""

    def test_a_snapshot_that_lost_a_quarter_of_its_entries_is_refused(self) -> None:
        """The operator can accept it with `any_size`."""
        old = at(T0, [named(f"n{n}.example") for n in range(200)])
        new = at(T1, [named(f"n{n}.example") for n in range(149)])
        with pytest.raises(ListError, match="the second snapshot has 149 entries where the first has 200"):
            diff_snapshots(old, new, OWNERS)
        assert len(diff_snapshots(old, new, OWNERS, any_size=True)) == 51
        assert len(diff_snapshots(old, at(T1, [named(f"n{n}.example") for n in range(150)]), OWNERS)) == 50

    def test_snapshots_in_the_wrong_order_are_refused(self) -> None:
        """Otherwise listed and delisted would be exchanged."""
        with pytest.raises(ListError, match="older than the first"):
            diff_snapshots(at(T1, []), at(T0, []), OWNERS)


class TestSnapshot:
    """The selected entries of a register."""

    def test_skipped_entries_are_counted_by_reason(self) -> None:
        """Bad rows have a count of their own."""
        taken = take_snapshot([BadRow(1, "x"), named("a.example"), named("b.example")], Selection())
        assert (taken.records, taken.bad, taken.skipped, taken.listings) == (2, 1, {SkipReason.UNKNOWN_TYPE: 2}, {})


HOSTS = st.sets(st.sampled_from([f"n{n}.example" for n in range(6)]))


@given(HOSTS, HOSTS)
def test_the_changes_lead_from_the_old_to_the_new_snapshot(before: set[str], after: set[str]) -> None:
    """No change is missing and none is invented."""
    found = between([named(host) for host in before], [named(host) for host in after])
    listed = {change.subject for change in found if change.kind is ChangeKind.LISTED}
    delisted = {change.subject for change in found if change.kind is ChangeKind.DELISTED}
    assert (before - delisted) | listed == after
    assert len(found) == len(before ^ after)
