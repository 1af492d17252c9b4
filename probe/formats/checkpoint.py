"""Checkpoints: a log's size and root hash, as the text of a signed note (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.errors import RecordError
from probe.formats.merkle import EMPTY_ROOT, HASH_BYTES
from probe.formats.signed_note import COSIGNATURE, NoteKey, NoteSignature, open_note, sign, text_of
from probe.formats.tiles import MAX_SIZE


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a log: its name, the number of its entries, and the root of the Merkle tree over them.

    Attributes:
        origin: the name of the log, without scheme, such as `collector.example/log`.
        witnesses: the cosignatures that were verified.
    """

    origin: str
    size: int
    root: bytes
    witnesses: tuple[NoteSignature, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, key: Ed25519PrivateKey) -> bytes:
        """The checkpoint as a note that is signed with the log's key."""
        return sign(self.text, self.origin, key)


def open_checkpoint(note: bytes, key: NoteKey, witnesses: Iterable[NoteKey] = ()) -> Checkpoint:
    """Verify the log's signature, and those of the witnesses that have signed.

    Raises:
        RecordError: it is no checkpoint, not of this log, or the signature is wrong.
    """
    opened = open_note(note, [key, *witnesses])
    if not any(each.key == key for each in opened.signatures):
        raise RecordError("is not signed with the key that is known of the log")
    found = parse_checkpoint(opened.text)
    if found.origin != key.name:
        raise RecordError(f"is a checkpoint of another log, {found.origin[:100]}")
    signed = tuple(each for each in opened.signatures if each.key.kind == COSIGNATURE)
    return msgspec.structs.replace(found, witnesses=signed)


def unverified(note: bytes) -> Checkpoint:
    """The checkpoint in a note whose signatures are not verified here.

    Raises:
        RecordError: it is none.
    """
    return parse_checkpoint(text_of(note))


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint in the text of a note. Lines that other logs append are not kept.

    Raises:
        RecordError: it is none.
    """
    origin, size, root, *_ = [*text.split("\n"), "", ""]
    try:
        digest = base64.b64decode(root, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if not origin or not _is_size(size) or len(digest) != HASH_BYTES:
        raise RecordError("is no checkpoint of a log")
    if int(size) == 0 and digest != EMPTY_ROOT:
        raise RecordError("is no checkpoint of a log: a log without entries has another root")
    return Checkpoint(origin=origin, size=int(size), root=digest)


def _is_size(text: str) -> bool:
    """Whether it is a decimal number without leading zeros that fits into 63 bits."""
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    return plain and str(int(text)) == text and int(text) <= MAX_SIZE
