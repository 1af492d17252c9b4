"""Which parts of a Merkle tree a root and the proofs of RFC 6962 (sections 2.1.1 and 2.1.2) consist of.

A part is a range of entries (start, end). Each hash of a proof is the Merkle tree hash of one range, and each range is
composed of complete subtrees, whose hashes are in the tiles (`probe.formats.tiles`). So a caller can read the tiles
from a database or over the network first, and compute afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

from probe.formats.merkle import node_hash

Range = tuple[int, int]
"""Entries from `start` up to and without `end`."""


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes are the inclusion proof of an entry, the leaf's sibling first.

    Raises:
        ValueError: the tree has no such entry.
    """
    if not 0 <= index < size:
        raise ValueError(index)
    start, end = 0, size
    found: list[Range] = []
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def consistency_ranges(old: int, size: int) -> list[Range]:
    """The ranges whose hashes are the consistency proof between two sizes, in the order of RFC 6962 section 2.1.2.

    Raises:
        ValueError: the older tree is the larger one.
    """
    if not 0 <= old <= size:
        raise ValueError(old)
    if old in (0, size):
        return []
    start, end = 0, size
    whole = True
    """Whether the smaller tree's root, which the verifier knows, covers what is looked at."""
    found: list[Range] = []
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
            whole = False
    if not whole:
        found.append((start, end))
    return found[::-1]


def subtrees(part: Range) -> list[Range]:
    """The complete subtrees that a range is composed of, the largest first.

    The range must begin where RFC 6962 divides a tree: at a multiple of its largest subtree.
    """
    start, end = part
    found: list[Range] = []
    while start < end:
        length = 1 << ((end - start).bit_length() - 1)
        found.append((start, start + length))
        start += length
    return found


def range_hash(part: Range, subtree_hash: Callable[[Range], bytes]) -> bytes:
    """The Merkle tree hash of a range, from the hashes of its complete subtrees."""
    hashes = [subtree_hash(each) for each in subtrees(part)]
    value = hashes.pop()
    while hashes:
        value = node_hash(hashes.pop(), value)
    return value


def split(length: int) -> int:
    """The largest power of two below a length of two or more: where RFC 6962 divides a tree."""
    return 1 << ((length - 1).bit_length() - 1)
