"""Which entries of a list are kept: a safe default, and the choices of the operator."""

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
    """The default keeps nothing that could harm a volunteer."""

    @pytest.mark.parametrize("entry_type", [1, 2, 3, 5, 99])
    def test_entries_of_other_types_are_skipped(self, entry_type: int) -> None:
        """Type 1 has pages that must not be opened."""
        assert Selection().of_record(record(entry_type)) is SkipReason.TYPE

    @pytest.mark.parametrize("entry_type", [4, 6])
    def test_messengers_and_personal_data_are_kept(self, entry_type: int) -> None:
        """LINE was listed with type 4, LinkedIn with type 6."""
        assert Selection().of_record(record(entry_type)) is None

    def test_entries_of_unknown_type_are_skipped(self) -> None:
        """A mirror without types can contain any entry."""
        assert Selection().of_record(record(0)) is SkipReason.UNKNOWN_TYPE

    @pytest.mark.parametrize("category", sorted(SENSITIVE))
    def test_sensitive_categories_are_skipped(self, category: str) -> None:
        """Upper and lower case do not matter."""
        assert Selection().of_entry(ListEntry("a.example", category=category.lower())) is SkipReason.CATEGORY

    def test_other_categories_are_kept(self) -> None:
        """Entries without a category are kept too."""
        assert Selection().of_entry(ListEntry("a.example", category="NEWS")) is None
        assert Selection().of_entry(ListEntry("a.example")) is None

    def test_an_entry_without_anything_readable_is_skipped(self) -> None:
        """It has its own reason."""
        assert Selection().of_record(RegisterEntry(line=1, entry_type=4)) is SkipReason.UNREADABLE


class TestChosen:
    """The operator names what else is kept."""

    def test_a_named_category_is_kept_and_no_other(self) -> None:
        """The other sensitive categories are still skipped."""
        chosen = Selection(categories=frozenset({"GMB"}))
        assert chosen.of_entry(ListEntry("a.example", category="GMB")) is None
        assert chosen.of_entry(ListEntry("a.example", category="PORN")) is SkipReason.CATEGORY

    def test_a_decision_is_named_by_its_number_or_authority(self) -> None:
        """Its entries are kept whatever their type."""
        assert Selection(decisions=("9-Restr",)).of_record(record(0, number="9-Restricting")) is None
        assert Selection(decisions=("суд",)).of_record(record(1)) is None
        assert Selection(decisions=("9-Restr",)).of_record(record(0, number="8-Restricting")) is SkipReason.UNKNOWN_TYPE

    def test_named_types_replace_the_default_ones(self) -> None:
        """Type 4 is skipped when only type 3 is named."""
        assert Selection(entry_types=frozenset({3})).of_record(record(3)) is None
        assert Selection(entry_types=frozenset({3})).of_record(record(4)) is SkipReason.TYPE


class TestServices:
    """Names of known services are kept."""

    chosen = Selection(owners=ServiceIndex([LINE]))

    def test_names_of_services_are_kept_whatever_the_type(self) -> None:
        """Also in mirrors that have no types."""
        assert self.chosen.of_record(record(0, "legy.line.me")) is None
        assert self.chosen.of_record(record(3, "line.me")) is None

    def test_single_pages_of_a_service_are_skipped(self) -> None:
        """A page under the name of a service is not the service."""
        assert self.chosen.of_record(record(3, "line.me", BlockType.URL)) is SkipReason.TYPE

    def test_names_of_services_are_skipped_with_type_1(self) -> None:
        """Type 1 is never kept by default."""
        assert self.chosen.of_record(record(1, "line.me")) is SkipReason.TYPE
