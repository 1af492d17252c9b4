"""Tiles: how a Merkle tree and its entries are stored and served as immutable files (c2sp.org/tlog-tiles).

A tile has up to 256 consecutive hashes of one level; the hashes of level L+1 are those of full tiles of level L. A
bundle has the entries of a tile of level 0, each behind its length in two bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from probe.errors import RecordError
from probe.formats.merkle import EMPTY_ROOT, HASH_BYTES, root_of
from probe.formats.proof_ranges import Range, consistency_ranges, inclusion_ranges, range_hash, subtrees

TILE_BITS = 8
TILE_WIDTH = 1 << TILE_BITS
MAX_TILE_BYTES = TILE_WIDTH * HASH_BYTES
MAX_LEVEL = 63
MAX_ENTRY_BYTES = 0xFFFF
"""An entry's length stands in two bytes."""
MAX_BUNDLE_BYTES = TILE_WIDTH * (MAX_ENTRY_BYTES + 2)
MAX_SIZE = 1 << 62
"""Entries of a tree, so that every number fits into 64 bits with sign."""


class TileId(NamedTuple):
    """A tile: its level, its number in the level, and how many hashes it has."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        return f"tile/{self.level}/{index_path(self.number)}{_suffix(self.width)}"


def bundle_path(index: int, width: int) -> str:
    """The path of a bundle of entries below the log's prefix."""
    return f"tile/entries/{index_path(index)}{_suffix(width)}"


def index_path(index: int) -> str:
    """A tile's index in groups of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{each}" for each in groups[:-1]), groups[-1]])


def parse_index(text: str) -> tuple[int, int]:
    """Index and width of `<N>[.p/<W>]`, the end of a tile's path.

    Raises:
        RecordError: it has another form than the one that `index_path` gives.
    """
    written, partial, width_text = text.partition(".p/")
    width = TILE_WIDTH
    if partial:
        width = _decimal(width_text)
        if not 0 < width < TILE_WIDTH:
            raise RecordError("is no width of a tile", where=width_text[:20])
    digits = written.replace("x", "").replace("/", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise RecordError("is no index of a tile", where=written[:40])
    index = int(digits)
    if index_path(index) != written:
        raise RecordError("is no index of a tile", where=written[:40])
    return index, width


def width_of(level: int, index: int, size: int) -> int:
    """How many hashes a tile has in a tree of this size; 0 where it has no such tile."""
    return max(0, min(TILE_WIDTH, (size >> TILE_BITS * level) - index * TILE_WIDTH))


def rightmost(size: int) -> list[TileId]:
    """The partial tiles of a tree: those that the next entries may change."""
    found = []
    level = 0
    while size >> TILE_BITS * level:
        count = size >> TILE_BITS * level
        if count % TILE_WIDTH:
            found.append(TileId(level, count // TILE_WIDTH, count % TILE_WIDTH))
        level += 1
    return found


def tile_with(subtree: Range, size: int) -> TileId:
    """The tile of a tree of this size that a complete subtree's hash can be computed from."""
    level, first, _ = _place(subtree)
    index = first // TILE_WIDTH
    return TileId(level, index, width_of(level, index, size))


def tiles_for(parts: Iterable[Range], size: int) -> set[TileId]:
    """The tiles of a tree of this size that the hashes of these ranges are computed from."""
    return {tile_with(each, size) for part in parts for each in subtrees(part)}


def hashes_of(parts: Iterable[Range], size: int, tiles: Mapping[TileId, bytes]) -> list[bytes]:
    """The Merkle tree hash of each range.

    Args:
        parts: ranges, as those of a proof.
        size: of the tree.
        tiles: those that `tiles_for` names.
    """

    def subtree_hash(subtree: Range) -> bytes:
        _, first, count = _place(subtree)
        offset = first % TILE_WIDTH
        return root_of(hashes_in(tiles[tile_with(subtree, size)])[offset : offset + count])

    return [range_hash(part, subtree_hash) for part in parts]


def root_tiles(size: int) -> set[TileId]:
    """The tiles from which the root of a tree is computed."""
    return tiles_for([(0, size)] if size else [], size)


def root_from(size: int, tiles: Mapping[TileId, bytes]) -> bytes:
    """The root of a tree, from the tiles that `root_tiles` names."""
    return hashes_of([(0, size)], size, tiles)[0] if size else EMPTY_ROOT


def inclusion_tiles(index: int, size: int) -> set[TileId]:
    """The tiles from which the inclusion proof of an entry is computed."""
    return tiles_for(inclusion_ranges(index, size), size)


def inclusion_from(index: int, size: int, tiles: Mapping[TileId, bytes]) -> list[bytes]:
    """The inclusion proof of an entry, from the tiles that `inclusion_tiles` names."""
    return hashes_of(inclusion_ranges(index, size), size, tiles)


def consistency_tiles(old: int, size: int) -> set[TileId]:
    """The tiles from which the consistency proof between two sizes is computed."""
    return tiles_for(consistency_ranges(old, size), size)


def consistency_from(old: int, size: int, tiles: Mapping[TileId, bytes]) -> list[bytes]:
    """The consistency proof between two sizes, from the tiles that `consistency_tiles` names."""
    return hashes_of(consistency_ranges(old, size), size, tiles)


def grown(size: int, edge: Mapping[TileId, bytes], leaves: Sequence[bytes]) -> dict[TileId, bytes]:
    """The tiles that are new or longer once leaves are appended.

    Args:
        size: of the tree so far.
        edge: its partial tiles, those that `rightmost` names.
        leaves: hashes of the new entries.
    """
    found: dict[TileId, bytes] = {}
    level, fresh = 0, list(leaves)
    while fresh:
        count = size >> TILE_BITS * level
        index, width = divmod(count, TILE_WIDTH)
        pending = edge[TileId(level, index, width)] if width else b""
        above: list[bytes] = []
        for each in fresh:
            pending += each
            if len(pending) == MAX_TILE_BYTES:
                found[TileId(level, index, TILE_WIDTH)] = pending
                above.append(root_of(hashes_in(pending)))
                index, pending = index + 1, b""
        if pending:
            found[TileId(level, index, len(pending) // HASH_BYTES)] = pending
        level, fresh = level + 1, above
    return found


def hashes_in(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(body: bytes, width: int) -> list[bytes]:
    """The entries of a bundle.

    Raises:
        RecordError: it is cut off, or has more or fewer entries than its width.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(body) and len(entries) <= width:
        length = int.from_bytes(body[at : at + 2], "big")
        entry = body[at + 2 : at + 2 + length]
        if at + 2 > len(body) or len(entry) != length:
            raise RecordError("a bundle of entries is cut off")
        entries.append(entry)
        at += 2 + length
    if len(entries) != width:
        raise RecordError(f"a bundle has not {width} entries")
    return entries


def _place(subtree: Range) -> tuple[int, int, int]:
    """Level of a complete subtree's tile, number of its first hash in the level, and how many hashes it covers."""
    start, end = subtree
    height = (end - start).bit_length() - 1
    level = height // TILE_BITS
    return level, start >> TILE_BITS * level, 1 << height % TILE_BITS


def _suffix(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 3 or text != str(int(text)):
        raise RecordError("is no number", where=text[:20])
    return int(text)
