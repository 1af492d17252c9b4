"""Proofs that a log has an entry, in one text file that can be verified offline (c2sp.org/tlog-proof).

Ours carry the entry itself as `extra`, so that the file and the log's key are all that a reader needs.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

import msgspec

from probe.errors import RecordError
from probe.formats.checkpoint import Checkpoint, open_checkpoint
from probe.formats.merkle import HASH_BYTES, MAX_PROOF_HASHES, includes, leaf_hash
from probe.formats.signed_note import MAX_NOTE_BYTES, NoteKey
from probe.formats.tiles import MAX_ENTRY_BYTES, MAX_SIZE

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MEDIA_TYPE = "text/plain"
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 2 * MAX_ENTRY_BYTES + MAX_PROOF_HASHES * 64


class TlogProof(msgspec.Struct, frozen=True, kw_only=True):
    """A proof that is not verified yet.

    Attributes:
        index: of the entry, from 0.
        hashes: the inclusion proof.
        checkpoint: the signed note.
        extra: the entry in our proofs; nothing vouches for it before `verify` has compared its hash.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The file."""
        lines = [FIRST_LINE]
        if self.extra:
            lines.append(f"extra {_encoded(self.extra)}")
        lines += [f"index {self.index}", *(_encoded(each) for each in self.hashes)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint

    def verify(self, entry: bytes, key: NoteKey, witnesses: Iterable[NoteKey] = ()) -> Checkpoint:
        """Return the checkpoint if the log with this key has this entry at the index.

        Raises:
            RecordError: the signature is wrong, or the log does not have the entry there.
        """
        found = open_checkpoint(self.checkpoint, key, witnesses)
        if not includes(self.index, found.size, leaf_hash(entry), self.hashes, found.root):
            raise RecordError("the proof does not lead from the entry to the log's checkpoint")
        return found


def parse_proof(body: bytes) -> TlogProof:
    """The proof in a file.

    Raises:
        RecordError: it is none.
    """
    if len(body) > MAX_PROOF_BYTES:
        raise RecordError(f"a proof of more than {MAX_PROOF_BYTES} bytes")
    head, blank, checkpoint = body.partition(b"\n\n")
    lines = head.decode(errors="replace").split("\n")
    if not blank or lines.pop(0) != FIRST_LINE or not lines:
        raise RecordError(f"is no proof of a log: it does not begin with {FIRST_LINE}")
    extra = b""
    if lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
    index = lines.pop(0) if lines else ""
    number = index.removeprefix("index ")
    plain = number.isascii() and number.isdigit() and len(number) <= 19 and str(int(number)) == number
    if not index.startswith("index ") or not plain or int(number) > MAX_SIZE or len(lines) > MAX_PROOF_HASHES:
        raise RecordError("is no proof of a log: its index is missing")
    hashes = tuple(_decoded(line) for line in lines)
    if any(len(each) != HASH_BYTES for each in hashes):
        raise RecordError("is no proof of a log: a line is no hash")
    return TlogProof(index=int(number), hashes=hashes, checkpoint=checkpoint, extra=extra)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RecordError("is no proof of a log: a line is no base64") from error
