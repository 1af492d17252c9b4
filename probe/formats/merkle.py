"""Merkle trees over a list of entries: hashes, and verification of inclusion and consistency proofs.

The hashes are those of RFC 6962 section 2.1, the verification is that of RFC 9162 sections 2.1.3.2 and 2.1.4.2. Which
hashes a proof consists of is in `probe.formats.proof_ranges`, how they are stored and served in `probe.formats.tiles`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without entries."""
MAX_PROOF_HASHES = 2 * 63
"""Hashes that a proof may have: sizes are below 2**63."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry; its prefix keeps it apart from the hashes of inner nodes."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def root_of(hashes: Iterable[bytes]) -> bytes:
    """The root of a tree whose leaves have these hashes.

    A stack holds the roots of complete subtrees, the largest first, so that memory grows with the logarithm only.
    """
    stack: list[tuple[int, bytes]] = []
    for each in hashes:
        height, value = 0, each
        while stack and stack[-1][0] == height:
            value = node_hash(stack.pop()[1], value)
            height += 1
        stack.append((height, value))
    if not stack:
        return EMPTY_ROOT
    root = stack.pop()[1]
    while stack:
        root = node_hash(stack.pop()[1], root)
    return root


def includes(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the tree of this size and root has this leaf hash at this index (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(each, value)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            value = node_hash(value, each)
        node >>= 1
        last >>= 1
    return last == 0 and value == root


def consistent(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the larger tree begins with all entries of the smaller one (RFC 9162 2.1.4.2).

    Args:
        old: size of the smaller tree; that without entries is the beginning of every tree.
        size: of the larger tree; equal sizes need equal roots and no proof.
        old_root: root of the smaller tree.
        root: root of the larger tree.
        proof: the hashes.
    """
    if not 0 <= old <= size:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == size:
        return not proof and old_root == root
    path = list(proof)
    if old & (old - 1) == 0:  # the smaller tree is complete, and its root a node of the larger one
        path.insert(0, old_root)
    if not path:
        return False
    node, last = old - 1, size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            second = node_hash(second, each)
        node >>= 1
        last >>= 1
    return last == 0 and first == old_root and second == root
