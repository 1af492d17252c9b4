"""Merkle trees: published hashes, and verification against the recursive definition of RFC 6962."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.formats.merkle import EMPTY_ROOT, consistent, includes, leaf_hash, node_hash, root_of

LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Roots of the first 1 to 8 leaves: the test vectors of Certificate Transparency (`merkle_tree_test`)."""


def recursive_root(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\1" + recursive_root(entries[:k]) + recursive_root(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, word for word."""
    if len(entries) == 1:
        return []
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m < k:
        return [*path(m, entries[:k]), recursive_root(entries[k:])]
    return [*path(m - k, entries[k:]), recursive_root(entries[:k])]


def subproof(m: int, entries: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2, word for word."""
    if m == len(entries):
        return [] if whole else [recursive_root(entries)]
    k = 1
    while k * 2 < len(entries):
        k *= 2
    if m <= k:
        return [*subproof(m, entries[:k], whole), recursive_root(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), recursive_root(entries[:k])]


def entries_of(size: int) -> list[bytes]:
    """A number of different entries."""
    return [b"entry %d" % number for number in range(size)]


@pytest.mark.parametrize(("size", "root"), list(enumerate(ROOTS, start=1)))
def test_the_published_test_vectors_hold(size: int, root: str) -> None:
    assert root_of(map(leaf_hash, LEAVES[:size])).hex() == root


def test_the_root_of_no_entries_is_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == sha256(b"").digest()


@given(st.integers(0, 70))
def test_the_root_is_that_of_the_recursive_definition(size: int) -> None:
    assert root_of(map(leaf_hash, entries_of(size))) == recursive_root(entries_of(size))


@given(st.data())
def test_an_inclusion_proof_holds_for_its_entry_alone(data: st.DataObject) -> None:
    """Another index, size, leaf or root, a hash more or less, or a changed hash: refused."""
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    entries = entries_of(size)
    proof, root = path(index, entries), recursive_root(entries)
    leaf = leaf_hash(entries[index])

    assert includes(index, size, leaf, proof, root)
    assert not includes(index, size, leaf_hash(b"another"), proof, root)
    assert not includes(index, size, leaf, [*proof, root], root)
    assert not includes(index, size, leaf, proof, leaf_hash(root))
    assert not any(includes(other, size, leaf, proof, root) for other in range(-1, size + 2) if other != index)
    if proof:
        assert not includes(index, size, leaf, proof[:-1], root)
        assert not includes(index, size, leaf, [node_hash(proof[0], proof[0]), *proof[1:]], root)


@given(st.data())
def test_a_consistency_proof_holds_for_its_two_trees_alone(data: st.DataObject) -> None:
    """A tree whose earlier entry was changed is not consistent, whatever the proof."""
    size = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, size))
    entries = entries_of(size)
    proof = subproof(old, entries)
    old_root, root = recursive_root(entries[:old]), recursive_root(entries)
    changed = data.draw(st.integers(0, old - 1))
    forked = [*entries[:changed], b"rewritten", *entries[changed + 1 :]]

    assert consistent(old, size, old_root, root, proof)
    assert not consistent(old, size, old_root, recursive_root(forked), subproof(old, forked))
    assert not consistent(old, size, recursive_root(forked[:old]), root, proof)
    assert not consistent(old, size, old_root, root, [*proof, root])
    if proof:
        assert not consistent(old, size, old_root, root, proof[:-1])


def test_a_tree_without_entries_is_the_beginning_of_every_tree() -> None:
    root = recursive_root(entries_of(3))

    assert consistent(0, 3, EMPTY_ROOT, root, [])
    assert not consistent(0, 3, root, root, [])
    assert not consistent(0, 3, EMPTY_ROOT, root, [root])
    assert not consistent(4, 3, root, root, [])
