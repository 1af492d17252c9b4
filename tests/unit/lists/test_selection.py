"""Which entries are kept: a safe default, and the operator's choice."""

import pytest

from probe.lists.lines import ListEntry
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry
from probe.lists.selection import SENSITIVE, Selection, SkipReason
from probe.lists.service import Risk, Role, Service, ServiceIndex

LINE = Service(
    name="line", title="LINE", operator="o", role=Role.WATCHED, category="COMT", risk=Risk.ORDINARY, default=True,
    names=("line.me",),
)  # fmt: skip


def record(
    entry_type: int, host: str = "a.example", kind: BlockType = BlockType.DOMAIN, number: str = "1"
) -> RegisterEntry:
    """An entry of a register."""
    return RegisterEntry(
        line=1, entry_type=entry_type, block_type=kind, hosts=(host,), decision=RegisterDecision("", number, "суд")
    )


class TestByDefault:
    """Nothing that anyone could be harmed by."""

    @pytest.mark.parametrize("entry_type", [1, 2, 3, 5, 99])
    def test_other_types_are_set_aside(self, entry_type: int) -> None:
        """Type 1 has pages that must not be opened."""
        assert Selection().of_record(record(entry_type)) is SkipReason.TYPE

    @pytest.mark.parametrize("entry_type", [4, 6])
    def test_messengers_and_personal_data_are_kept(self, entry_type: int) -> None:
        """LINE and LinkedIn were listed so."""
        assert Selection().of_record(record(entry_type)) is None

    def test_what_is_not_known_is_set_aside(self) -> None:
        """A mirror without types could hold anything."""
        assert Selection().of_record(record(0)) is SkipReason.UNKNOWN_TYPE

    @pytest.mark.parametrize("category", sorted(SENSITIVE))
    def test_sensitive_categories_are_set_aside(self, category: str) -> None:
        """In any case."""
        assert Selection().of_entry(ListEntry("a.example", category=category.lower())) is SkipReason.CATEGORY

    def test_other_categories_are_kept(self) -> None:
        """And entries of none."""
        assert Selection().of_entry(ListEntry("a.example", category="NEWS")) is None
        assert Selection().of_entry(ListEntry("a.example")) is None

    def test_an_entry_without_anything_readable_is_set_aside(self) -> None:
        """With its own reason."""
        assert Selection().of_record(RegisterEntry(line=1, entry_type=4)) is SkipReason.UNREADABLE


class TestChosen:
    """The operator opts in, each by name."""

    def test_a_category_at_a_time(self) -> None:
        """One opens no other."""
        chosen = Selection(categories=frozenset({"GMB"}))
        assert chosen.of_entry(ListEntry("a.example", category="GMB")) is None
        assert chosen.of_entry(ListEntry("a.example", category="PORN")) is SkipReason.CATEGORY

    def test_a_decision_by_its_number_or_authority(self) -> None:
        """Whatever its type."""
        assert Selection(decisions=("9-Restr",)).of_record(record(0, number="9-Restricting")) is None
        assert Selection(decisions=("суд",)).of_record(record(1)) is None
        assert Selection(decisions=("9-Restr",)).of_record(record(0, number="8-Restricting")) is SkipReason.UNKNOWN_TYPE

    def test_a_type(self) -> None:
        """In place of the default ones."""
        assert Selection(entry_types=frozenset({3})).of_record(record(3)) is None
        assert Selection(entry_types=frozenset({3})).of_record(record(4)) is SkipReason.TYPE


class TestServices:
    """Names of known services are what this program is for."""

    chosen = Selection(owners=ServiceIndex([LINE]))

    def test_are_kept_whatever_the_decision(self) -> None:
        """Also in mirrors that know no types."""
        assert self.chosen.of_record(record(0, "legy.line.me")) is None
        assert self.chosen.of_record(record(3, "line.me")) is None

    def test_but_not_where_single_pages_are_listed(self) -> None:
        """A page under a service's name is not the service."""
        assert self.chosen.of_record(record(3, "line.me", BlockType.URL)) is SkipReason.TYPE

    def test_and_never_of_type_1(self) -> None:
        """Whoever's name it is."""
        assert self.chosen.of_record(record(1, "line.me")) is SkipReason.TYPE
