"""What a proof proves, in words; and that nothing is proven by a changed entry, event, key or witness."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.log.verification import event_address, explanation, is_proof, prove
from probe.errors import RecordError, UsageError
from probe.formats.checkpoint import Checkpoint
from probe.formats.log_entry import LogEntry, encode_entry
from probe.formats.merkle import leaf_hash, node_hash
from probe.formats.signed_note import COSIGNATURE, NoteKey, cosignature_line
from probe.formats.tlog_proof import TlogProof
from probe.model.verdict import Status
from tests.loopback.collector.log.published import EVENT, MAY

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = NoteKey(name="c.example/log", public=PRIVATE.public_key().public_bytes_raw())
WITNESS_PRIVATE = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = NoteKey(name="w.example", public=WITNESS_PRIVATE.public_key().public_bytes_raw(), kind=COSIGNATURE)
ENTRY = LogEntry(kind="began", published=MAY, event=EVENT)
BODY = encode_entry(ENTRY)
SIBLING = leaf_hash(b"another")
HERE = Checkpoint(origin=KEY.name, size=2, root=node_hash(leaf_hash(BODY), SIBLING))
PROOF = TlogProof(index=0, hashes=(SIBLING,), checkpoint=HERE.signed(PRIVATE), extra=BODY)
SHOWN = msgspec.json.encode({"event": EVENT, "revisions": [{"kind": "began", "event": EVENT}]})


def test_a_proof_proves_its_entry_and_that_what_is_shown_is_the_same() -> None:
    found = prove(PROOF, KEY, (), SHOWN)
    text = "\n".join(explanation(found, KEY, fetched_key=False))

    assert (found.entry, found.index, found.shown) == (ENTRY, 0, 1)
    assert "WeChat was blocked on AS64500 (RU) from 4 May" in text
    assert "It is entry 0 of the 2 of the log c.example/log" in text
    assert "Revision 1 is shown as the log has it." in text
    assert "That the measurements took place." in text.split("Not proven:")[1]
    assert "came from the same address" not in text
    assert "came from the same address" in "\n".join(explanation(prove(PROOF, KEY), KEY, fetched_key=True))


def test_what_is_shown_otherwise_than_the_log_has_it_is_not_proven() -> None:
    """A collector that changes what it published is found out by one download."""
    changed = msgspec.structs.replace(EVENT, status=Status.THROTTLED)
    for shown, said in (
        ({"event": changed}, "is not what the log has"),
        ({"event": EVENT, "revisions": [{"event": changed}]}, "is not what the log has"),
        ({"event": changed, "revisions": [{"event": EVENT}]}, "is not what the log has"),
        ({"event": msgspec.structs.replace(EVENT, revision=2)}, "the proof is of revision 1"),
        ({"event": {}}, "is no event as"),
    ):
        with pytest.raises(RecordError, match=said):
            prove(PROOF, KEY, (), msgspec.json.encode(shown))


def test_later_revisions_that_are_shown_are_not_proven_with_an_earlier_one() -> None:
    later = msgspec.structs.replace(EVENT, revision=9)
    found = prove(PROOF, KEY, (), msgspec.json.encode({"event": later, "revisions": [{"event": EVENT}]}))

    text = "\n".join(explanation(found, KEY, fetched_key=False))

    assert "The later revisions that are shown, up to 9: the proof is not of them." in text.split("Not proven:")[1]


def test_a_withdrawn_event_is_not_told_as_if_it_stood() -> None:
    """The first line says it; an unknown kind of a newer version is named as it is."""
    for kind, first in (
        ("withdrawn", "WITHDRAWN: WeChat was blocked"),
        ("renamed", "CONTINUED AS ANOTHER EVENT: WeChat"),
        ("futuristic", "WeChat was blocked"),
    ):
        body = encode_entry(msgspec.structs.replace(ENTRY, kind=kind))
        note = Checkpoint(origin=KEY.name, size=1, root=leaf_hash(body)).signed(PRIVATE)
        proof = TlogProof(index=0, hashes=(), checkpoint=note, extra=body)

        lines = explanation(prove(proof, KEY), KEY, fetched_key=False)

        assert lines[0].startswith(first)
        assert "withdrawn by a later revision" in "\n".join(lines)


def test_targets_that_the_entry_had_no_room_for_are_not_compared() -> None:
    long = msgspec.structs.replace(EVENT, targets=tuple(f"https://{n}.example/{'x' * 90}" for n in range(2000)))
    body = encode_entry(LogEntry(kind="began", published=MAY, event=long))
    root = Checkpoint(origin=KEY.name, size=1, root=leaf_hash(body))
    proof = TlogProof(index=0, hashes=(), checkpoint=root.signed(PRIVATE), extra=body)

    assert prove(proof, KEY, (), msgspec.json.encode({"event": long})).shown == 1


def test_a_changed_entry_or_another_key_proves_nothing() -> None:
    other = encode_entry(msgspec.structs.replace(ENTRY, kind="lifted"))
    for proof, key in (
        (msgspec.structs.replace(PROOF, extra=other), KEY),
        (msgspec.structs.replace(PROOF, extra=b""), KEY),
        (msgspec.structs.replace(PROOF, index=1), KEY),
        (PROOF, NoteKey(name=KEY.name, public=WITNESS.public)),
    ):
        with pytest.raises(RecordError):
            prove(proof, key)


def test_a_witness_that_is_asked_for_must_have_signed() -> None:
    signed = msgspec.structs.replace(
        PROOF, checkpoint=PROOF.checkpoint + cosignature_line(HERE.text, WITNESS, WITNESS_PRIVATE, 1_777_896_000)
    )

    text = "\n".join(explanation(prove(signed, KEY, [WITNESS]), KEY, fetched_key=False))

    assert "The witness w.example saw this state of the log at 4 May 2026" in text
    with pytest.raises(RecordError, match=r"not signed by the witness w\.example"):
        prove(PROOF, KEY, [WITNESS])


@pytest.mark.parametrize(
    ("url", "proof", "log"),
    [
        ("https://c.example/e/" + "a" * 16, "https://c.example/api/v1/events/{}/proof", "https://c.example/log"),
        ("https://c.example/api/v1/events/{}", "https://c.example/api/v1/events/{}/proof", "https://c.example/log"),
        (
            "http://c.example:8080/following/0123abcd/e/{}",
            "http://c.example:8080/api/v1/following/0123abcd/events/{}/proof",
            "http://c.example:8080/following/0123abcd/log",
        ),
        (
            "https://c.example/api/v1/following/0123abcd/events/{}/proof",
            "https://c.example/api/v1/following/0123abcd/events/{}/proof",
            "https://c.example/following/0123abcd/log",
        ),
    ],
)
def test_the_addresses_of_proof_and_log_follow_from_the_event_s(url: str, proof: str, log: str) -> None:
    found = event_address(url.format("a" * 16))

    assert (found.proof, found.log) == (proof.format("a" * 16), log)
    assert found.event == found.proof.removesuffix("/proof")


@pytest.mark.parametrize("url", ["", "https://c.example/", "https://c.example/e/xyz", "ftp://c.example/e/" + "a" * 16])
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="no event's address"):
        event_address(url)


def test_a_proof_is_told_from_an_event() -> None:
    assert is_proof(PROOF.encode())
    assert not is_proof(SHOWN)
