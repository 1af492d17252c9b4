"""Proof files: written as the specification says, and worth nothing once a byte of them is changed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import RecordError, UsageError
from probe.formats.checkpoint import Checkpoint
from probe.formats.signed_note import NoteKey
from probe.formats.tlog_proof import TlogProof, parse_proof
from tests.unit.formats.test_merkle import entries_of, path, recursive_root

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = NoteKey(name="c.example/log", public=PRIVATE.public_key().public_bytes_raw())
ENTRIES = entries_of(11)
NOTE = Checkpoint(origin=KEY.name, size=11, root=recursive_root(ENTRIES)).signed(PRIVATE)
PROOF = TlogProof(index=7, hashes=tuple(path(7, ENTRIES)), checkpoint=NOTE, extra=ENTRIES[7])


def test_a_proof_has_the_lines_of_the_specification() -> None:
    lines = PROOF.encode().decode().split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(ENTRIES[7]).decode()
    assert lines[2] == "index 7"
    assert lines[3 : 3 + len(PROOF.hashes)] == [base64.b64encode(each).decode() for each in PROOF.hashes]
    assert PROOF.encode().endswith(b"\n\n" + NOTE)


def test_a_proof_is_read_again_and_holds_for_its_entry_alone() -> None:
    assert parse_proof(PROOF.encode()) == PROOF
    assert PROOF.verify(ENTRIES[7], KEY).size == 11
    with pytest.raises(RecordError, match="does not lead from the entry"):
        PROOF.verify(ENTRIES[6], KEY)


def test_a_proof_without_extra_and_without_hashes_is_read() -> None:
    """That of the only entry of a log."""
    only = Checkpoint(origin=KEY.name, size=1, root=recursive_root(ENTRIES[:1])).signed(PRIVATE)
    proof = TlogProof(index=0, hashes=(), checkpoint=only)

    assert parse_proof(proof.encode()) == proof
    assert proof.verify(ENTRIES[0], KEY).size == 1


@given(st.integers(0, len(PROOF.encode()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_proven(at: int, by: int) -> None:
    """Neither an entry that is not in the log nor a crash."""
    body = bytearray(PROOF.encode())
    body[at] ^= by
    try:
        changed = parse_proof(bytes(body))
        changed.verify(changed.extra, KEY)
    except (RecordError, UsageError):
        return
    assert changed.extra == ENTRIES[7]  # base64 has unused bits


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v2\nindex 1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 01\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex " + b"9" * 5000 + b"\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n!\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nextra AAAA\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + base64.b64encode(b"h" * 32) * 1 + b"\n" * 1 + b"x" * 600_000,
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + (base64.b64encode(b"h" * 32) + b"\n") * 200 + b"\n" + NOTE,
    ],
)
def test_what_is_no_proof_is_refused(body: bytes) -> None:
    with pytest.raises(RecordError):
        parse_proof(body)
