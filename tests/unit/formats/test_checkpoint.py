"""Checkpoints of a log: written, verified, and refused when they are another log's or none at all."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.errors import RecordError
from probe.formats.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint, unverified
from probe.formats.merkle import EMPTY_ROOT
from probe.formats.signed_note import COSIGNATURE, NoteKey, cosignature_line, sign

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = NoteKey(name="c.example/log", public=PRIVATE.public_key().public_bytes_raw())
HERE = Checkpoint(origin="c.example/log", size=20_852_163, root=b"r" * 32)


def test_a_checkpoint_has_the_lines_of_the_specification() -> None:
    assert HERE.text == f"c.example/log\n20852163\n{base64.b64encode(b'r' * 32).decode()}\n"
    assert open_checkpoint(HERE.signed(PRIVATE), KEY) == unverified(HERE.signed(PRIVATE)) == HERE


def test_the_example_of_the_specification_is_read() -> None:
    found = parse_checkpoint("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")

    assert (found.origin, found.size, found.root[:2].hex()) == ("example.com/behind-the-sofa", 20_852_163, "0ac5")


def test_lines_that_follow_are_ignored() -> None:
    assert parse_checkpoint(HERE.text + "more\n") == HERE


def test_cosignatures_of_known_witnesses_are_named() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = NoteKey(name="w.example", public=other.public_key().public_bytes_raw(), kind=COSIGNATURE)
    note = HERE.signed(PRIVATE) + cosignature_line(HERE.text, witness, other, 77)

    assert [(each.key.name, each.time) for each in open_checkpoint(note, KEY, [witness]).witnesses] == [
        ("w.example", 77)
    ]
    assert open_checkpoint(note, KEY).witnesses == ()


def test_a_checkpoint_that_only_a_witness_signed_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = NoteKey(name="w.example", public=other.public_key().public_bytes_raw(), kind=COSIGNATURE)
    note = HERE.text.encode() + b"\n" + cosignature_line(HERE.text, witness, other, 77)

    with pytest.raises(RecordError, match="not signed with the key"):
        open_checkpoint(note, KEY, [witness])


def test_a_checkpoint_of_another_name_is_refused_though_the_key_signed_it() -> None:
    note = sign(HERE.text.replace("c.example", "d.example"), KEY.name, PRIVATE)

    with pytest.raises(RecordError, match=r"of another log, d\.example/log"):
        open_checkpoint(note, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n1\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n01\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n-1\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n1\n" + base64.b64encode(b"r" * 31).decode(),
        "a\n1\n!",
        "a\n9999999999999999999\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n" + "9" * 5000 + "\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n0\n" + base64.b64encode(b"r" * 32).decode(),
        "a\n\N{ARABIC-INDIC DIGIT ONE}\n" + base64.b64encode(b"r" * 32).decode(),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        parse_checkpoint(text)


def test_the_checkpoint_of_an_empty_log_is_read() -> None:
    empty = Checkpoint(origin="a", size=0, root=EMPTY_ROOT)

    assert parse_checkpoint(empty.text) == empty
