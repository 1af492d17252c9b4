"""A register's entry."""

from probe.lists.registers.register_entry import BlockType, RegisterEntry


def test_has_no_place_for_a_path() -> None:
    """URLs are counted and let go: the number is all that can be kept of them."""
    assert {name for name in RegisterEntry.__struct_fields__ if "url" in name or "path" in name} == {"urls"}
    assert isinstance(RegisterEntry(line=1).urls, int)


def test_block_types_are_those_of_the_official_dump() -> None:
    """But for the one that the dump writes by leaving the attribute out."""
    assert {kind.value for kind in BlockType} == {"url", "domain", "domain-mask", "ip"}
