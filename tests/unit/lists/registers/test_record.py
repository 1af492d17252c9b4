"""A register's entry."""

from dataclasses import fields

from probe.lists.registers.record import BlockType, Record


def test_has_no_place_for_a_path() -> None:
    """URLs are counted and let go: the number is all that can be kept of them."""
    assert {field.name for field in fields(Record) if "url" in field.name or "path" in field.name} == {"urls"}
    assert isinstance(Record(line=1).urls, int)


def test_block_types_are_those_of_the_official_dump() -> None:
    """But for the one that the dump writes by leaving the attribute out."""
    assert {kind.value for kind in BlockType} == {"url", "domain", "domain-mask", "ip"}
