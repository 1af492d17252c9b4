"""Lists of bare names, addresses and prefixes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers import flat
from probe.lists.registers.register_entry import BlockType, RegisterEntry


def test_names_masks_addresses_and_prefixes_are_distinguished() -> None:
    """The entries have no decision, so their type is unknown."""
    items = list(flat.read([b"# all\na.example\n192.0.2.1\n\n203.0.113.0/24\n*.b.example\n2001:db8::1\n"], "f"))
    assert [(i.block_type, i.line) for i in items if isinstance(i, RegisterEntry)] == [
        (BlockType.DOMAIN, 2), (BlockType.ADDRESS, 3), (BlockType.ADDRESS, 5), (BlockType.DOMAIN_MASK, 6),
        (BlockType.ADDRESS, 7),
    ]  # fmt: skip
    assert all(i.entry_type == 0 for i in items if isinstance(i, RegisterEntry))


def test_any_other_line_is_a_bad_row() -> None:
    """Its text is not quoted."""
    assert list(flat.read([b"http://a.example/secret\n"], "f")) == [
        BadRow(1, "neither a name nor an address nor a prefix"),
    ]


def test_an_empty_file_is_refused() -> None:
    """It is a failed download."""
    with pytest.raises(ListError, match="empty"):
        list(flat.read([], "f"))


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_give_items(content: bytes) -> None:
    """No exception is raised, because the lines are short."""
    if content != b"\xef\xbb\xbf":
        list(flat.read([content], "f"))
