"""An entry of a register."""

from probe.lists.registers.register_entry import BlockType, RegisterEntry


def test_an_entry_has_no_field_for_a_path() -> None:
    """Only the number of URLs is kept."""
    assert {name for name in RegisterEntry.__struct_fields__ if "url" in name or "path" in name} == {"urls"}
    assert isinstance(RegisterEntry(line=1).urls, int)


def test_block_types_are_those_of_the_official_dump() -> None:
    """The dump leaves the attribute out for blocking by URL; that type is `url` here."""
    assert {kind.value for kind in BlockType} == {"url", "domain", "domain-mask", "ip"}
