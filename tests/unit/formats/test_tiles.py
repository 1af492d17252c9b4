"""Tiles and bundles of entries: paths, growth, and roots and proofs that are computed from them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.errors import RecordError
from probe.formats import tiles
from probe.formats.merkle import EMPTY_ROOT, consistent, includes, leaf_hash, root_of
from probe.formats.tiles import TileId, bundle_path, decode_bundle, encode_bundle, index_path, parse_index

LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


class Tree:
    """A tree that is stored as tiles alone."""

    def __init__(self) -> None:
        self.size = 0
        self.tiles: dict[TileId, bytes] = {}

    def append(self, leaves: list[bytes]) -> None:
        """Append leaves, from the partial tiles alone."""
        edge = self.get(tiles.rightmost(self.size))
        self.tiles |= tiles.grown(self.size, edge, leaves)
        self.size += len(leaves)

    def get(self, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
        """These tiles."""
        return {each: self.tiles[each] for each in wanted}

    @property
    def root(self) -> bytes:
        """The root, computed from tiles."""
        return tiles.root_from(self.size, self.get(tiles.root_tiles(self.size)))


@pytest.fixture(scope="module")
def grown() -> Tree:
    """The tree of the specification's example, 70,000 entries, appended in pieces."""
    tree = Tree()
    for at in range(0, len(LEAVES), 997):
        tree.append(LEAVES[at : at + 997])
    return tree


def test_a_tree_of_70000_entries_has_the_tiles_that_the_specification_names(grown: Tree) -> None:
    """273 full tiles and one of 112 hashes; one full tile and one of 17; one of one hash."""
    full = [each for each in grown.tiles if each.width == 256]
    assert sum(each.level == 0 for each in full) == 273
    assert sum(each.level == 1 for each in full) == 1
    assert tiles.rightmost(70_000) == [TileId(0, 273, 112), TileId(1, 1, 17), TileId(2, 0, 1)]
    assert set(tiles.rightmost(70_000)) <= grown.tiles.keys()
    assert tiles.rightmost(256) == [TileId(1, 0, 1)]
    assert all(len(tile) == 32 * each.width for each, tile in grown.tiles.items())
    assert grown.root == root_of(LEAVES)


@settings(deadline=None)
@given(st.lists(st.integers(1, 700), max_size=4))
def test_growing_in_any_steps_gives_the_same_root(steps: list[int]) -> None:
    tree = Tree()
    for step in steps:
        tree.append(LEAVES[tree.size : tree.size + step])

        assert tree.root == root_of(LEAVES[: tree.size])


def test_the_root_of_no_entries_needs_no_tile() -> None:
    assert tiles.root_tiles(0) == set()
    assert tiles.root_from(0, {}) == EMPTY_ROOT


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_proofs_are_computed_from_the_tiles_that_are_named(data: st.DataObject) -> None:
    """Also at the edges of tiles, where a subtree stands in the level above."""
    size = data.draw(st.one_of(st.integers(1, 600), st.sampled_from([255, 256, 257, 512, 513])))
    index = data.draw(st.integers(0, size - 1))
    tree = Tree()
    tree.append(LEAVES[:size])
    proof = tiles.inclusion_from(index, size, tree.get(tiles.inclusion_tiles(index, size)))
    grown_proof = tiles.consistency_from(index + 1, size, tree.get(tiles.consistency_tiles(index + 1, size)))

    assert includes(index, size, LEAVES[index], proof, tree.root)
    assert consistent(index + 1, size, root_of(LEAVES[: index + 1]), tree.root, grown_proof)


def test_proofs_in_a_tree_of_three_levels_hold(grown: Tree) -> None:
    root = grown.root
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_999):
        found = grown.get(tiles.inclusion_tiles(index, grown.size))

        assert includes(index, grown.size, LEAVES[index], tiles.inclusion_from(index, grown.size, found), root)
    for old in (1, 256, 65_536, 65_537, 69_888):
        found = grown.get(tiles.consistency_tiles(old, grown.size))
        proof = tiles.consistency_from(old, grown.size, found)

        assert consistent(old, grown.size, root_of(LEAVES[:old]), root, proof)


def test_paths_are_those_of_the_specification() -> None:
    assert index_path(1_234_067) == "x001/x234/067"
    assert index_path(0) == "000"
    assert TileId(0, 273, 112).path == "tile/0/273.p/112"
    assert TileId(1, 1000, 256).path == "tile/1/x001/000"
    assert bundle_path(5, 256) == "tile/entries/005"
    assert bundle_path(5, 1) == "tile/entries/005.p/1"


@given(st.integers(0, 10**12), st.integers(1, 256))
def test_an_index_is_read_as_it_is_written(index: int, width: int) -> None:
    path = bundle_path(index, width).removeprefix("tile/entries/")

    assert parse_index(path) == (index, width)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0001",
        "x001",
        "001/000",
        "x000/001",
        "001.p/0",
        "001.p/256",
        "001.p/07",
        "001.p/",
        "../001",
        "\N{ARABIC-INDIC DIGIT ZERO}01",
        "-01",
    ],
)
def test_another_form_of_an_index_is_refused(text: str) -> None:
    """One tile has one address, so that nobody can fill a cache with others."""
    with pytest.raises(RecordError):
        parse_index(text)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_a_bundle_gives_its_entries_back_and_is_refused_when_cut_or_longer(entries: list[bytes]) -> None:
    body = encode_bundle(entries)

    assert decode_bundle(body, len(entries)) == entries
    for wrong in (body[:-1], body + b"\0", body + body, b""):
        with pytest.raises(RecordError):
            decode_bundle(wrong, len(entries))
