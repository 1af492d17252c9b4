"""The ranges of proofs, compared with the recursive definitions of RFC 6962."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.formats.merkle import leaf_hash, root_of
from probe.formats.proof_ranges import consistency_ranges, inclusion_ranges, range_hash, subtrees
from tests.unit.formats.test_merkle import entries_of, path, recursive_root, subproof


def hashes(entries: list[bytes], ranges: list[tuple[int, int]]) -> list[bytes]:
    """The Merkle tree hash of each range."""
    return [recursive_root(entries[start:end]) for start, end in ranges]


@given(st.data())
def test_the_ranges_are_those_of_the_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    entries = entries_of(size)

    assert hashes(entries, inclusion_ranges(index, size)) == path(index, entries)
    assert hashes(entries, consistency_ranges(old, size)) == subproof(old, entries)


@given(st.integers(1, 2**40), st.data())
def test_a_range_is_composed_of_complete_subtrees_that_begin_at_multiples_of_their_length(
    size: int, data: st.DataObject
) -> None:
    """Their number grows with the logarithm of the tree, and so does a proof."""
    index = data.draw(st.integers(0, size - 1))
    ranges = [*inclusion_ranges(index, size), *consistency_ranges(index + 1, size)]
    parts = [part for each in ranges for part in subtrees(each)]

    assert all((end - start).bit_count() == 1 and start % (end - start) == 0 for start, end in parts)
    assert len(ranges) <= 2 * size.bit_length() + 1


@given(st.integers(1, 70))
def test_the_hash_of_a_range_is_that_of_its_entries(size: int) -> None:
    leaves = [leaf_hash(each) for each in entries_of(size)]

    assert range_hash((0, size), lambda part: root_of(leaves[part[0] : part[1]])) == recursive_root(entries_of(size))


def test_an_entry_or_a_tree_that_is_not_there_has_no_proof() -> None:
    for index, size in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(ValueError, match=str(index)):
            inclusion_ranges(index, size)
    with pytest.raises(ValueError, match="4"):
        consistency_ranges(4, 3)
    assert consistency_ranges(0, 3) == consistency_ranges(3, 3) == []
