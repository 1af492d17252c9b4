"""Signed notes: the published example, and what a verifier must refuse or ignore."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.errors import RecordError, UsageError
from probe.formats.signed_note import COSIGNATURE, NoteKey, cosignature_line, open_note, parse_key, sign, text_of

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
"""The example in the documentation of the format's first implementation (golang.org/x/mod/sumdb/note)."""
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def test_the_published_note_verifies_and_signing_gives_it_again() -> None:
    key = parse_key(NEUMANN)

    assert open_note(NOTE, [key]).text == TEXT
    assert sign(TEXT, "PeterNeumann", Ed25519PrivateKey.from_private_bytes(SEED)) == NOTE
    assert str(key) == NEUMANN


def test_a_changed_text_or_another_key_is_refused() -> None:
    key = parse_key(NEUMANN)
    other = NoteKey(name="PeterNeumann", public=OTHER.public_key().public_bytes_raw())

    with pytest.raises(RecordError, match="the signature of PeterNeumann is wrong"):
        open_note(NOTE.replace(b"answer", b"Answer"), [key])
    with pytest.raises(RecordError, match="not signed with the key"):
        open_note(NOTE, [other])
    with pytest.raises(RecordError, match="not signed with the key"):
        open_note(NOTE, [])


def test_signatures_of_unknown_keys_are_ignored_and_those_of_witnesses_read_with_their_time() -> None:
    witness = NoteKey(name="w.example", public=OTHER.public_key().public_bytes_raw(), kind=COSIGNATURE)
    unknown = sign(TEXT, "unknown.example", OTHER).rpartition(b"\n\n")[2]
    note = NOTE + unknown + cosignature_line(TEXT, witness, OTHER, 1_679_315_147)

    opened = open_note(note, [parse_key(NEUMANN), witness])

    assert [(each.key.name, each.time) for each in opened.signatures] == [
        ("PeterNeumann", 0),
        ("w.example", 1_679_315_147),
    ]
    assert parse_key(str(witness)) == witness
    with pytest.raises(RecordError, match=r"the signature of w\.example is wrong"):
        open_note(NOTE + cosignature_line(TEXT + "x", witness, OTHER, 1), [witness])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno signature\n",
        NOTE[:-1],
        NOTE.replace(b"problem,", b"problem,\r"),
        b"\xff" + NOTE,
        NOTE.replace(b"PeterNeumann x08", "Peter\N{NO-BREAK SPACE}Neumann x08".encode()),
        NOTE + b"\xe2\x80\x94 a AAAA\n",
        NOTE * 500,
        NOTE + b"\xe2\x80\x94 a AAAAAAAA\n" * 70,
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(RecordError):
        open_note(note, [parse_key(NEUMANN)])


def test_the_text_ends_at_the_last_empty_line() -> None:
    assert text_of(b"a\n\nb\n\n\xe2\x80\x94 a AAAAAAAA\n") == "a\n\nb\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a+b+c",
        NEUMANN.replace("c74f", "c74e"),
        NEUMANN[:-4],
        NEUMANN.replace("Peter", "Peter "),
        "+" + NEUMANN,
    ],
)
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="key"):
        parse_key(text)
