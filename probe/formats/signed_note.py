"""Signed notes: a text with Ed25519 signatures of one or more keys (c2sp.org/signed-note, c2sp.org/tlog-cosignature).

A key is written as a verifier key, `name+id+base64`. Its id is the beginning of a hash of name, type and key, so that
a signature line names exactly one key. Two types are known: signatures over the text, and cosignatures of witnesses,
which cover a time as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from probe.errors import RecordError, UsageError

ED25519 = 0x01
COSIGNATURE = 0x04
"""Of a witness: the signature covers the time at which it saw the note."""
MAX_NOTE_BYTES = 128 * 1024
MAX_SIGNATURES = 64
MAX_NAME = 255
KEY_ID_BYTES = 4
_TIME_BYTES = 8
_DASH = "\N{EM DASH} "


class NoteKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key with its name and type."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def id(self) -> bytes:
        """The four bytes that begin each of its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """The verifier key."""
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


class NoteSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature that was verified; `time` is a witness's, in seconds since the Unix epoch, else 0."""

    key: NoteKey
    time: int = 0


class SignedNote(msgspec.Struct, frozen=True, kw_only=True):
    """A note whose signatures were verified: its text with the last newline, and the signatures of known keys."""

    text: str
    signatures: tuple[NoteSignature, ...]


def parse_key(text: str) -> NoteKey:
    """The key of a verifier key, `name+id+base64`.

    Raises:
        UsageError: it is none, its type is not known, or its id is not that of the key.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = _base64(encoded)
    if not _is_name(name) or raw is None or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
        raise UsageError("is no key of a log", where=repr(text[:80]), mend="a key is written name+id+base64")
    key = NoteKey(name=name, public=raw[1:], kind=raw[0])
    if key.id.hex() != key_id.lower():
        raise UsageError("a character of the key is wrong: its id does not fit", where=repr(text[:80]))
    return key


def sign(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """The text as a note that is signed with one key.

    Args:
        text: ends in a newline.
        name: of the key.
        key: the private key.
    """
    public = NoteKey(name=name, public=key.public_key().public_bytes_raw())
    encoded = base64.b64encode(public.id + key.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {encoded}\n".encode()


def cosignature_line(text: str, key: NoteKey, private: Ed25519PrivateKey, time: int) -> bytes:
    """The line that a witness appends to a note whose text it has verified."""
    signed = private.sign(_cosigned(text, time))
    encoded = base64.b64encode(key.id + time.to_bytes(_TIME_BYTES, "big") + signed).decode()
    return f"{_DASH}{key.name} {encoded}\n".encode()


def open_note(note: bytes, keys: Iterable[NoteKey]) -> SignedNote:
    """Verify a note. Signatures of unknown keys are ignored.

    Raises:
        RecordError: it is no note, a known key's signature is wrong, or no known key has signed it.
    """
    text, lines = _divided(note)
    known = {(key.name, key.id): key for key in keys}
    found: list[NoteSignature] = []
    for name, raw in lines:
        key = known.pop((name, raw[:KEY_ID_BYTES]), None)
        if key is not None:
            found.append(_verified(text, key, raw[KEY_ID_BYTES:]))
    if not found:
        raise RecordError("is not signed with the key that is known of the log")
    return SignedNote(text=text, signatures=tuple(found))


def text_of(note: bytes) -> str:
    """The text of a note whose signatures are not verified here.

    Raises:
        RecordError: it is no note.
    """
    return _divided(note)[0]


def _verified(text: str, key: NoteKey, signature: bytes) -> NoteSignature:
    time, message = 0, text.encode()
    if key.kind == COSIGNATURE:
        time = int.from_bytes(signature[:_TIME_BYTES], "big")
        message, signature = _cosigned(text, time), signature[_TIME_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise RecordError(f"the signature of {key.name} is wrong") from error
    return NoteSignature(key=key, time=time)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _divided(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note, and its signature lines as (name, key id and signature).

    Raises:
        RecordError: it is no note.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise RecordError(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise RecordError("is no signed note: no UTF-8") from error
    text, blank, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or lines.pop() or not lines or any(ord(each) < 32 and each != "\n" for each in whole):
        raise RecordError("is no signed note")
    if len(lines) > MAX_SIGNATURES:
        raise RecordError(f"a note with more than {MAX_SIGNATURES} signatures")
    return text + "\n", [_signature_line(line) for line in lines]


def _signature_line(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = _base64(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or raw is None or len(raw) <= KEY_ID_BYTES:
        raise RecordError("a line of a note is no signature")
    return name, raw


def _is_name(name: str) -> bool:
    plain = not any(each.isspace() or each == "+" or not each.isprintable() for each in name)
    return 0 < len(name) <= MAX_NAME and plain


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
